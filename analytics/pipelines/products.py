"""Count how products sell and which are bought together, for the pages of products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

import numpy as np

from analytics import features
from analytics.features.known import QUANTITY_UNITS
from analytics.lake import Lake
from analytics.ml.together import Together, bought_together
from analytics.pipelines.purchases import HISTORY_DAYS, Ints, load_purchases, sample_accounts
from crm.models import Book, Product
from crm.services.job_runs import RunningJob
from crm.services.publish_products import (
    NewProductFigures,
    NewProductPair,
    publish_baskets,
    publish_products,
)

PAIRS = 8  # of a product, at most
PIECE = Decimal(QUANTITY_UNITS)


def publish(
    lake: Lake,
    book: Book,
    as_of: datetime,
    *,
    account_ids: Sequence[int] | None = None,
    job: RunningJob | None = None,
) -> dict[str, int]:
    """Say what these accounts have bought or, of a whole book, that and how its products sell.

    No model is needed, so young books have it too.
    """
    publish_account_baskets(lake, book, as_of, account_ids=account_ids, job=job)
    return publish_figures(lake, book, as_of, job=job) if account_ids is None else {}


def publish_figures(
    lake: Lake, book: Book, as_of: datetime, *, job: RunningJob | None = None
) -> dict[str, int]:
    """Replace the figures of the book's products, and what is bought together; return how many.

    Figures count every account; pairs are counted among the accounts that the recommender learns
    from, which is a sample of a large book.
    """
    buyers = features.active_accounts(lake.tables, book_id=book.pk, as_of=as_of, within_days=HISTORY_DAYS)
    of_buyers = features.collect(buyers).num_rows
    sales = list(_figures(lake, book, as_of))  # before the transaction, for this takes its time
    purchases = load_purchases(lake, book, as_of, sample_accounts(book))
    sold = set(Product.objects.filter(book=book, is_sold=True).values_list("pk", flat=True))
    found, counted = bought_together(
        purchases.lines().since(np.inf),
        allowed=np.array([key in sold for key in purchases.product_ids.tolist()], dtype=bool),
        k=PAIRS,
    )
    figures, pairs = publish_products(
        book=book,
        as_of=as_of,
        figures=sales,
        of_buyers=of_buyers,
        pairs=_pairs(purchases.product_ids, found),
        counted=counted,
        job=job,
    )
    return {"products": figures, "product_pairs": pairs}


def publish_account_baskets(
    lake: Lake,
    book: Book,
    as_of: datetime,
    *,
    account_ids: Sequence[int] | None = None,
    job: RunningJob | None = None,
) -> int:
    """Say what these accounts, or all of the book, have bought; return how many baskets are other ones."""
    pairs = features.collect(
        features.baskets(
            lake.tables, book_id=book.pk, as_of=as_of, days_back=HISTORY_DAYS, account_ids=account_ids
        )
    )
    account, product = (pairs[name].to_numpy() for name in ("account_id", "product_id"))
    ids, starts = np.unique(account, return_index=True)  # sorted by both
    baskets = zip(ids.tolist(), np.split(product, starts[1:]), strict=True) if ids.size else ()
    return publish_baskets(
        book=book,
        as_of=as_of,
        baskets=((account_id, products.tolist()) for account_id, products in baskets),
        account_ids=account_ids,
        job=job,
    )


def _figures(lake: Lake, book: Book, as_of: datetime) -> Iterator[NewProductFigures]:
    sold = features.product_figures(lake.tables, book_id=book.pk, as_of=as_of, days_back=HISTORY_DAYS)
    for row in features.collect(sold).to_pylist():
        yield NewProductFigures(
            product_id=row["product_id"],
            buyers=row["buyers"],
            orders_year=row["orders_year"],
            sold_90_days=row["sold_90_units"] / PIECE,
            sold_year=row["sold_year_units"] / PIECE,
            returned_year=row["returned_year_units"] / PIECE,
        )


def _pairs(product_ids: Ints, found: Together) -> Iterator[NewProductPair]:
    columns = (product_ids[found.item], product_ids[found.other], found.rank, found.both, found.buyers)
    for product, other, rank, both, buyers, lift in zip(
        *(column.tolist() for column in columns), found.lift.tolist(), strict=True
    ):
        yield NewProductPair(product, other, rank, both, buyers, lift)
