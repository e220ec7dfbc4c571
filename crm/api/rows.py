"""Accounts as the API answers them, as `serializers` describes them.

A serializer for each of their many small parts would take longer than everything else together.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from crm.models import Account
from crm.selectors.account_parts import ExplainedScore, Number, Offer, Parts, Whole
from crm.selectors.words import reason_label, reason_text, recommendation_text


def account(row: Account, parts: Parts) -> dict[str, Any]:
    return {
        "id": str(row.public_id),
        "name": row.name,
        "kind": row.kind,
        "stage": row.stage,
        "book": row.book.code,
        "industry": row.industry,
        "country": row.country,
        "currency": row.currency,
        "website": row.website,
        "customer_since": row.customer_since and row.customer_since.isoformat(),
        "roles": parts.roles,
        "scores": [score(number) for number in parts.scores],
        "values": [value(number) for number in parts.values],
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
        "revision": row.revision,
    }


def account_in_full(row: Account, whole: Whole) -> dict[str, Any]:
    return {
        **account(row, whole.parts),
        "scores": [explained_score(found) for found in whole.scores],
        "recommendations": [recommendation(offer) for offer in whole.offers],
    }


def score(row: Number | ExplainedScore) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "value": row.value,
        "horizon_days": row.horizon_days,
        "as_of": moment(row.as_of),
        "model_version": row.model_version,
    }


def explained_score(row: ExplainedScore) -> dict[str, Any]:
    return {
        **score(row),
        "previous_value": row.previous_value,
        "weekly_values": row.weekly_values,
        "base_log_odds": row.base_log_odds,
        "reasons": [reason(given) for given in row.reasons],
    }


def reason(given: dict[str, Any]) -> dict[str, Any]:
    code = str(given.get("code", ""))
    return {
        "code": code,
        "label": reason_label(code, given.get("values")),
        "text": reason_text(given),
        "points": given.get("points"),
    }


def value(row: Number) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "amount": money(row.amount),
        "low": money(row.low),
        "high": money(row.high),
        "currency": row.currency,
        "horizon_days": row.horizon_days,
        "as_of": moment(row.as_of),
        "model_version": row.model_version,
    }


def recommendation(offer: Offer) -> dict[str, Any]:
    names = {offer.reason.get("product_id", 0): offer.named_product or ""}
    return {
        "rank": offer.rank,
        "kind": offer.kind,
        "product": {
            "id": str(offer.product_id),
            "code": offer.product_code,
            "name": offer.product_name,
            "category": offer.product_category,
            "price": money(offer.product_price),
            "currency": offer.product_currency,
        },
        "score": offer.score,
        "reason": {
            "code": str(offer.reason.get("code", "")),
            "text": recommendation_text(offer.reason, product_names=names),
        },
        "as_of": moment(offer.as_of),
        "model_version": offer.model_version,
    }


def money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.4f}"


def moment(at: datetime) -> str:
    """Return an instant as DRF writes it. The database answers in UTC."""
    return at.isoformat().removesuffix("+00:00") + "Z"
