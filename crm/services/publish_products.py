"""How what analytics knows of products and baskets reaches the pages.

Each function is harmless to repeat, and an older moment never replaces a newer one. Rows of accounts
or products deleted meanwhile are dropped silently, since there is nobody left to show them for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from crm.models import Book, ProductFigures
from crm.services.job_runs import RunningJob, fence
from crm.services.staged import Staged, execute


@dataclass(frozen=True, slots=True)
class NewProductFigures:
    product_id: int
    buyers: int
    orders_year: int
    sold_90_days: Decimal
    sold_year: Decimal
    returned_year: Decimal


@dataclass(frozen=True, slots=True)
class NewProductPair:
    product_id: int
    other_id: int
    rank: int
    bought_both: int
    buyers: int
    lift: float


@transaction.atomic
def publish_products(
    *,
    book: Book,
    as_of: datetime,
    figures: Iterable[NewProductFigures],
    of_buyers: int,
    pairs: Iterable[NewProductPair],
    counted: int,
    job: RunningJob | None = None,
) -> tuple[int, int]:
    """Replace what is known of how the products of this book sell; return figures and pairs written."""
    if ProductFigures.objects.filter(product__book=book, as_of__gt=as_of).exists():
        return 0, 0
    told = {"book": book.pk, "as_of": as_of, "of_buyers": of_buyers, "counted": counted}
    for table in ("crm_productpair", "crm_productfigures"):
        execute(_DELETE_OF_PRODUCTS.format(table=table), told)
    columns = "product_id bigint, buyers int, orders int, sold_90 numeric, sold numeric, returned numeric"
    with Staged(columns, (astuple(row) for row in figures)) as table:
        figures_written = execute(_INSERT_FIGURES.format(table=table), told)
    columns = "product_id bigint, other_id bigint, rank int2, bought_both int, buyers int, lift float8"
    with Staged(columns, (astuple(pair) for pair in pairs)) as table:
        pairs_written = execute(_INSERT_PAIRS.format(table=table), told)
    fence(job)
    return figures_written, pairs_written


@transaction.atomic
def publish_baskets(
    *,
    book: Book,
    as_of: datetime,
    baskets: Iterable[tuple[int, Sequence[int]]],
    account_ids: Sequence[int] | None = None,
    job: RunningJob | None = None,
) -> int:
    """Make these the baskets of these accounts, or of all of the book, and return how many changed.

    Most are what they were, and are not written again: a night costs what has changed.
    """
    told = {"book": book.pk, "as_of": as_of, "ids": list(account_ids or ())}
    whose = _OF_BOOK if account_ids is None else "b.account_id = ANY(%(ids)s)"
    rows = ((account, list(products)) for account, products in baskets)
    with Staged("account_id bigint, products bigint[]", rows) as table:
        gone = execute(_DELETE_BASKETS.format(table=table, whose=whose), told)
        written = execute(_UPSERT_BASKETS.format(table=table), told)
    fence(job)
    return gone + written


_DELETE_OF_PRODUCTS = """
    DELETE FROM {table} WHERE product_id IN (SELECT id FROM crm_product WHERE book_id = %(book)s)
"""

_INSERT_FIGURES = """
    INSERT INTO crm_productfigures
        (product_id, buyers, of_buyers, orders_year, sold_90_days, sold_year, returned_year, as_of)
    SELECT n.product_id, n.buyers, %(of_buyers)s, n.orders, n.sold_90, n.sold, n.returned, %(as_of)s
    FROM {table} n JOIN crm_product p ON p.id = n.product_id AND p.book_id = %(book)s
    ORDER BY n.product_id
"""

_INSERT_PAIRS = """
    INSERT INTO crm_productpair (product_id, other_id, rank, bought_both, buyers, counted, lift, as_of)
    SELECT n.product_id, n.other_id, n.rank, n.bought_both, n.buyers, %(counted)s, n.lift, %(as_of)s
    FROM {table} n
    JOIN crm_product p ON p.id = n.product_id AND p.book_id = %(book)s
    JOIN crm_product o ON o.id = n.other_id
    ORDER BY n.product_id, n.rank
"""

_DELETE_BASKETS = """
    DELETE FROM crm_basket AS b
    WHERE {whose} AND b.as_of <= %(as_of)s
      AND NOT EXISTS (SELECT FROM {table} AS n WHERE n.account_id = b.account_id)
"""

_OF_BOOK = "b.account_id IN (SELECT id FROM crm_account WHERE book_id = %(book)s)"

_UPSERT_BASKETS = """
    INSERT INTO crm_basket AS b (account_id, products, as_of)
    SELECT n.account_id, n.products, %(as_of)s
    FROM {table} n JOIN crm_account a ON a.id = n.account_id
    LEFT JOIN crm_basket AS standing ON standing.account_id = n.account_id
    WHERE standing.products IS DISTINCT FROM n.products
    ORDER BY n.account_id
    ON CONFLICT (account_id) DO UPDATE SET products = EXCLUDED.products, as_of = EXCLUDED.as_of
    WHERE b.as_of <= EXCLUDED.as_of
"""
