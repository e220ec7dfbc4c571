"""Accounts as the partner API tells them, with what hangs on them.

A page is one round trip: PostgreSQL writes the many small parts of its rows as JSON. Making models,
or serializers, of some hundred of them takes longer than reading them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import F, Field, Func, QuerySet

from crm.models import Account, Partner

_EXPLAINED = """
    SELECT score.kind, score.value, score.horizon_days, score.as_of, score.model_version,
           score.previous_value, score.weekly_values, score.base_log_odds, book.currency, score.reasons
    FROM crm_score AS score
    JOIN crm_account AS account ON account.id = score.account_id
    JOIN crm_book AS book ON book.id = account.book_id
    WHERE score.account_id = %(id)s ORDER BY score.kind
"""
_OFFERS = """
    SELECT offer.rank, offer.kind, offer.score, offer.reason, offer.as_of, offer.model_version,
           product.public_id, product.code, product.name, product.category, product.price,
           product.currency, named.name
    FROM (SELECT *, (reason ->> 'product_id')::bigint AS named_id FROM crm_recommendation
          WHERE account_id = %(id)s OFFSET 0) AS offer
    JOIN crm_product AS product ON product.id = offer.product_id
    LEFT JOIN crm_product AS named ON named.id = offer.named_id AND named.book_id = product.book_id
    ORDER BY offer.rank
"""


# As DRF writes an instant: in UTC, microseconds only where there are some.
_AS_OF = """replace(to_char(as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '.000000', '') || 'Z'"""


class _Parts(Func):
    """Scores, values and the partner's roles of an account, as the API writes them."""

    template = f"""json_build_object(
        'roles', (SELECT coalesce(json_agg(DISTINCT role), '[]')
            FROM crm_partneraccount
            WHERE account_id = %(expressions)s AND partner_id = %(partner)d
              AND since <= now() AND (until IS NULL OR until > now())),
        'scores', (SELECT coalesce(json_agg(json_build_object(
                'kind', kind, 'value', value, 'horizon_days', horizon_days, 'as_of', {_AS_OF},
                'model_version', model_version
            ) ORDER BY kind), '[]')
            FROM crm_score WHERE account_id = %(expressions)s),
        'values', (SELECT coalesce(json_agg(json_build_object(
                'kind', kind, 'amount', amount::text, 'low', low::text, 'high', high::text,
                'currency', currency, 'horizon_days', horizon_days, 'as_of', {_AS_OF},
                'model_version', model_version
            ) ORDER BY kind), '[]')
            FROM crm_value WHERE account_id = %(expressions)s)
    )"""
    output_field = Field()  # psycopg itself reads `json`


class ToldAccount(NamedTuple):
    """The columns that the API tells of an account, and its parts."""

    pk: int
    public_id: Any
    name: str
    kind: str
    stage: str
    book: str
    industry: str
    country: str
    currency: str
    website: str
    customer_since: date | None
    created_at: datetime
    updated_at: datetime
    revision: int
    parts: Mapping[str, list[Any]]
    sort_value: Any = None  # of the number that a list is sorted by


_COLUMNS = tuple("book__code" if name == "book" else name for name in ToldAccount._fields[:-1])


class ExplainedScore(NamedTuple):
    kind: str
    value: float
    horizon_days: int
    as_of: datetime
    model_version: str
    previous_value: float | None
    weekly_values: list[float]
    base_log_odds: float | None
    currency: str  # of the amounts in its reasons: the book's
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


@dataclass(frozen=True, slots=True)
class Details:
    """What the API tells of one account alone."""

    scores: list[ExplainedScore]
    offers: list[Offer]


def told(accounts: QuerySet[Account], partner: Partner) -> QuerySet[Account, tuple[Any, ...]]:
    """Return these accounts as the values of `ToldAccount`, for somebody who may see them."""
    by = ["sort_value"] if "sort_value" in accounts.query.annotations else []
    return accounts.annotate(parts=_Parts(F("pk"), partner=partner.pk)).values_list(*_COLUMNS, *by)


def get_details(account_id: int) -> Details:
    """Return scores with their reasons, and offers: one round trip of two statements."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_EXPLAINED}; {_OFFERS}", {"id": account_id})
        scores = [ExplainedScore._make((*row[:-1], json.loads(row[-1]))) for row in cursor]
        cursor.nextset()
        offers = [Offer._make((*row[:3], json.loads(row[3]), *row[4:])) for row in cursor]
    return Details(scores, offers)
