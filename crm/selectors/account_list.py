"""The account list: its orders, its rows and the numbers beside them, each in one query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, QuerySet

from crm.models import Account
from crm.selectors.account_criteria import SCORE_KINDS, VALUE_KINDS, with_numbers
from crm.selectors.keyset import Column, Order, Page, keyset_page

COUNT_CAP = 1_000
DEFAULT_SORT = "name"
LIST_COLUMNS = (
    "public_id", "name", "kind", "country", "industry", "stage", "customer_since", "created_at",
    "owner_id", "team_id", "book_id", "currency",
)  # fmt: skip
_PLAIN = {"name": "name", "customer_since": "customer_since", "created": "pk"}

# One round trip for all numbers of a page; the last order by one index probe an account.
_NUMBERS = """
    SELECT account_id, kind, value, NULL::timestamptz FROM crm_score WHERE account_id = ANY(%(ids)s)
    UNION ALL
    SELECT account_id, kind, amount::float8, NULL FROM crm_value WHERE account_id = ANY(%(ids)s)
    UNION ALL
    SELECT wanted.id, 'last_order', NULL, newest.placed_at
    FROM unnest(%(ids)s::bigint[]) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT placed_at FROM crm_order
        WHERE account_id = wanted.id AND kind = 'sale'
        ORDER BY placed_at DESC LIMIT 1
    ) AS newest
"""


@dataclass(frozen=True, slots=True)
class AccountSort:
    """How the list is sorted, and which published number an account needs to be in it."""

    key: str
    order: Order
    needs: str = ""

    @property
    def text(self) -> str:
        return f"-{self.key}" if self.order.columns[0].descending else self.key


@dataclass(frozen=True, slots=True)
class AccountRow:
    account: Account
    numbers: Mapping[str, float] = field(default_factory=dict)
    last_order_at: datetime | None = None


def account_sort(text: str) -> AccountSort:
    """Return the order that `-churn` or `name` asks for, and the default for anything else."""
    key, down = text.removeprefix("-"), text.startswith("-")
    if key in SCORE_KINDS or key in VALUE_KINDS:
        # The number's own account column, not the account's key: both must lie in one index.
        first, tie = Column("sort_value", descending=down), Column("sort_account", "pk", down)
        return AccountSort(key, Order(f"account:{text}", (first, tie)), needs=key)
    if key not in _PLAIN:
        return account_sort(DEFAULT_SORT)
    columns = tuple(Column(name, descending=down) for name in dict.fromkeys((_PLAIN[key], "pk")))
    return AccountSort(
        key, Order(f"account:{text}", columns), "customer_since" if key == "customer_since" else ""
    )


def sorted_accounts(accounts: QuerySet[Account], sort: AccountSort) -> QuerySet[Account]:
    """Keep those that have what the list is sorted by, and carry it along for the cursor.

    It is named by annotations, since each `filter()` that spells out the relation would join it again.
    """
    if sort.key == "customer_since":
        return accounts.filter(customer_since__isnull=False)
    if not sort.needs:
        return accounts
    relation, column = (
        (f"{sort.key}_score", "value") if sort.key in SCORE_KINDS else (f"{sort.key}_amount", "amount")
    )
    numbered = with_numbers(accounts).alias(sort_account=F(f"{relation}__account_id"))
    return numbered.annotate(sort_value=F(f"{relation}__{column}")).filter(sort_value__isnull=False)


def account_page(
    accounts: QuerySet[Account],
    *,
    sort: AccountSort,
    after: str | None = None,
    before: str | None = None,
    per_page: int = 50,
) -> Page[Account]:
    narrow = sorted_accounts(accounts, sort).only(*LIST_COLUMNS)
    return keyset_page(narrow, order=sort.order, after=after, before=before, per_page=per_page)


def account_rows(accounts: Sequence[Account]) -> list[AccountRow]:
    """Return the accounts with their published numbers and last orders, by one query."""
    numbers: dict[int, dict[str, float]] = {account.pk: {} for account in accounts}
    last: dict[int, datetime] = {}
    if accounts:
        with connection.cursor() as cursor:
            cursor.execute(_NUMBERS, {"ids": list(numbers)})
            for account_id, kind, number, at in cursor:
                if kind == "last_order":
                    last[account_id] = at
                else:
                    numbers[account_id][kind] = number
    return [AccountRow(account, numbers[account.pk], last.get(account.pk)) for account in accounts]


def capped_count(accounts: QuerySet[Any], cap: int = COUNT_CAP) -> int:
    """Count up to one more than `cap`: enough to say "1,000+" without reading them all."""
    return accounts.order_by()[: cap + 1].count()
