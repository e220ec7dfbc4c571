"""Count how products sell and which are bought together, for the pages of products."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import numpy as np

from analytics import features
from analytics.features.known import QUANTITY_UNITS
from analytics.lake import Lake
from analytics.ml.together import Together, bought_together
from analytics.pipelines.offers import HISTORY_DAYS, Ints, load_purchases, sample_accounts
from crm.models import Book, Product
from crm.services.job_runs import RunningJob
from crm.services.publish import NewProductFigures, NewProductPair, publish_products

PAIRS = 8  # of a product, at most
PIECE = Decimal(QUANTITY_UNITS)


def publish(lake: Lake, book: Book, as_of: datetime, *, job: RunningJob | None = None) -> dict[str, int]:
    """Replace the figures of the book's products. No model is needed, so young books have them too.

    Figures count every account; pairs are counted among the accounts that the recommender learns
    from, which is a sample of a large book.
    """
    buyers = features.active_accounts(lake.tables, book_id=book.pk, as_of=as_of, within_days=HISTORY_DAYS)
    of_buyers = features.collect(buyers).num_rows
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
        figures=_figures(lake, book, as_of),
        of_buyers=of_buyers,
        pairs=_pairs(purchases.product_ids, found),
        counted=counted,
        job=job,
    )
    return {"products": figures, "product_pairs": pairs}


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
