"""What is known about each account of a book at a moment, as numbers for the models.

Everything here takes the tables of an opened lake and a moment, and returns Ibis expressions
with one row an account. Nothing that became known after the moment can change a value.

    compute(tables, *, book_id, as_of, account_ids=None, names=None) -> ir.Table
    collect_features(connection, tables, *, ...) -> pa.Table   the same as collect(compute(...)), in DuckDB
    collect(expression) -> pa.Table                       sorted by account_id
    to_matrix(table, *, names=None) -> Matrix             account_ids, names, values with NaN
    group_of(feature_name) -> str                         code of a reason's group
    reason_values(row, group) -> dict                     the numbers for the reason's words
    active_accounts(tables, *, book_id, as_of, within_days=365) -> ir.Table
    no_order_within(tables, *, book_id, cutoff, horizon_days, known_at) -> ir.Table
    order_within(tables, *, book_id, cutoff, horizon_days, known_at) -> ir.Table
    outcomes(tables, *, book_id, kind, cutoff, known_at) -> ir.Table
    outcome_cutoffs(tables, *, book_id, kind, known_at) -> list[datetime]
    repeat_summary(tables, *, book_id, as_of, account_ids=None) -> ir.Table
    purchases(tables, *, book_id, as_of, days_back=365, account_ids=None) -> ir.Table
    daily_purchases(tables, *, book_id, as_of) -> ir.Table
    contracts(tables, *, book_id, as_of, account_ids=None) -> ir.Table
    baskets(tables, *, book_id, as_of, days_back, account_ids=None) -> ir.Table
    product_figures(tables, *, book_id, as_of, days_back) -> ir.Table
    sold_products(tables, *, book_id) -> ir.Table
"""

from analytics.features.compiled import collect_features
from analytics.features.computing import compute
from analytics.features.groups import FEATURE_GROUPS, group_of, reason_values
from analytics.features.labels import (
    active_accounts,
    no_order_within,
    order_within,
    outcome_cutoffs,
    outcomes,
)
from analytics.features.matrix import Matrix, collect, to_matrix
from analytics.features.purchasing import (
    baskets,
    contracts,
    daily_purchases,
    product_figures,
    purchases,
    repeat_summary,
    sold_products,
)

__all__ = [
    "FEATURE_GROUPS",
    "Matrix",
    "active_accounts",
    "baskets",
    "collect",
    "collect_features",
    "compute",
    "contracts",
    "daily_purchases",
    "group_of",
    "no_order_within",
    "order_within",
    "outcome_cutoffs",
    "outcomes",
    "product_figures",
    "purchases",
    "reason_values",
    "repeat_summary",
    "sold_products",
    "to_matrix",
]
