from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Enrolment
from campaigns.selectors.reports import CampaignReport
from crm.models import Account, Score, Value

register = template.Library()

STATE_TONES = {"running": "good", "paused": "watch", "scheduled": "accent"}


@register.filter
def state_tone(campaign: Campaign) -> str:
    return STATE_TONES.get(campaign.state, "neutral")


@register.filter
def funnel_steps(report: CampaignReport) -> list[dict[str, Any]]:
    """Return the steps of the funnel, each with its share of the step that it is a part of."""
    counts = report.counts
    steps = [
        ("enrolled", _("Enrolled"), None),
        ("holdout", _("Held out"), "enrolled"),
        ("treated", _("Treated"), "enrolled"),
    ]
    if counts["sent"]:  # nothing is delivered on the phone
        steps += [("sent", _("Sent"), "treated"), ("delivered", _("Delivered"), "sent")]
    if report.campaign.channel == Campaign.Channel.EMAIL:
        steps += [("opened", _("Opened"), "delivered"), ("clicked", _("Clicked"), "delivered")]
    steps.append(("converted", _("Responded"), "treated"))
    return [
        {
            "label": label,
            "n": counts[step],
            "base": counts[base] if base else counts[step],
            "href": _accounts_url(report.campaign, step),
        }
        for step, label, base in steps
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
            "label": _("%(low)s–%(high)s %%")
            % {"low": _percent(band["band_low"]), "high": _percent(band["band_high"])},
            "predicted": band["predicted"],
            "actual": band["responded"] / band["accounts"],
            "low": band["low"],
            "high": band["high"],
            "n": band["accounts"],
        }
        for band in report.bands(group)
    ]


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


def _accounts_url(campaign: Campaign, step: str) -> str:
    return reverse("campaigns:campaign-accounts", args=[campaign.public_id, step])


def _percent(share: float) -> str:
    return number_format(share * 100, 0)
