"""Paging by the last row seen instead of by counting rows: page 1,000 costs what page 1 does.

A cursor holds the sort columns of a row at the edge of a page. It is signed, so what comes back is
what we sent; one that doesn't verify, or was made for another order, leads to the first page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from django.core.signing import BadSignature, Signer
from django.db.models import F, Model, Q, QuerySet
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

M = TypeVar("M", bound=Model)

READERS: dict[str, Callable[[str], Any]] = {
    "n": lambda _text: None,
    "d": Decimal,
    "t": datetime.fromisoformat,
    "D": date.fromisoformat,
    "f": float.fromhex,
    "i": int,
    "s": str,
}
# A datetime is a date too, so it comes first.
WRITERS: tuple[tuple[str, type, Callable[[Any], str]], ...] = (
    ("t", datetime, datetime.isoformat),
    ("D", date, date.isoformat),
    ("d", Decimal, str),
    ("f", float, float.hex),
    ("i", int, str),
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an order: what SQL calls it, and the attribute of a row that holds it."""

    expression: str
    attribute: str = ""
    descending: bool = False

    def of(self, row: object) -> Any:
        return getattr(row, self.attribute or self.expression)

    def turned(self) -> Column:
        return Column(self.expression, self.attribute, not self.descending)


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted. The last column must be unique and none may be null."""

    name: str  # cursors of one order are refused by another
    columns: tuple[Column, ...]

    def turned(self) -> Order:
        return Order(self.name, tuple(column.turned() for column in self.columns))


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    rows: Sequence[M]
    next_cursor: str | None = None
    previous_cursor: str | None = None
    is_broken: bool = False  # the cursor could not be used

    @property
    def is_whole(self) -> bool:
        """Say whether these rows are all there are."""
        return self.next_cursor is None and self.previous_cursor is None


def keyset_page(
    queryset: QuerySet[M],
    *,
    order: Order,
    after: str | None = None,
    before: str | None = None,
    per_page: int = 50,
) -> Page[M]:
    """Return the rows after one cursor, or before another, or the first ones."""
    cursor = after or before
    edge = read_cursor(cursor, order) if cursor else None
    if edge is None:
        page = _forward(queryset, order, None, per_page)
        return Page(page.rows, page.next_cursor, None, is_broken=bool(cursor))
    if after:
        return _forward(queryset, order, edge, per_page)
    return _backward(queryset, order, edge, per_page)


def make_cursor(row: object, order: Order) -> str:
    values = [_written(column.of(row)) for column in order.columns]
    body = urlsafe_base64_encode(json.dumps(values, ensure_ascii=False).encode())
    return _signer(order).sign(body)


def read_cursor(cursor: str, order: Order) -> tuple[Any, ...] | None:
    """Return the values of a cursor, or None for one that we did not make for this order."""
    try:
        body = urlsafe_base64_decode(_signer(order).unsign(cursor))
    except (BadSignature, ValueError):
        return None
    return tuple(READERS[kind](text) for kind, text in json.loads(body))


def beyond(order: Order, edge: Sequence[Any]) -> Q | TupleGreaterThan | TupleLessThan:
    """Return the condition "comes after these values in this order".

    Columns that all run one way make one row comparison, which an index answers directly.
    """
    directions = {column.descending for column in order.columns}
    if len(directions) == 1:
        lookup = TupleLessThan if directions == {True} else TupleGreaterThan
        return lookup(tuple(F(column.expression) for column in order.columns), tuple(edge))
    condition = Q()
    for depth, column in enumerate(order.columns):
        equal = {order.columns[at].expression: edge[at] for at in range(depth)}
        step = "lt" if column.descending else "gt"
        condition |= Q(**equal, **{f"{column.expression}__{step}": edge[depth]})
    first = order.columns[0]
    bound = "lte" if first.descending else "gte"  # what an index can start from
    return Q(**{f"{first.expression}__{bound}": edge[0]}) & condition


def _forward(queryset: QuerySet[M], order: Order, edge: Sequence[Any] | None, per_page: int) -> Page[M]:
    rows = _rows(queryset, order, edge, per_page + 1)
    more, rows = len(rows) > per_page, rows[:per_page]
    return Page(
        rows,
        make_cursor(rows[-1], order) if more else None,
        make_cursor(rows[0], order) if edge is not None and rows else None,
    )


def _backward(queryset: QuerySet[M], order: Order, edge: Sequence[Any], per_page: int) -> Page[M]:
    rows = _rows(queryset, order.turned(), edge, per_page + 1)
    if len(rows) <= per_page:  # the start is reached: show a whole first page
        return _forward(queryset, order, None, per_page)
    rows = rows[per_page - 1 :: -1]
    return Page(rows, make_cursor(rows[-1], order), make_cursor(rows[0], order))


def _rows(queryset: QuerySet[M], order: Order, edge: Sequence[Any] | None, limit: int) -> list[M]:
    if edge is not None:
        queryset = queryset.filter(beyond(order, edge))
    ordering = [
        F(column.expression).desc() if column.descending else F(column.expression).asc()
        for column in order.columns
    ]
    return list(queryset.order_by(*ordering)[:limit])


def _signer(order: Order) -> Signer:
    return Signer(salt=f"keyset:{order.name}")


def _written(value: Any) -> tuple[str, str]:
    """Return a value as the letter of its kind and a text that reads back to the very same one."""
    for kind, types, write in WRITERS:
        if isinstance(value, types):
            return kind, write(value)
    return ("n", "") if value is None else ("s", str(value))
