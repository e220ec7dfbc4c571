"""What an installation is told about the organisation that it belongs to, and a person's own zone."""

from __future__ import annotations

from zoneinfo import ZoneInfo, available_timezones

from django.db import transaction

from crm.models import Organisation, User
from crm.selectors.currencies import CURRENCIES
from crm.selectors.organisation import list_amounts_stored
from crm.services.schedules import retime_schedules


class CurrencyFixedError(Exception):
    """Amounts are stored in the reporting currency, so that it can't be changed."""


class UnknownCurrencyError(ValueError):
    """No currency has this code."""


class UnknownZoneError(ValueError):
    """No time zone has this name."""


def ensure_organisation(*, name: str = "") -> Organisation:
    """Return the organisation of this installation, making it when there is none.

    It works without a name. One that is given here is taken only while it has none.
    """
    organisation, is_new = Organisation.objects.get_or_create(id=1, defaults={"name": name})
    if name and not is_new and not organisation.name:
        Organisation.objects.filter(id=1, name="").update(name=name)
        organisation.name = name
    return organisation


@transaction.atomic
def edit_organisation(*, name: str, reporting_currency: str, time_zone: str) -> Organisation:
    """Store what an administrator says, and let daily schedules follow the new zone.

    :raises CurrencyFixedError: when another currency is given and amounts are stored in the old one.
    :raises UnknownCurrencyError: when it is no code of ISO 4217.
    :raises UnknownZoneError: when there is no such zone.
    """
    ensure_organisation()
    organisation = Organisation.objects.select_for_update().get(id=1)
    if reporting_currency not in CURRENCIES:
        raise UnknownCurrencyError(reporting_currency)
    if reporting_currency != organisation.reporting_currency and list_amounts_stored():
        raise CurrencyFixedError
    zone = _checked(time_zone)
    is_moved = time_zone != organisation.time_zone
    organisation.name = name.strip()
    organisation.reporting_currency, organisation.time_zone = reporting_currency, time_zone
    organisation.save()
    if is_moved:
        retime_schedules(zone=zone)
    return organisation


def choose_time_zone(*, user: User, time_zone: str) -> None:
    """Show this person all moments in a zone of their own; in the organisation's when it is empty.

    :raises UnknownZoneError: when there is no such zone.
    """
    if time_zone:
        _checked(time_zone)
    User.objects.filter(pk=user.pk).update(time_zone=time_zone)
    user.time_zone = time_zone


def _checked(name: str) -> ZoneInfo:
    if name not in available_timezones():
        raise UnknownZoneError(name)
    return ZoneInfo(name)
