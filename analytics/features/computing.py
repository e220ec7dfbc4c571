"""All features of a book's accounts, side by side."""

from collections.abc import Sequence
from datetime import datetime

import ibis.expr.types as ir

from analytics.features.activity import event_features, subscription_features, tenure_features
from analytics.features.attributes import Attribute, attribute_features, ticked_attributes
from analytics.features.billing import billing_features, utilisation_features
from analytics.features.known import Known, Tables, microseconds
from analytics.features.ordering import breadth_features, order_features, rhythm_features
from analytics.features.support import has_tickets, ticket_features, without_gaps

PARTS = (
    order_features,
    rhythm_features,
    breadth_features,
    billing_features,
    utilisation_features,
    event_features,
    subscription_features,
)


def compute(
    tables: Tables,
    *,
    book_id: int,
    as_of: datetime,
    account_ids: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
) -> ir.Table:
    """Return one row for every account of the book of which anything was known before `as_of`.

    The columns are `account_id` and features in float64; null is unknown, which is not zero.
    Money is in the reporting currency. `account_ids` restricts the rows and changes no value.
    `names`, the feature names of a trained model, decides which codes of choices are columns, and
    whether tickets are.
    """
    known = Known(tables, book_id, microseconds(as_of), account_ids)
    attributes = ticked_attributes(known, names)
    return put_together(known, attributes, with_tickets=has_tickets(known, names))


def put_together(known: Known, attributes: Sequence[Attribute], *, with_tickets: bool) -> ir.Table:
    parts = [part(known) for part in PARTS]
    if attributes:
        parts.append(attribute_features(known, attributes))
    if not with_tickets:
        return _side_by_side(tenure_features(known), parts)
    return without_gaps(_side_by_side(tenure_features(known), [*parts, ticket_features(known)]))


def _side_by_side(accounts: ir.Table, parts: Sequence[ir.Table]) -> ir.Table:
    joined = accounts
    for number, part in enumerate(parts):
        keyed = part.rename({f"key_{number}": "account_id"})
        joined = joined.left_join(keyed, joined.account_id == keyed[f"key_{number}"])
    return joined.drop(*(f"key_{number}" for number in range(len(parts))))
