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
from typing import Any, Generic, TypeVar, overload

from django.core.signing import BadSignature, Signer
from django.db.models import F, Q, QuerySet
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

M = TypeVar("M")

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


@overload
def keyset_page(
    queryset: QuerySet[Any, M],
    *,
    order: Order,
    after: str | None = None,
    before: str | None = None,
    per_page: int = 50,
) -> Page[M]: ...
@overload
def keyset_page(
    queryset: QuerySet[Any, Any],
    *,
    order: Order,
    after: str | None = None,
    before: str | None = None,
    per_page: int = 50,
    as_row: Callable[[Any], M],
) -> Page[M]: ...
def keyset_page(
    queryset: QuerySet[Any, Any],
    *,
    order: Order,
    after: str | None = None,
    before: str | None = None,
    per_page: int = 50,
    as_row: Callable[[Any], M] | None = None,
) -> Page[M]:
    """Return the rows after one cursor, or before another, or the first ones.

    `as_row` names the values of a `values_list`, for the cursor reads a row's columns by name.
    """
    cursor = after or before
    edge = read_cursor(cursor, order) if cursor else None
    source: _Source[M] = _Source(queryset, order, per_page, as_row)
    if edge is None:
        page = source.forward(None)
        return Page(page.rows, page.next_cursor, None, is_broken=bool(cursor))
    return source.forward(edge) if after else source.backward(edge)


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


@dataclass(frozen=True, slots=True)
class _Source(Generic[M]):
    """Where the pages of one list come from."""

    queryset: QuerySet[Any, Any]
    order: Order
    per_page: int
    as_row: Callable[[Any], M] | None

    def forward(self, edge: Sequence[Any] | None) -> Page[M]:
        rows = self._rows(self.order, edge)
        more, rows = len(rows) > self.per_page, rows[: self.per_page]
        return Page(
            rows,
            make_cursor(rows[-1], self.order) if more else None,
            make_cursor(rows[0], self.order) if edge is not None and rows else None,
        )

    def backward(self, edge: Sequence[Any]) -> Page[M]:
        rows = self._rows(self.order.turned(), edge)
        if len(rows) <= self.per_page:  # the start is reached: show a whole first page
            return self.forward(None)
        rows = rows[self.per_page - 1 :: -1]
        return Page(rows, make_cursor(rows[-1], self.order), make_cursor(rows[0], self.order))

    def _rows(self, order: Order, edge: Sequence[Any] | None) -> list[M]:
        """Return one row more than a page holds, to see whether another page follows."""
        queryset = self.queryset if edge is None else self.queryset.filter(beyond(order, edge))
        ordering = [
            F(column.expression).desc() if column.descending else F(column.expression).asc()
            for column in order.columns
        ]
        rows = queryset.order_by(*ordering)[: self.per_page + 1]
        return list(rows) if self.as_row is None else [self.as_row(row) for row in rows]


def _signer(order: Order) -> Signer:
    return Signer(salt=f"keyset:{order.name}")


def _written(value: Any) -> tuple[str, str]:
    """Return a value as the letter of its kind and a text that reads back to the very same one."""
    for kind, types, write in WRITERS:
        if isinstance(value, types):
            return kind, write(value)
    return ("n", "") if value is None else ("s", str(value))
