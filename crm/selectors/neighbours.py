"""The accounts before and after one, in the list that somebody came from."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from django.db.models import F, QuerySet

from crm.models import Account
from crm.selectors.account_list import AccountSort, sorted_accounts
from crm.selectors.keyset import Order, beyond


class Neighbour(NamedTuple):
    public_id: UUID
    name: str

    def get_absolute_url(self) -> str:
        return f"/accounts/{self.public_id}/"


def get_neighbours(
    accounts: QuerySet[Account], *, sort: AccountSort, account: Account
) -> tuple[Neighbour | None, Neighbour | None]:
    """Return the account before and the account after this one.

    It need not be in the list any more: whoever assigns the accounts that belong to nobody, one after
    the other, goes on from where each of them stood.
    """
    itself = sorted_accounts(Account.objects.filter(pk=account.pk), sort)
    place = itself.values_list(*(column.attribute or column.expression for column in sort.order.columns))
    edge = place.first()
    if edge is None:
        return None, None
    listed = sorted_accounts(accounts, sort)
    return _first_beyond(listed, sort.order.turned(), edge), _first_beyond(listed, sort.order, edge)


def _first_beyond(accounts: QuerySet[Account], order: Order, edge: tuple[object, ...]) -> Neighbour | None:
    ordering = [
        F(column.expression).desc() if column.descending else F(column.expression).asc()
        for column in order.columns
    ]
    found = accounts.filter(beyond(order, edge)).order_by(*ordering)
    row = found.values_list("public_id", "name").first()
    return None if row is None else Neighbour(*row)
