"""How numbers from analytics reach the pages: `COPY` into a temporary table, then one upsert.

Each function is harmless to repeat: publishing a moment twice overwrites that moment, and an older
moment never replaces a newer one. Rows of accounts deleted meanwhile are dropped silently, since
there is nobody left to show them for.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from crm.models import Book, Recommendation, Reliability, Score, Value
from crm.services.feed import record_change
from crm.services.job_runs import RunningJob, fence
from crm.services.staged import Staged, execute


class InvalidScoresError(ValueError):
    """A number that must not be published; nothing was written."""


@dataclass(frozen=True, slots=True)
class Edition:
    """What a set of published numbers has in common.

    `model_number` is the running number in the model's version; `is_weekly` adds the numbers to
    the twelve that the sparkline shows.
    """

    book: Book
    as_of: datetime
    horizon_days: int
    model_version: str
    model_number: int = 0
    is_weekly: bool = False


@dataclass(frozen=True, slots=True)
class NewScore:
    account_id: int
    value: float  # 0..1
    base_log_odds: float | None = None
    reasons: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NewValue:
    account_id: int
    amount: float  # reporting currency
    low: float | None = None
    high: float | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewRecommendation:
    account_id: int
    product_id: int
    rank: int
    kind: Recommendation.Kind
    score: float
    reason: dict[str, Any]


@transaction.atomic
def publish_scores(
    *, kind: Score.Kind, scores: Iterable[NewScore], edition: Edition, job: RunningJob | None = None
) -> int:
    """Make these the current scores of `kind` and return how many were written.

    :raises InvalidScoresError: if a value lies outside 0..1 or is NaN; nothing is written.
    """
    rows = ((s.account_id, _share(s.value), s.base_log_odds, json.dumps(s.reasons)) for s in scores)
    with Staged("account_id bigint, value float8, base float8, reasons jsonb", rows) as table:
        written = execute(
            _UPSERT_SCORES.format(table=table),
            {"kind": kind, "number": edition.model_number, **_stamp(edition)},
        )
    _announce("scores.published", kind, written, edition)
    fence(job)
    return written


@transaction.atomic
def withdraw_scores(
    *, kind: Score.Kind, account_ids: Sequence[int], edition: Edition, job: RunningJob | None = None
) -> int:
    """Take back what these accounts were given at earlier moments; return how many scores went.

    For those who are not scored any more: their last score would stand among those of today.
    """
    told = {"kind": kind, "ids": list(account_ids), "as_of": edition.as_of}
    withdrawn = execute(_WITHDRAW.format(table="crm_score"), told)
    if kind == Score.Kind.PAYMENT_RISK:  # which is worked out of the risk
        execute(_WITHDRAW.format(table="crm_value"), told | {"kind": Value.Kind.EXPECTED_LOSS})
    if withdrawn:
        _announce("scores.withdrawn", kind, withdrawn, edition)
    fence(job)
    return withdrawn


@transaction.atomic
def publish_values(
    *,
    kind: Value.Kind,
    values: Iterable[NewValue],
    currency: str,
    edition: Edition,
    job: RunningJob | None = None,
) -> int:
    """Make these the current values of `kind`, in the reporting currency.

    :raises InvalidScoresError: if an amount is NaN or infinite; nothing is written.
    """
    rows = (
        (v.account_id, _finite(v.amount), _finite(v.low), _finite(v.high), json.dumps(v.details))
        for v in values
    )
    columns = "account_id bigint, amount numeric, low numeric, high numeric, details jsonb"
    with Staged(columns, rows) as table:
        written = execute(
            _UPSERT_VALUES.format(table=table),
            {"kind": kind, "currency": currency, **_stamp(edition)},
        )
    _announce("values.published", kind, written, edition)
    fence(job)
    return written


@transaction.atomic
def publish_recommendations(
    *, recommendations: Iterable[NewRecommendation], edition: Edition, job: RunningJob | None = None
) -> int:
    """Replace the lists of the accounts that these recommendations speak of."""
    rows = (
        (r.account_id, r.product_id, r.rank, r.kind, _finite(r.score), json.dumps(r.reason))
        for r in recommendations
    )
    columns = "account_id bigint, product_id bigint, rank int2, kind text, score float8, reason jsonb"
    with Staged(columns, rows) as table:
        stamp = _stamp(edition)
        execute(_DROP_NEWER.format(table=table), stamp)
        execute(f"DELETE FROM crm_recommendation WHERE account_id IN (SELECT account_id FROM {table})")
        written = execute(_INSERT_RECOMMENDATIONS.format(table=table), stamp)
    _announce("recommendations.published", "", written, edition)
    fence(job)
    return written


@transaction.atomic
def publish_reliability(*, book: Book, kind: Score.Kind, group: str, bands: Sequence[Reliability]) -> None:
    """Replace what is known of how the scores of this kind came true in this group."""
    Reliability.objects.filter(book=book, kind=kind, group=group).delete()
    Reliability.objects.bulk_create(bands)


_UPSERT_SCORES = """
    INSERT INTO crm_score AS s
        (account_id, kind, value, previous_value, base_log_odds, reasons, horizon_days,
         model_version, as_of, published_at, weekly_values, weekly_models, weekly_as_of)
    SELECT n.account_id, %(kind)s, n.value, NULL, n.base, n.reasons, %(horizon_days)s,
           %(model_version)s, %(as_of)s, now(),
           CASE WHEN %(weekly)s THEN ARRAY[n.value] ELSE '{{}}' END,
           CASE WHEN %(weekly)s THEN ARRAY[%(number)s::int2] ELSE '{{}}' END,
           CASE WHEN %(weekly)s THEN %(as_of)s::timestamptz END
    FROM {table} n JOIN crm_account a ON a.id = n.account_id
    ORDER BY n.account_id
    ON CONFLICT (account_id, kind) DO UPDATE SET
        value = EXCLUDED.value,
        previous_value = CASE WHEN s.as_of = EXCLUDED.as_of THEN s.previous_value ELSE s.value END,
        base_log_odds = EXCLUDED.base_log_odds, reasons = EXCLUDED.reasons,
        horizon_days = EXCLUDED.horizon_days, model_version = EXCLUDED.model_version,
        as_of = EXCLUDED.as_of, published_at = EXCLUDED.published_at,
        weekly_values = CASE
            WHEN NOT %(weekly)s THEN s.weekly_values
            WHEN s.weekly_as_of = EXCLUDED.as_of
                THEN s.weekly_values[:cardinality(s.weekly_values) - 1] || EXCLUDED.weekly_values
            ELSE (s.weekly_values || EXCLUDED.weekly_values)
                 [greatest(1, cardinality(s.weekly_values) - 10):] END,
        weekly_models = CASE
            WHEN NOT %(weekly)s THEN s.weekly_models
            WHEN s.weekly_as_of = EXCLUDED.as_of
                THEN s.weekly_models[:cardinality(s.weekly_models) - 1] || EXCLUDED.weekly_models
            ELSE (s.weekly_models || EXCLUDED.weekly_models)
                 [greatest(1, cardinality(s.weekly_models) - 10):] END,
        weekly_as_of = coalesce(EXCLUDED.weekly_as_of, s.weekly_as_of)
    WHERE s.as_of <= EXCLUDED.as_of
"""

_WITHDRAW = """
    DELETE FROM {table} WHERE kind = %(kind)s AND account_id = ANY(%(ids)s) AND as_of < %(as_of)s
"""

_UPSERT_VALUES = """
    INSERT INTO crm_value AS v
        (account_id, kind, amount, low, high, currency, details, horizon_days, model_version, as_of,
         published_at)
    SELECT n.account_id, %(kind)s, round(n.amount, 4), round(n.low, 4), round(n.high, 4),
           %(currency)s, n.details, %(horizon_days)s, %(model_version)s, %(as_of)s, now()
    FROM {table} n JOIN crm_account a ON a.id = n.account_id
    ORDER BY n.account_id
    ON CONFLICT (account_id, kind) DO UPDATE SET
        amount = EXCLUDED.amount, low = EXCLUDED.low, high = EXCLUDED.high,
        currency = EXCLUDED.currency, details = EXCLUDED.details,
        horizon_days = EXCLUDED.horizon_days, model_version = EXCLUDED.model_version,
        as_of = EXCLUDED.as_of, published_at = EXCLUDED.published_at
    WHERE v.as_of <= EXCLUDED.as_of
"""

_DROP_NEWER = """
    DELETE FROM {table} WHERE account_id IN
        (SELECT account_id FROM crm_recommendation WHERE as_of > %(as_of)s)
"""

_INSERT_RECOMMENDATIONS = """
    INSERT INTO crm_recommendation
        (account_id, product_id, rank, kind, score, reason, model_version, as_of)
    SELECT n.account_id, n.product_id, n.rank, n.kind, n.score, n.reason, %(model_version)s, %(as_of)s
    FROM {table} n
    JOIN crm_account a ON a.id = n.account_id
    JOIN crm_product p ON p.id = n.product_id
    ORDER BY n.account_id, n.rank
"""


def _stamp(edition: Edition) -> dict[str, Any]:
    return {
        "horizon_days": edition.horizon_days,
        "model_version": edition.model_version,
        "as_of": edition.as_of,
        "weekly": edition.is_weekly,
    }


def _announce(change: str, kind: str, written: int, edition: Edition) -> None:
    record_change(
        kind=change,
        object_id=edition.book.pk,
        data={
            "kind": kind,
            "as_of": edition.as_of.isoformat(),
            "model_version": edition.model_version,
            "accounts": written,
        },
    )


def _share(value: float) -> float:
    if not 0 <= value <= 1:  # NaN compares false
        raise InvalidScoresError(f"A score must lie within 0..1, not {value!r}.")
    return value


def _finite(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise InvalidScoresError(f"An amount must be finite, not {value!r}.")
    return value
