"""What a book's customers are worth: those who order when they like, and those under contract."""

from typing import Self

from sklearn.base import BaseEstimator

from analytics.ml.value import CustomerValue
from analytics.ml.value_contract import ContractSurvival


class BookValue(BaseEstimator):
    """The models of one book, each where the book has what it is learnt from.

    Parameters
    ----------
    orders : CustomerValue or None
        Of purchases without a contract.
    contracts : ContractSurvival or None
        Of how long subscriptions run.
    """

    def __init__(
        self, *, orders: CustomerValue | None = None, contracts: ContractSurvival | None = None
    ) -> None:
        self.orders = orders
        self.contracts = contracts

    @classmethod
    def of(cls, model: CustomerValue | Self) -> Self:
        """Return a stored model as this, also one that was stored when there were orders only."""
        return cls(orders=model) if isinstance(model, CustomerValue) else model
