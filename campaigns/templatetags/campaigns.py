from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django import template
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Campaign, Enrolment
from campaigns.selectors.contact_effects import ContactEffect, Worth, get_contact_effect, get_contact_effects
from campaigns.selectors.reports import CampaignReport
from crm.models import Account, Score, Value
from crm.selectors.account_list import AccountRow
from crm.templatetags.formats import percent

register = template.Library()

STATE_TONES = {"running": "good", "paused": "watch", "scheduled": "accent"}


@register.filter
def state_tone(campaign: Campaign) -> str:
    return STATE_TONES.get(campaign.state, "neutral")


@register.filter
def funnel_steps(report: CampaignReport) -> list[dict[str, Any]]:
    """Return the steps of the funnel, each with its share of the step that it is a part of, and of which."""
    counts = report.counts
    of_enrolled, of_treated = _("%(share)s of enrolled"), _("%(share)s of treated")
    of_delivered = _("%(share)s of delivered")
    steps = [
        ("enrolled", _("Enrolled"), "", ""),
        ("holdout", _("Held out"), "enrolled", of_enrolled),
        ("treated", _("Treated"), "enrolled", of_enrolled),
    ]
    if counts["sent"]:  # nothing is delivered on the phone
        steps += [("sent", _("Sent"), "treated", of_treated)]
        steps += [("delivered", _("Delivered"), "sent", _("%(share)s of sent"))]
    if report.campaign.channel == Campaign.Channel.EMAIL:
        steps += [("opened", _("Opened"), "delivered", of_delivered)]
        steps += [("clicked", _("Clicked"), "delivered", of_delivered)]
    steps.append(("converted", _("Responded"), "treated", of_treated))
    return [
        {
            "label": label,
            "n": counts[step],
            "base": counts[base] if base else None,
            "share": words,
            "href": _accounts_url(report.campaign, step),
        }
        for step, label, base, words in steps
    ]


@register.simple_tag
def step_label(step: str) -> str:
    return {
        "enrolled": _("Enrolled"),
        "holdout": _("Held out"),
        "treated": _("Treated"),
        "sent": _("Sent"),
        "delivered": _("Delivered"),
        "opened": _("Opened"),
        "clicked": _("Clicked"),
        "converted": _("Responded"),
    }[step]


@register.simple_tag
def predicted_bands(report: CampaignReport, group: str) -> list[dict[str, Any]]:
    """Return predicted against actual response by band, as the bar pairs want them."""
    return [
        {
            "label": f"{_percent(band['band_low'])}–{percent(band['band_high'], 0)}",
            "predicted": band["predicted"],
            "actual": band["responded"] / band["accounts"],
            "low": band["low"],
            "high": band["high"],
            "n": band["accounts"],
        }
        for band in report.bands(group)
    ]


@register.filter
def response_words(campaign: Campaign) -> str:
    """Return what counts as a response, and how it is foretold."""
    days, score = campaign.response_days, score_label(campaign.response_score)
    if campaign.response_score == Score.Kind.PAYMENT_RISK:
        said = ngettext(
            "A response is a bill paid within %(n)s day.",
            "A response is a bill paid within %(n)s days.",
            days,
        )
    else:
        said = ngettext(
            "A response is an order within %(n)s day.", "A response is an order within %(n)s days.", days
        )
    if not campaign.response_is_complement:
        return said % {"n": days}
    rest = _("What is predicted is what the score “%(score)s” leaves of 100 %%.") % {"score": score}
    return f"{said % {'n': days}} {rest}"


@register.filter
def holdout_words(report: CampaignReport) -> str:
    """Say whether the prediction held where nobody was contacted: nine bands of ten should."""
    hits, bands = report.holdout_hits
    return ngettext(
        "The prediction lies within the interval in %(hits)s of %(n)s band; of ten bands, nine should.",
        "The prediction lies within the interval in %(hits)s of %(n)s bands; of ten bands, nine should.",
        bands,
    ) % {"hits": hits, "n": bands}


@register.filter
def score_label(kind: str) -> str:
    return str(dict(Score.Kind.choices).get(kind, kind))


@register.filter
def value_label(kind: str) -> str:
    return str(dict(Value.Kind.choices).get(kind, kind))


@register.inclusion_tag("campaigns/_account_campaigns.html")
def account_campaigns(account: Account) -> dict[str, Any]:
    """The campaigns that an account was part of, with its arm and what it did."""
    enrolments = (
        Enrolment.objects.filter(account=account)
        .select_related("campaign")
        .prefetch_related("responses")
        .order_by("-enrolled_at")[:50]
    )
    return {"enrolments": enrolments}


@register.inclusion_tag("campaigns/_latest_campaigns.html", takes_context=True)
def latest_campaigns(context: template.Context) -> dict[str, Any]:
    """The five newest campaigns with their lift, for the home page."""
    visible = Campaign.objects.visible_to(context["request"].user)
    return {"campaigns": visible.select_related("book", "lift_report").order_by("-starts_at", "-pk")[:5]}


@register.inclusion_tag("campaigns/_worth_calling.html")
def worth_calling(account: Account, churn: Score, value: Value) -> dict[str, Any]:
    """What is at stake times what a contact has been shown to change, or that it isn't known yet."""
    at_stake = churn.value * float(value.amount)
    effect = get_contact_effect(account.book_id)
    return {
        "at_stake": at_stake,
        "currency": value.currency,
        "effect": effect,
        "worth": effect.worth(at_stake),
    }


@register.inclusion_tag("campaigns/_worth_calling_first.html")
def worth_calling_first(rows: Sequence[AccountRow], currency: str) -> dict[str, Any]:
    """Rows of the account list by what a call is worth, by what is at stake while that isn't known."""
    effects = get_contact_effects({row.book_id for row in rows})
    calls = [_Call(row, *_stake_and_worth(row, effects[row.book_id])) for row in rows]
    if all(call.worth for call in calls):
        calls.sort(key=lambda call: call.worth.amount if call.worth else 0.0, reverse=True)
    return {"calls": calls, "effects": list(dict.fromkeys(effects.values())), "currency": currency}


class _Call(NamedTuple):
    row: AccountRow
    at_stake: float
    worth: Worth | None


def _stake_and_worth(row: AccountRow, effect: ContactEffect) -> tuple[float, Worth | None]:
    at_stake = row.numbers.get("churn", 0.0) * row.numbers.get("customer_value", 0.0)
    return at_stake, effect.worth(at_stake)


def _accounts_url(campaign: Campaign, step: str) -> str:
    return reverse("campaigns:campaign-accounts", args=[campaign.public_id, step])


def _percent(share: float) -> str:
    return number_format(share * 100, 0)
