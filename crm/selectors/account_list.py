"""The account list: its orders, and its rows with the numbers beside them, in one query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F, Field, Func, QuerySet, TextField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from crm.models import Account
from crm.selectors.account_criteria import SCORE_KINDS, VALUE_KINDS, with_numbers
from crm.selectors.keyset import Column, Order, Page, keyset_page

COUNT_CAP = 1_000
COUNT_CAP_OF_JOINS = 100  # each published number in a filter is a probe of its own for each account
DEFAULT_SORT = "name"
LIST_COLUMNS = (
    "pk", "text_id", "name", "country", "industry", "stage", "customer_since", "created_at",
    "owner_id", "book_id", "numbers",
)  # fmt: skip
_PLAIN = {"name": "name", "customer_since": "customer_since", "created": "pk"}


class _Numbers(Func):
    """All numbers published about an account, and when it last ordered, as one JSON object.

    PostgreSQL works it out for the rows of the page alone, after it has sorted and cut.
    """

    template = """(
        SELECT json_object_agg(published.kind, published.number) FROM (
            SELECT kind, value AS number FROM crm_score WHERE account_id = %(expressions)s
            UNION ALL
            SELECT kind, amount::float8 FROM crm_value WHERE account_id = %(expressions)s
            UNION ALL
            (SELECT 'last_order', extract(epoch FROM placed_at)::float8 FROM crm_order
             WHERE account_id = %(expressions)s AND kind = 'sale' ORDER BY placed_at DESC LIMIT 1)
        ) AS published
    )"""
    output_field = Field()  # psycopg itself reads `json`


@dataclass(frozen=True, slots=True)
class AccountSort:
    """How the list is sorted, and which published number an account needs to be in it."""

    key: str
    order: Order
    needs: str = ""

    @property
    def text(self) -> str:
        return f"-{self.key}" if self.order.columns[0].descending else self.key


class AccountRow(NamedTuple):
    """What a list shows of an account. A list has 51 of them, so they are no model instances."""

    pk: int
    public_id: str
    name: str
    country: str
    industry: str
    stage: str
    customer_since: date | None
    created_at: datetime
    owner_id: int | None
    book_id: int
    published: Mapping[str, float] | None
    found: int | None = None  # how many the whole list has, up to one more than the cap
    sort_value: Any = None  # of the number that the list is sorted by
    attributes: Mapping[str, Any] | None = None  # custom ones, where a column shows one

    @property
    def numbers(self) -> Mapping[str, float]:
        return self.published or {}

    @property
    def last_order_at(self) -> datetime | None:
        seconds = self.numbers.get("last_order")
        return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)

    def get_absolute_url(self) -> str:
        return f"/accounts/{self.public_id}/"


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
    numbered = with_numbers(accounts, [sort.key]).alias(sort_account=F(f"{relation}__account_id"))
    return numbered.annotate(sort_value=F(f"{relation}__{column}")).filter(sort_value__isnull=False)


def account_page(
    accounts: QuerySet[Account],
    *,
    sort: AccountSort,
    after: str | None = None,
    before: str | None = None,
    per_page: int = 50,
    count_to: int = 0,
    with_attributes: bool = False,
) -> Page[AccountRow]:
    """Return one page of what `sorted_accounts` made, each account with its numbers.

    With `count_to` each row also says how many rows there are on all pages, up to one more than that.
    """
    more = [
        *(["found"] if count_to else []),
        *(["sort_value"] if _is_published(sort) else []),
        *(["attributes"] if with_attributes else []),
    ]
    if count_to:
        sql, parameters = _count_of(accounts, count_to)
        accounts = accounts.annotate(found=RawSQL(f"({sql})", parameters))  # noqa: S611 - Django's own SQL

    def as_row(values: tuple[Any, ...]) -> AccountRow:
        return AccountRow(*values[: -len(more)], **dict(zip(more, values[-len(more) :], strict=True)))

    return keyset_page(
        _as_tuples(accounts, *more), order=sort.order, after=after, before=before, per_page=per_page,
        as_row=as_row if more else _row,
    )  # fmt: skip


def account_rows(accounts: QuerySet[Account]) -> list[AccountRow]:
    """Return these accounts, in the order of the query, each with its numbers."""
    return [_row(values) for values in _as_tuples(accounts)]


def _as_tuples(accounts: QuerySet[Account], *more: str) -> QuerySet[Account, tuple[Any, ...]]:
    texts = accounts.annotate(numbers=_Numbers(F("pk")), text_id=Cast("public_id", TextField()))
    return texts.values_list(*LIST_COLUMNS, *more)


def _row(values: tuple[Any, ...]) -> AccountRow:
    return AccountRow(*values)


def _is_published(sort: AccountSort) -> bool:
    return sort.needs in SCORE_KINDS or sort.needs in VALUE_KINDS


def capped_count(accounts: QuerySet[Any], cap: int = COUNT_CAP) -> int:
    """Count up to one more than `cap`: enough to say "1,000+" without reading them all."""
    with connection.cursor() as cursor:
        cursor.execute(*_count_of(accounts, cap))
        return int(cursor.fetchone()[0])


def _count_of(accounts: QuerySet[Any], cap: int) -> tuple[str, tuple[Any, ...]]:
    try:
        sql, parameters = accounts.order_by().values_list("pk")[: cap + 1].query.sql_with_params()
    except EmptyResultSet:  # what Django can tell without asking
        return "SELECT 0", ()
    return f"SELECT count(*) FROM ({sql}) AS found", parameters
