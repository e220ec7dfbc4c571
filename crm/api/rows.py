"""The many small parts of an account, as plain dictionaries: a serializer for each costs too much."""

from __future__ import annotations

from typing import Any

from crm.models import Account, PartnerAccount, Recommendation, Score, Value
from crm.selectors.words import reason_label, reason_text, recommendation_text


def of(account: Account, name: str) -> Any:
    """Return rows that the view has prefetched, in the order of their kinds."""
    return sorted(getattr(account, name).all(), key=lambda row: str(row.kind))


def roles(account: Account) -> list[str]:
    links: list[PartnerAccount] = getattr(account, "own_links", [])
    return sorted({link.role for link in links})


def score(row: Score) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "value": row.value,
        "horizon_days": row.horizon_days,
        "as_of": moment(row.as_of),
        "model_version": row.model_version,
    }


def explained_score(row: Score) -> dict[str, Any]:
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


def value(row: Value) -> dict[str, Any]:
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


def recommendations(account: Account, product_names: dict[int, str]) -> list[dict[str, Any]]:
    found = sorted(account.recommendations.all(), key=lambda row: row.rank)
    return [recommendation(row, product_names) for row in found]


def recommendation(row: Recommendation, product_names: dict[int, str]) -> dict[str, Any]:
    product = row.product
    return {
        "rank": row.rank,
        "kind": row.kind,
        "product": {
            "id": str(product.public_id),
            "code": product.code,
            "name": product.name,
            "category": product.category,
            "price": money(product.price),
            "currency": product.currency,
        },
        "score": row.score,
        "reason": {
            "code": str(row.reason.get("code", "")),
            "text": recommendation_text(row.reason, product_names=product_names),
        },
        "as_of": moment(row.as_of),
        "model_version": row.model_version,
    }


def money(amount: Any) -> str | None:
    return None if amount is None else f"{amount:.4f}"


def moment(at: Any) -> str:
    """Return an instant as DRF writes it. The database answers in UTC."""
    return str(at.isoformat()).removesuffix("+00:00") + "Z"
