"""The words of reasons, in the reader's language; `crm.selectors.words` is where they stand."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.utils.translation import pgettext

from crm.models import Score
from crm.selectors.attention import Attention
from crm.selectors.phrases import sentences
from crm.selectors.score_panel import Contribution
from crm.selectors.words import reason_label, recommendation_text
from crm.selectors.words import reason_text as reason_words
from crm.services.score_feedback import sign_shown

register = template.Library()


@register.filter
def reason_text(reason: Mapping[str, Any], currency: str = "") -> str:
    """{"code": "recency", "values": {"days": 94}} -> "No order for 94 days" """
    return reason_words(reason, currency=currency)


@register.filter
def reason_name(reason: Mapping[str, Any]) -> str:
    return reason_label(str(reason.get("code", "")), reason.get("values"))


@register.simple_tag
def risk_and_reason(attention: Attention, risk: str, stake: str) -> str:
    """How likely it is, the strongest reason, and what is at stake where that is known."""
    reason = ""
    if attention.reason:
        words = reason_words(attention.reason, currency=attention.currency)
        reason = pgettext("sentence", "%(words)s.") % {"words": words}
    return sentences((risk, reason, stake if attention.amount else ""))


@register.simple_tag
def offer_reason(reason: Mapping[str, Any], product_names: Mapping[int, str]) -> str:
    """Why a product is recommended."""
    return recommendation_text(reason, product_names=product_names)


@register.simple_tag
def contribution_rows(contributions: Iterable[Contribution], currency: str = "") -> list[dict[str, Any]]:
    """Rows for `contribution_bars`."""
    return [
        {"label": reason_words(shown.reason, currency=currency), "points": shown.points}
        for shown in contributions
    ]


@register.filter
def of_key(texts: Mapping[str, str], key: str) -> str:
    """Look something up: {{ opinions|of_key:score.kind }}"""
    return texts.get(key, "")


@register.simple_tag
def signed_score(score: Score) -> str:
    """What the form about a score sends back: the score as it stands here."""
    return sign_shown(score)


@register.filter
def rises_are(kind: str) -> str:
    """What it means when this score goes up: `bad` or `good`."""
    return "good" if kind == Score.Kind.PURCHASE else "bad"
