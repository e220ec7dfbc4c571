"""The organisation of this installation: its name, the currency of its sums and the zone of its days."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.models import Import, Organisation, Value
from crm.selectors.lately import lately

# What is stored in the reporting currency, by the model's name.
AMOUNTS: dict[str, str | Promise] = {
    "invoice": _("invoices"),
    "order": _("orders"),
    "orderline": _("order lines"),
    "payment": _("payments"),
    "response": _("campaign responses"),
    "subscription": _("subscriptions"),
    "value": _("published values"),
}
IMPORTING = _("a file that is being imported")


def get_organisation() -> Organisation:
    """Return the organisation, with what an installation starts with while nobody has set anything."""
    return Organisation.objects.first() or Organisation(id=1)


def organisation_zone() -> str:
    """Return the name of its time zone, which may be a minute old: every page shows moments in it."""
    return lately("organisation zone", lambda: get_organisation().time_zone)


def list_amounts_stored() -> list[str | Promise]:
    """Return what there is in the reporting currency, in words. It can be changed while there is nothing."""
    stored = [
        AMOUNTS.get(str(model._meta.model_name), model._meta.verbose_name_plural or "")
        for model in apps.get_models()
        if any(field.name == "amount_reporting" for field in model._meta.concrete_fields)
        and model._default_manager.exclude(amount_reporting=0).exists()
    ]
    if Value.objects.exists():
        stored.append(AMOUNTS["value"])
    if Import.objects.filter(state=Import.State.COMMITTING).exists():
        stored.append(IMPORTING)
    return stored


@cache
def list_time_zones() -> tuple[str, ...]:
    """Return the zones named after places, and UTC."""
    areas = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/",
             "Pacific/")  # fmt: skip
    return (*sorted(name for name in available_timezones() if name.startswith(areas)), "UTC")
