"""Words and tones of data quality."""

from decimal import Decimal

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from crm.models import RuleHit, SourceAlert, Ticket
from crm.selectors.import_kinds import KINDS as FILE_KINDS
from crm.selectors.rule_words import WRITTEN
from crm.templatetags.formats import Numeric, number, percent, share, to_decimal

register = template.Library()

LEAST_SHOWN = Decimal("0.001")  # of a share with one decimal

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
KINDS = {
    "missing": ("neutral", "circle-minus"),
    "implausible": ("watch", "circle-alert"),
    "duplicated": ("accent", "copy"),
    "contradictory": ("watch", "scale"),
    "stale": ("neutral", "clock"),
}


@register.filter
def rows_share(value: Numeric | None) -> str:
    """0.0005 -> <0.1 %: a few rows of many are not none"""
    found = to_decimal(value)
    return f"<{percent(LEAST_SHOWN)}" if found and 0 < found < LEAST_SHOWN / 2 else share(value)


@register.filter
def verdict_tone(verdict: str) -> str:
    return TONES.get(RuleHit.Verdict(verdict), "neutral")


@register.filter
def verdict_icon(verdict: str) -> str:
    return ICONS.get(RuleHit.Verdict(verdict), "")


@register.filter
def written_words(kind: str) -> str | Promise:
    return WRITTEN.get(kind, kind)


@register.filter
def kind_tone(kind: str) -> str:
    return KINDS.get(kind, KINDS["missing"])[0]


@register.filter
def kind_icon(kind: str) -> str:
    return KINDS.get(kind, KINDS["missing"])[1]


@register.filter
def source_label(name: str) -> str:
    """Return what a source is called; files needn't say where they come from."""
    return name or _("Files without a source")


@register.filter
def source_kind(kind: str) -> str:
    known = FILE_KINDS.get(kind)
    return str(known.label) if known else kind


@register.filter
def alert_tone(alert: SourceAlert) -> str:
    return "bad" if alert.what == SourceAlert.What.SILENT else "watch"


@register.filter
def alert_words(alert: SourceAlert) -> str:
    """Return what came, and what usually does."""
    if alert.what == SourceAlert.What.MISSING:
        words = _("%(field)s missing in %(value)s of the rows, usually in at most %(high)s")
        return words % {"field": alert.field, "value": share(alert.value), "high": share(alert.usual_high)}
    words = _("%(value)s rows, usually %(low)s to %(high)s")
    values = {"value": alert.value, "low": alert.usual_low, "high": alert.usual_high}
    return words % {name: number(value) for name, value in values.items()}


@register.filter
def cleaned_value(value: str) -> str:
    """Return a value as people read it: a ticket's state has words of its own."""
    return str(Ticket.State(value).label) if value in Ticket.State.values else value
