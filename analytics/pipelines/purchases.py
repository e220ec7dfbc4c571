"""What accounts bought, by position of account and product: what recommendations are learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from analytics import features
from analytics.lake import Lake
from analytics.ml.history import History
from analytics.ml.history import Purchases as Lines
from analytics.ml.recommend import Recommender
from crm.models import Account, Book, Product

HISTORY_DAYS = 730
# What goes with what is learnt from so many accounts at most: more would say the same, and millions
# of them would not fit into memory.
MOST_LEARNT_FROM = 100_000
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Purchases:
    """Order lines by position of account and product; age in days before the moment."""

    account_ids: Ints
    product_ids: Ints
    user: Ints
    item: Ints
    age_days: NDArray[np.float64]
    quantity: NDArray[np.float64]

    def lines(self) -> Lines:
        """Return what was bought, without what was sent back."""
        kept = self.quantity > 0
        return Lines(
            self.user[kept],
            self.item[kept],
            self.age_days[kept],
            len(self.account_ids),
            len(self.product_ids),
        )

    def history(self, recommender: Recommender) -> History:
        user, item, age, n_users, n_items = self.lines()
        return History(half_life_days=recommender.half_life_days).fit(
            user, item, age, n_users=n_users, n_items=n_items
        )

    def columns(self) -> tuple[Ints, Ints, NDArray[np.float64], NDArray[np.float64], int, int]:
        sizes = len(self.account_ids), len(self.product_ids)
        return self.user, self.item, self.age_days, self.quantity, *sizes


def load_purchases(
    lake: Lake,
    book: Book,
    as_of: datetime,
    account_ids: Sequence[int] | None = None,
    product_ids: Ints | None = None,
) -> Purchases:
    """Read what these accounts, or all of the book, had bought by then, newest 24 months."""
    accounts = all_accounts(book) if account_ids is None else np.array(account_ids, dtype=np.int64)
    if product_ids is None:
        products = Product.objects.filter(book=book).order_by("pk").values_list("pk", flat=True)
        product_ids = np.array(products, dtype=np.int64)
    expression = features.purchases(
        lake.tables, book_id=book.pk, as_of=as_of, days_back=HISTORY_DAYS, account_ids=account_ids
    )
    table = features.collect(expression)
    account, product = table["account_id"].to_numpy(), table["product_id"].to_numpy()
    kept = np.isin(account, accounts) & np.isin(product, product_ids)
    return Purchases(
        accounts,
        product_ids,
        np.searchsorted(accounts, account[kept]),
        np.searchsorted(product_ids, product[kept]),
        table["age_days"].to_numpy().astype(float)[kept],
        table["quantity"].to_numpy().astype(float)[kept],
    )


def sample_accounts(book: Book) -> list[int] | None:
    """Return accounts to learn from, the same ones each time, or None for all."""
    account_ids = all_accounts(book)
    if account_ids.size <= MOST_LEARNT_FROM:
        return None
    chosen = np.random.default_rng(0).choice(account_ids, MOST_LEARNT_FROM, replace=False)
    return sorted(chosen.tolist())


def all_accounts(book: Book) -> Ints:
    ids = Account.objects.filter(book=book).order_by("pk").values_list("pk", flat=True)
    return np.fromiter(ids.iterator(10_000), np.int64)
