"""What hangs on accounts that somebody may see, for the partner API: each kind in one round trip.

Read as tuples: making models of some hundred small rows takes longer than reading them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from crm.models import Partner

_SCORES = """
    SELECT account_id, 'score', kind, value, NULL::numeric, NULL::numeric, NULL::numeric, '',
           horizon_days, as_of, model_version
    FROM crm_score WHERE account_id = ANY(%(ids)s)
    UNION ALL
"""
_OTHERS = """
    SELECT account_id, 'value', kind, NULL::float8, amount, low, high, currency, horizon_days, as_of,
           model_version
    FROM crm_value WHERE account_id = ANY(%(ids)s)
    UNION ALL
    SELECT DISTINCT account_id, 'role', role, NULL::float8, NULL::numeric, NULL::numeric, NULL::numeric, '',
           0, NULL::timestamptz, ''
    FROM crm_partneraccount
    WHERE account_id = ANY(%(ids)s) AND partner_id = %(partner)s
      AND since <= now() AND (until IS NULL OR until > now())
    ORDER BY 1, 2, 3
"""
_EXPLAINED = """
    SELECT kind, value, horizon_days, as_of, model_version, previous_value, weekly_values, base_log_odds,
           reasons
    FROM crm_score WHERE account_id = ANY(%(ids)s) ORDER BY kind
"""
_OFFERS = """
    SELECT offer.rank, offer.kind, offer.score, offer.reason, offer.as_of, offer.model_version,
           product.public_id, product.code, product.name, product.category, product.price,
           product.currency, named.name
    FROM (SELECT *, (reason ->> 'product_id')::bigint AS named_id FROM crm_recommendation
          WHERE account_id = ANY(%(ids)s) OFFSET 0) AS offer
    JOIN crm_product AS product ON product.id = offer.product_id
    LEFT JOIN crm_product AS named ON named.id = offer.named_id AND named.book_id = product.book_id
    ORDER BY offer.rank
"""


class Number(NamedTuple):
    """A score, a value, or (with nothing but a kind) what the partner is to the account."""

    account_id: int
    part: str
    kind: str
    value: float | None
    amount: Decimal | None
    low: Decimal | None
    high: Decimal | None
    currency: str
    horizon_days: int
    as_of: datetime
    model_version: str


class ExplainedScore(NamedTuple):
    kind: str
    value: float
    horizon_days: int
    as_of: datetime
    model_version: str
    previous_value: float | None
    weekly_values: list[float]
    base_log_odds: float | None
    reasons: list[dict[str, Any]]


class Offer(NamedTuple):
    rank: int
    kind: str
    score: float
    reason: dict[str, Any]
    as_of: datetime
    model_version: str
    product_id: Any
    product_code: str
    product_name: str
    product_category: str
    product_price: Decimal | None
    product_currency: str
    named_product: str | None  # the product that the reason speaks of


@dataclass(slots=True)
class Parts:
    scores: list[Number] = field(default_factory=list)
    values: list[Number] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything that the API tells of one account beside its own columns."""

    parts: Parts  # without scores, which come with their reasons
    scores: list[ExplainedScore]
    offers: list[Offer]


def get_parts(partner: Partner, account_ids: Iterable[int]) -> Mapping[int, Parts]:
    """Return scores, values and the partner's roles of each account."""
    found = {pk: Parts() for pk in account_ids}
    if not found:
        return found
    with connection.cursor() as cursor:
        cursor.execute(_SCORES + _OTHERS, {"ids": list(found), "partner": partner.pk})
        _sort_in(cursor, found)
    return found


def get_whole(partner: Partner, account_id: int) -> Whole:
    """Return it with one round trip of three statements."""
    found = {account_id: Parts()}
    with connection.cursor() as cursor:
        cursor.execute(f"{_OTHERS}; {_EXPLAINED}; {_OFFERS}", {"ids": [account_id], "partner": partner.pk})
        _sort_in(cursor, found)
        cursor.nextset()
        scores = [ExplainedScore._make((*row[:-1], json.loads(row[-1]))) for row in cursor]
        cursor.nextset()
        offers = [Offer._make((*row[:3], json.loads(row[3]), *row[4:])) for row in cursor]
    return Whole(found[account_id], scores, offers)


def _sort_in(rows: Iterable[tuple[Any, ...]], found: Mapping[int, Parts]) -> None:
    for row in rows:
        number, parts = Number(*row), found[row[0]]
        if number.part == "role":
            parts.roles.append(number.kind)
        else:
            (parts.scores if number.part == "score" else parts.values).append(number)
