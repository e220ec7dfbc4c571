"""Words for what monitoring found, made when the page is read."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django import template
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.selectors.model_checks import badges_of_book
from crm.models import Book
from crm.selectors.countries import country_name
from crm.selectors.words import reason_label
from crm.templatetags.formats import number, on_day, share
from crm.templatetags.ui import badge

register = template.Library()

Words = str | Promise
BADGE_WORDS: Mapping[str, Words] = {
    "miscalibrated": gettext_lazy("Off"),
    "drifting": gettext_lazy("Drifting"),
    "low_coverage": gettext_lazy("Few scored"),
    "quiet": gettext_lazy("No new data"),
}
BADGE_TITLES: Mapping[str, Words] = {
    "miscalibrated": gettext_lazy("Its predictions have come true more or less often than they said."),
    "drifting": gettext_lazy("Accounts no longer look like those that it was trained on."),
    "low_coverage": gettext_lazy("Many active accounts have no score of this week."),
    "quiet": gettext_lazy("Nothing has come in for longer than is usual in this book."),
}
BADGE_TONES = {"miscalibrated": "bad", "quiet": "bad"}
LEVELS: Mapping[str, Words] = {
    "steady": gettext_lazy("Steady"),
    "watch": gettext_lazy("Watch"),
    "drifting": gettext_lazy("Drifting"),
}
LEVEL_TONES = {"steady": "good", "watch": "watch", "drifting": "bad"}
ATTRIBUTES: Mapping[str, Words] = {
    "country": gettext_lazy("Country"),
    "industry": gettext_lazy("Industry"),
}
ANSWERS: Mapping[str, Words] = {
    "useful": gettext_lazy("Called useful"),
    "useless": gettext_lazy("Called not useful"),
    "task": gettext_lazy("Made a task"),
}
POPULATIONS: Mapping[str, Words] = {
    "population_churn": gettext_lazy("It speaks of accounts that ordered within a year, and of no others."),
    "population_purchase": gettext_lazy(
        "It speaks of accounts that ordered within a year, and of no others."
    ),
    "population_payment_risk": gettext_lazy("It speaks of accounts that were ever billed, and of no others."),
    "population_customer_value": gettext_lazy(
        "It speaks of accounts with an order or a subscription, and of no others."
    ),
    "population_recommendation": gettext_lazy("It knows what was bought together, not what anybody needs."),
}


@register.simple_tag
def health_badge(code: str) -> SafeString:
    title = str(BADGE_TITLES.get(code, ""))
    return badge(str(BADGE_WORDS.get(code, code)), BADGE_TONES.get(code, "watch"), title=title)  # type: ignore[arg-type]  # a tone


@register.simple_tag
def level_badge(level: str) -> SafeString:
    return badge(str(LEVELS.get(level, level)), LEVEL_TONES.get(level, "neutral"))  # type: ignore[arg-type]  # a tone


@register.simple_tag
def troubled_kinds(book: Book) -> Mapping[str, list[str]]:
    """Return, by kind of score, the badges that those who read its scores should see."""
    return badges_of_book(book)


@register.filter
def badges_for(troubled: Mapping[str, list[str]], kind: str) -> list[str]:
    return troubled.get(kind, [])


@register.filter
def input_words(code: str, labels: Mapping[str, str] | None = None) -> str:
    if code == "score":
        return _("The score itself")
    return reason_label(code, {"label": (labels or {}).get(code)})


@register.filter
def attribute_words(split: Mapping[str, Any]) -> str:
    return str(split.get("label") or ATTRIBUTES.get(str(split["attribute"]), split["attribute"]))


@register.filter
def part_words(value: str, attribute: str) -> str:
    return country_name(value) if attribute == "country" else value


@register.filter
def answer_words(code: str) -> str:
    return str(ANSWERS.get(code, code))


@register.filter
def finding_words(finding: Mapping[str, Any]) -> str:
    """Return what monitoring found, as a sentence."""
    say = FINDINGS.get(str(finding.get("code", "")))
    return say(finding) if say else str(finding.get("code", ""))


def _slope(f: Mapping[str, Any]) -> str:
    words = {"slope": number(f["slope"], 2), "low": number(f["low"], 1), "high": number(f["high"], 1)}
    return _("Its calibration slope is %(slope)s, outside %(low)s to %(high)s.") % words


def _error(f: Mapping[str, Any]) -> str:
    words = {"ece": share(f["ece"]), "limit": share(f["limit"], 0)}
    return _("Predictions and what happened are %(ece)s apart on average; the limit is %(limit)s.") % words


def _base_rate(f: Mapping[str, Any]) -> str:
    words = {"before": share(f["before"]), "now": share(f["now"])}
    return _("It happened to %(now)s of the accounts; in the test period it was %(before)s.") % words


def _inputs(f: Mapping[str, Any]) -> str:
    words = {"what": input_words(str(f["what"])), "index": number(f["index"], 2)}
    return _("“%(what)s” is no longer what it was in training (PSI %(index)s).") % words


def _coverage(f: Mapping[str, Any]) -> str:
    words = {"scored": number(f["scored"]), "active": number(f["active"])}
    return _("Only %(scored)s of %(active)s active accounts have a score of this week.") % words


def _quiet(f: Mapping[str, Any]) -> str:
    if f["days"] is None:
        return _("Nothing has come into this book for a year.")
    words = {"days": number(f["days"]), "limit": number(f["limit_days"])}
    return _("Nothing has come into this book for %(days)s days; more than %(limit)s is unusual.") % words


FINDINGS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "slope_left_range": _slope,
    "calibration_error": _error,
    "base_rate_moved": _base_rate,
    "inputs_moved": _inputs,
    "low_coverage": _coverage,
    "book_is_quiet": _quiet,
}


@register.filter
def limit_words(limit: Mapping[str, Any]) -> str:
    """Return what a version can't be used for, as a sentence."""
    code = str(limit["code"])
    if code in POPULATIONS:
        return str(POPULATIONS[code])
    say = LIMITS.get(code)
    return say(limit) if say else code


def _foretells(_limit: Mapping[str, Any]) -> str:
    return _(
        "It foretells what happens when nobody does anything new. What an action changes is "
        "measured by campaigns with a holdout."
    )


def _no_later(_limit: Mapping[str, Any]) -> str:
    return _("It was tested on other accounts of the same time. How it does at a later time isn't known yet.")


def _small_test(limit: Mapping[str, Any]) -> str:
    words = {"n": number(limit["n"]), "positives": number(limit["positives"])}
    return (
        _(
            "The test was small: %(n)s accounts, %(positives)s with the outcome. Its figures may be off "
            "by much."
        )
        % words
    )


def _recalibrated(limit: Mapping[str, Any]) -> str:
    words = {
        "version": limit["from"],
        "slope": number(limit["slope"], 2),
        "intercept": number(limit["intercept"], 2),
        "n": number(limit["n"]),
    }
    return (
        _(
            "It ranks as %(version)s does. Only its log-odds were moved (slope %(slope)s, intercept "
            "%(intercept)s), by what became of %(n)s accounts."
        )
        % words
    )


def _uncovered(limit: Mapping[str, Any]) -> str:
    return _(
        "For %(share)s of the accounts hardly anybody like them was left alone: what it says of "
        "them rests on others."
    ) % {"share": share(limit["share"], 0)}


def _not_due(limit: Mapping[str, Any]) -> str:
    day = on_day(datetime.fromisoformat(limit["from"]))
    said = _("None of its own predictions has come due yet. The first do on %(day)s.") % {"day": day}
    return SafeString(said)  # the day is markup of ours, and nothing else stands in it


def _off_for_part(limit: Mapping[str, Any]) -> str:
    words = {
        "attribute": attribute_words(limit),
        "value": part_words(str(limit["value"]), str(limit["attribute"])),
        "mean": share(limit["mean_predicted"]),
        "observed": share(limit["observed"]),
    }
    return _("%(attribute)s %(value)s: it said %(mean)s on average, it happened to %(observed)s.") % words


LIMITS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "foretells_only": _foretells,
    "no_later_period": _no_later,
    "small_test": _small_test,
    "recalibrated": _recalibrated,
    "uncovered": _uncovered,
    "not_due": _not_due,
    "off_for_part": _off_for_part,
}
