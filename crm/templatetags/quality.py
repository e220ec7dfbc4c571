"""Words and tones of data quality."""

from django import template
from django.utils.functional import Promise

from crm.models import RuleHit
from crm.selectors.rule_words import WRITTEN

register = template.Library()

TONES = {
    RuleHit.Verdict.KEPT: "neutral",
    RuleHit.Verdict.CHANGED: "accent",
    RuleHit.Verdict.REJECTED: "watch",
}
ICONS = {
    RuleHit.Verdict.KEPT: "check",
    RuleHit.Verdict.CHANGED: "sparkles",
    RuleHit.Verdict.REJECTED: "circle-minus",
}


@register.filter
def verdict_tone(verdict: str) -> str:
    return TONES.get(RuleHit.Verdict(verdict), "neutral")


@register.filter
def verdict_icon(verdict: str) -> str:
    return ICONS.get(RuleHit.Verdict(verdict), "")


@register.filter
def written_words(kind: str) -> str | Promise:
    return WRITTEN.get(kind, kind)
