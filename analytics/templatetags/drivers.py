"""Words for what drives scores, made when the page is read."""

from collections.abc import Mapping

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.selectors.drivers import Driver, Segment
from crm.models import Account
from crm.selectors.countries import country_name
from crm.selectors.words import reason_label

register = template.Library()

SPLITS: Mapping[str, str | Promise] = {
    "country": gettext_lazy("Country"),
    "industry": gettext_lazy("Industry"),
    "stage": gettext_lazy("Lifecycle stage"),
    "kind": gettext_lazy("Kind of account"),
}
CHOICES = {"stage": dict(Account.Stage.choices), "kind": dict(Account.Kind.choices)}


@register.filter
def split_words(split: str) -> str:
    return str(SPLITS.get(split, split))


@register.filter
def segment_words(segment: Segment, split: str) -> str:
    """Return what a segment is called; an account may well have no country."""
    if segment.value is None:
        return _("All others")
    if not segment.value:
        return _("Not given")
    if split == "country":
        return country_name(segment.value)
    return str(CHOICES.get(split, {}).get(segment.value, segment.value))


@register.filter
def driver_words(driver: Driver) -> str:
    return reason_label(driver.code, driver.values)
