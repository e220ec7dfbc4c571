"""What customers without a contract will buy, and for how much, from when they bought."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from analytics.ml.value_choice import MODELS, choose_model, model_named
from analytics.ml.value_histories import FloatArray, History, checked_history
from analytics.ml.value_pareto import ParetoNBD
from analytics.ml.value_purchases import BetaGeoNBD, ModifiedBetaGeoNBD, PurchaseModel
from analytics.ml.value_spend import GammaGammaSpend, ShrunkenMeanSpend, checked_amounts, fit_spend

__all__ = [
    "BetaGeoNBD",
    "CustomerValue",
    "Earlier",
    "GammaGammaSpend",
    "History",
    "ModifiedBetaGeoNBD",
    "ParetoNBD",
    "PurchaseRange",
    "ShrunkenMeanSpend",
    "ValueForecast",
    "checked_history",
]

_BLOCK = 4_096  # customers at a time
_STEPS = 12  # parts of the horizon whose purchases are discounted as one


class ValueForecast(NamedTuple):
    """Forecast of each customer over a horizon; every array has shape (n,) and is finite.

    Attributes
    ----------
    expected : array
        Expected money, in the unit of the amounts, discounted.
    low, high : array
        Predictive interval of what the customer will really spend.
    purchases : array
        Expected number of purchases.
    alive : array
        Chance that the customer is still active, 0..1.
    least_purchases, most_purchases : array
        Predictive interval of the number of purchases.
    """

    expected: FloatArray
    low: FloatArray
    high: FloatArray
    purchases: FloatArray
    alive: FloatArray
    least_purchases: FloatArray
    most_purchases: FloatArray


class PurchaseRange(NamedTuple):
    """How many purchases each customer may make; every array has shape (n,).

    Attributes
    ----------
    least, most : array
        Predictive interval.
    median : array
        As many or more in half of the futures: the guess with the smallest absolute error, where
        the expectation is that with the smallest squared one.
    """

    least: FloatArray
    median: FloatArray
    most: FloatArray


class Earlier(NamedTuple):
    """Histories of the same book at an earlier moment, by which the model is chosen.

    Attributes
    ----------
    history : History
        Of those who were customers then.
    rows : array of shape (len(history.T),)
        Where each of them stands among all customers.
    """

    history: History
    rows: NDArray[np.intp]


class CustomerValue(BaseEstimator):
    r"""Money that each customer will bring within a horizon, with a predictive interval.

    The expectation is :math:`E(\text{purchases}) \cdot E(M)`: purchases of the Pareto/NBD, or of
    the MBG/NBD or BG/NBD where they foresaw the book's own past better; amounts of the
    gamma-gamma, or of shrunken means where its assumptions fail. The interval comes from the same
    two models by simulation of each customer's posterior.

    Parameters
    ----------
    confidence : float
        Share of customers whose spending should fall within their interval, in (0, 1).
    draws : int
        Simulated futures for each customer.
    random_state : int
        Seed; the same input gives the same intervals.
    model : {"auto", "pareto_nbd", "mbg_nbd", "bg_nbd"}
        Which model of purchases; "auto" chooses.
    discount : float
        Continuous rate at which money loses worth, in each unit of `T`; 0 for none.

    Attributes
    ----------
    purchases_ : PurchaseModel
    spend_ : GammaGammaSpend or ShrunkenMeanSpend
    model_ : str
        Name of the model of purchases.
    choice_ : dict
        `held_out`, `log_likelihoods` and `gains` of `value_choice.Choice`; empty without choice.
    warnings_ : list of dict
        Codes and figures of what was not as the models assume.

    Notes
    -----
    `mean_amount` is the mean over all the customer's orders, the first included. The uncertainty
    of the few population parameters is not simulated. Where most futures bring nothing, the
    expectation can lie above the upper quantile; the interval is then widened to hold it.
    """

    discount: float = 0.0  # of models that were stored before there was any

    def __init__(
        self,
        *,
        confidence: float = 0.90,
        draws: int = 200,
        random_state: int = 0,
        model: str = "auto",
        discount: float = 0.0,
    ) -> None:
        self.confidence = confidence
        self.draws = draws
        self.random_state = random_state
        self.model = model
        self.discount = discount

    def fit(
        self,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
        mean_amount: ArrayLike | None = None,
        *,
        earlier: Earlier | None = None,
    ) -> Self:
        """Choose and fit both models.

        Parameters
        ----------
        frequency, recency, T : arrays of shape (n,)
            Histories, see `PurchaseModel`.
        mean_amount : array of shape (n,), optional
            Positive; without it only purchases can be forecast.
        earlier : Earlier, optional
            Without it the model is chosen by its fit alone.
        """
        history = checked_history(frequency, recency, T)
        self.model_, self.choice_ = self._choose(history, earlier)
        self.purchases_: PurchaseModel = model_named(self.model_).fit(*history)
        self.warnings_: list[dict[str, object]] = []
        self.spend_: GammaGammaSpend | ShrunkenMeanSpend | None = None
        if mean_amount is not None:
            self.spend_, warning = fit_spend(history.frequency + 1.0, mean_amount)
            self.warnings_ += [warning] if warning else []
        return self

    def expected_purchases(
        self, t: ArrayLike, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike
    ) -> FloatArray:
        """Return the purchases expected in the next `t`, shape (n,), not discounted."""
        check_is_fitted(self)
        return self.purchases_.expected_purchases(t, frequency, recency, T)

    def expected_value(
        self,
        t: float,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
        mean_amount: ArrayLike,
    ) -> FloatArray:
        """Return the money expected in the next `t`, shape (n,), discounted."""
        history = checked_history(frequency, recency, T)
        purchases = self.expected_purchases(t, *history)
        return purchases * self._each(history, mean_amount) * self._worth(t, history, purchases)

    def purchase_range(
        self, t: float, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike
    ) -> PurchaseRange:
        """Return how many purchases each customer may make in the next `t`."""
        check_is_fitted(self)
        history = checked_history(frequency, recency, T)
        alive = self.purchases_.probability_alive(*history)
        return PurchaseRange(*self._futures(history, np.zeros_like(alive), alive, t)[0])

    def forecast(
        self,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
        mean_amount: ArrayLike,
        *,
        horizon: float,
    ) -> ValueForecast:
        """Return what each customer will bring within `horizon`, in the unit of `T`."""
        check_is_fitted(self)
        history = checked_history(frequency, recency, T)
        purchases = self.purchases_.expected_purchases(horizon, *history)
        worth = self._worth(horizon, history, purchases)
        expected = purchases * self._each(history, mean_amount) * worth
        alive = self.purchases_.probability_alive(*history)
        _orders, amount = checked_amounts(history.frequency + 1.0, mean_amount)
        (least, _median, most), (low, _half, high) = self._futures(history, amount, alive, horizon)
        return ValueForecast(
            expected,
            np.minimum(low * worth, expected),
            np.maximum(high * worth, expected),
            purchases,
            alive,
            np.minimum(least, purchases),
            np.maximum(most, purchases),
        )

    def _choose(self, history: History, earlier: Earlier | None) -> tuple[str, dict[str, object]]:
        if self.model != "auto":
            return self.model, {}
        none = history.take(slice(0, 0))
        before, rows = earlier or (none, np.zeros(0, dtype=np.intp))
        choice = choose_model(before, history.take(rows), whole=history)
        return choice.name, {
            "held_out": choice.held_out,
            "log_likelihoods": choice.log_likelihoods,
            "gains": choice.gains,
        }

    def _each(self, history: History, mean_amount: ArrayLike) -> FloatArray:
        """Return the expected amount a purchase."""
        if self.spend_ is None:
            raise ValueError("this model was fitted without amounts")
        return self.spend_.expected_average(history.frequency + 1.0, mean_amount)

    def _worth(self, t: float, history: History, purchases: FloatArray) -> FloatArray:
        """Return what a unit of money within the horizon is worth today, by when it comes."""
        if self.discount <= 0.0 or t <= 0.0:
            return np.ones_like(purchases)
        edges = np.linspace(0.0, t, _STEPS + 1)
        reached = np.array([self.purchases_.expected_purchases(edge, *history) for edge in edges])
        middle = (edges[1:] + edges[:-1]) / 2.0
        today = np.exp(-self.discount * middle) @ np.diff(reached, axis=0)
        worth = np.ones_like(purchases)
        np.divide(today, purchases, out=worth, where=purchases > 0.0)
        return worth

    def _futures(self, history: History, amount: FloatArray, alive: FloatArray, horizon: float) -> FloatArray:
        """Return purchases and money of simulated futures as lower, middle and upper quantile, (2, 3, n)."""
        tail = (1.0 - self.confidence) / 2.0
        rng = np.random.default_rng(self.random_state)
        first = rng.bit_generator.state
        columns = (history.frequency, history.T, amount, alive)
        customers = list(zip(*(column.tolist() for column in columns), strict=True))
        bounds: FloatArray = np.empty((2, 3, len(customers)))
        for start in range(0, len(customers), _BLOCK):
            rows = slice(start, start + _BLOCK)
            futures = np.empty((2, self.draws, len(customers[rows])))
            for at, (x, tenure, each, living) in enumerate(customers[rows]):
                rng.bit_generator.state = first  # the same luck for all, whoever else is asked about
                futures[:, :, at] = self._simulate(x, tenure, each, living, horizon, rng)
            quantiles = np.quantile(futures, [tail, 0.5, 1.0 - tail], axis=1)
            bounds[:, :, rows] = quantiles.swapaxes(0, 1)
        return bounds

    def _simulate(  # noqa: PLR0917  # what is known of one customer, and how to go on
        self, x: float, T: float, amount: float, alive: float, horizon: float, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """Return one customer's simulated purchases and money, each of shape (draws,)."""
        count = self.purchases_.draw_purchases(rng, self.draws, x=x, T=T, alive=alive, horizon=horizon)
        if self.spend_ is None or amount <= 0.0:
            return count, np.zeros_like(count)
        return count, self.spend_.draw_totals(rng, count, orders=x + 1.0, amount=amount)


def fitted_models(history: History) -> dict[str, PurchaseModel]:
    """Return every model of purchases fitted to these histories, by name."""
    return {kind.name: kind().fit(*history) for kind in MODELS}
