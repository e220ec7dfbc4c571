"""What must not be offered, to anybody or to some, and what products are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from analytics.ml.content import content_vectors
from crm.models import Account, Book, Order, OrderLine, Product
from crm.selectors.offer_answers import QUIET_DAYS, settled_offers

Ints = NDArray[np.int64]
MOST_OF_CATEGORY = 3  # in one list, unless it would be short otherwise


@dataclass(frozen=True, slots=True)
class Rules:
    """Business rules by position of account and product.

    `barred` is what is not sold any more; `hidden` is 1 where one account must not be offered a
    product: it is not sold in its country, bought once for life and bought, or answered lately;
    `groups` are categories, -1 for none.
    """

    barred: NDArray[np.bool_]
    hidden: sp.csr_array | None
    groups: Ints


def read_rules(book: Book, as_of: datetime, account_ids: Ints, product_ids: Ints) -> Rules:
    rows = _rows(book, product_ids, "is_sold", "category")
    sold = np.array([sold for sold, _category in rows], dtype=bool)
    names, code = np.unique([category or "" for _sold, category in rows], return_inverse=True)
    groups = np.where(names == "", -1, np.arange(names.size))[code]
    parts = [*_by_country(book, account_ids, product_ids)]
    pairs = [*_bought_once(book, as_of), *settled_offers(book, since=as_of - timedelta(days=QUIET_DAYS))]
    if pairs:
        parts.append(_as_matrix(pairs, account_ids, product_ids))
    hidden = sp.csr_array(sum(parts[1:], start=parts[0])) if parts else None
    return Rules(~sold, hidden, groups)


def read_content(book: Book, product_ids: Ints) -> NDArray[np.float32]:
    """Return what products are by category, words of the name, and price band."""
    rows = _rows(book, product_ids, "name", "category", "price")
    prices = [np.nan if price is None else float(price) for _name, _category, price in rows]
    return content_vectors([row[0] or "" for row in rows], [row[1] or "" for row in rows], prices)


def _rows(book: Book, product_ids: Ints, *columns: str) -> list[tuple[Any, ...]]:
    """Return these columns of products in their order; nothing where one was deleted meanwhile."""
    found = {row[0]: row[1:] for row in Product.objects.filter(book=book).values_list("pk", *columns)}
    nothing = (None,) * len(columns)
    return [found.get(key, nothing) for key in product_ids.tolist()]


def _by_country(book: Book, account_ids: Ints, product_ids: Ints) -> Iterator[sp.csr_array]:
    """Yield what is not sold where an account is; an account without a country may buy anything."""
    somewhere = Product.objects.filter(book=book).exclude(sold_in="").values_list("pk", "sold_in")
    limited = {key: set(codes.split()) for key, codes in somewhere if codes.split()}
    if not limited:
        return
    accounts = Account.objects.filter(book=book).exclude(country="").values_list("pk", "country")
    country = dict(accounts.iterator(10_000))
    places = sorted(set(country.values()))
    closed = [
        (place, key) for place, code in enumerate(places) for key in limited if code not in limited[key]
    ]
    by_place = _as_matrix(closed, np.arange(len(places)), product_ids)
    number = {code: place for place, code in enumerate(places)}
    where = np.array([number.get(country.get(key, ""), -1) for key in account_ids.tolist()], dtype=np.int64)
    row = np.flatnonzero(where >= 0)
    lives_in = sp.csr_array((np.ones(row.size), (row, where[row])), shape=(where.size, len(places)))
    yield sp.csr_array(lives_in @ by_place)


def _bought_once(book: Book, as_of: datetime) -> Iterable[tuple[int, int]]:
    """Return who has bought what nobody buys twice, however long ago."""
    lines = OrderLine.objects.filter(
        order__book=book,
        order__kind=Order.Kind.SALE,
        order__placed_at__lt=as_of,
        order__cancelled_at=None,
        product__is_bought_once=True,
    )
    return lines.values_list("order__account_id", "product_id").distinct()


def _as_matrix(pairs: Iterable[tuple[int, int]], row_ids: Ints, column_ids: Ints) -> sp.csr_array:
    """Return 1 for each pair of ids, leaving out those that are not asked for."""
    row_id, column_id = np.array(list(pairs), dtype=np.int64).reshape(-1, 2).T
    known = np.isin(row_id, row_ids) & np.isin(column_id, column_ids)
    row = np.searchsorted(row_ids, row_id[known])
    column = np.searchsorted(column_ids, column_id[known])
    return sp.csr_array((np.ones(row.size), (row, column)), shape=(row_ids.size, column_ids.size))
