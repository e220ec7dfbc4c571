"""Accounts as the API answers them, as `serializers` describes them.

A serializer for each of their many small parts would take longer than everything else together.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from crm.selectors.account_parts import Details, ExplainedScore, Offer, ToldAccount
from crm.selectors.words import reason_label, reason_text, recommendation_text


def account(row: ToldAccount) -> dict[str, Any]:
    return {
        "id": str(row.public_id),
        "name": row.name,
        "kind": row.kind,
        "stage": row.stage,
        "book": row.book,
        "industry": row.industry,
        "country": row.country,
        "currency": row.currency,
        "website": row.website,
        "customer_since": row.customer_since and row.customer_since.isoformat(),
        **row.parts,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
        "revision": row.revision,
    }


def account_in_full(row: ToldAccount, details: Details) -> dict[str, Any]:
    return {
        **account(row),
        "scores": [explained_score(found) for found in details.scores],
        "recommendations": [recommendation(offer) for offer in details.offers],
    }


def explained_score(row: ExplainedScore) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "value": row.value,
        "horizon_days": row.horizon_days,
        "as_of": moment(row.as_of),
        "model_version": row.model_version,
        "previous_value": row.previous_value,
        "weekly_values": row.weekly_values,
        "base_log_odds": row.base_log_odds,
        "reasons": [reason(given, row.currency) for given in row.reasons],
    }


def reason(given: dict[str, Any], currency: str) -> dict[str, Any]:
    code = str(given.get("code", ""))
    return {
        "code": code,
        "label": reason_label(code, given.get("values")),
        "text": reason_text(given, currency=currency),
        "points": given.get("points"),
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
