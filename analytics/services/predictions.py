"""What was predicted, kept for good. Written in the transaction that publishes it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from analytics.models import Prediction
from crm.models import Book
from crm.services.publish import Edition

_KEEP = """
    INSERT INTO analytics_prediction
        (account_id, book_id, kind, occasion, as_of, horizon_days, value, model_version, predicted_at)
    SELECT s.account_id, a.book_id, s.kind, %(occasion)s, s.as_of, s.horizon_days, s.value,
           s.model_version, now()
    FROM crm_score s JOIN crm_account a ON a.id = s.account_id
    WHERE a.book_id = %(book)s AND {which}
    ORDER BY s.account_id
    ON CONFLICT DO NOTHING
"""

_KEEP_SHADOW = """
    INSERT INTO analytics_prediction
        (account_id, book_id, kind, occasion, as_of, horizon_days, value, model_version, predicted_at)
    SELECT n.account_id, a.book_id, %(kind)s, %(occasion)s, %(as_of)s, %(horizon)s, n.value,
           %(version)s, now()
    FROM unnest(%(accounts)s::bigint[], %(values)s::float8[]) AS n (account_id, value)
    JOIN crm_account a ON a.id = n.account_id AND a.book_id = %(book)s
    ORDER BY n.account_id
    ON CONFLICT DO NOTHING
"""


def keep_weekly(*, kind: str, edition: Edition, account_ids: list[int]) -> int:
    """Keep these accounts' scores of this kind and moment; once only, however often it is called."""
    make_partition(edition.as_of)
    parameters = {
        "occasion": Prediction.Occasion.WEEKLY,
        "book": edition.book.pk,
        "kind": kind,
        "as_of": edition.as_of,
        "accounts": account_ids,
    }
    which = "s.kind = %(kind)s AND s.as_of = %(as_of)s AND s.account_id = ANY(%(accounts)s)"
    return _insert(_KEEP.format(which=which), parameters)


def keep_acted(*, book: Book, account_ids: list[int]) -> int:
    """Keep the scores on which somebody has just acted for these accounts."""
    parameters = {
        "occasion": Prediction.Occasion.ACTED,
        "book": book.pk,
        "accounts": account_ids,
    }
    return _insert(_KEEP.format(which="s.account_id = ANY(%(accounts)s)"), parameters)


@transaction.atomic
def keep_shadow(*, kind: str, edition: Edition, values: Iterable[tuple[int, float]]) -> int:
    """Keep what a version in shadow says of these accounts. Nothing is published; a rerun adds nothing.

    Accounts that were deleted meanwhile are left out.
    """
    make_partition(edition.as_of)
    pairs = list(values)
    parameters = {
        "occasion": Prediction.Occasion.SHADOW,
        "book": edition.book.pk,
        "kind": kind,
        "as_of": edition.as_of,
        "horizon": edition.horizon_days,
        "version": edition.model_version,
        "accounts": [account_id for account_id, _value in pairs],
        "values": [value for _account_id, value in pairs],
    }
    return _insert(_KEEP_SHADOW, parameters)


def make_partition(moment: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sextant_make_partitions('analytics_prediction', %s::date, %s::date)",
            [moment, moment],
        )


def _insert(sql: str, parameters: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)
