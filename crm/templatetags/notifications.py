"""The words of what people are told, in the reader's language."""

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.models import Notification
from crm.templatetags.jobs import task_words

register = template.Library()

TONES = {
    "job.done": ("good", "check"),
    "job.failed": ("bad", "circle-alert"),
    "job.cancelled": ("watch", "ban"),
    "feed.stopped": ("bad", "circle-alert"),
    "source.alert": ("watch", "circle-alert"),
}


@register.filter
def notification_words(told: Notification) -> str:
    alerts = int(told.data.get("alerts", 0))
    words = {
        "job.done": _("%(job)s: done"),
        "job.failed": _("%(job)s: failed"),
        "job.cancelled": _("%(job)s: cancelled"),
        "feed.stopped": _("The data feed %(feed)s has stopped"),
        "source.alert": ngettext(
            "%(alerts)s source breaks its habit", "%(alerts)s sources break their habits", alerts
        ),
    }
    job = task_words(str(told.data.get("task", "")))
    return words[told.kind] % {"job": job, "feed": told.data.get("feed", ""), "alerts": alerts}


@register.filter
def notification_tone(told: Notification) -> str:
    return TONES[told.kind][0]


@register.filter
def notification_icon(told: Notification) -> str:
    return TONES[told.kind][1]
