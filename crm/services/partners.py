"""What staff do with partners: make them, edit them, and say which accounts are theirs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from crm.models import Account, Partner, PartnerAccount


class LinkOpenError(Exception):
    """The partner already has an open link of this role to the account."""


class LinkDatesError(Exception):
    """A link would end before it begins."""


class PartnerChangedError(Exception):
    """Somebody else saved the partner first; nothing was written."""


def create_partner(*, details: Mapping[str, Any]) -> Partner:
    partner = Partner(**details)
    partner.save(force_insert=True)
    return partner


def edit_partner(*, partner: Partner, revision: int, changes: Mapping[str, Any]) -> None:
    """Store the changes if the partner still is at `revision`.

    :raises PartnerChangedError: when somebody saved it in between.
    """
    if not Partner.objects.filter(pk=partner.pk, revision=revision).update(**changes):
        raise PartnerChangedError


def link_account(
    *,
    partner: Partner,
    account: Account,
    role: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> PartnerAccount:
    """Give the partner this role with the account, from `since` (now) on.

    :raises LinkOpenError: if it has that role already.
    :raises LinkDatesError: if `until` doesn't lie after the beginning.
    """
    dates: dict[str, Any] = {"since": since} if since else {}
    try:
        with transaction.atomic():
            link = PartnerAccount(partner=partner, account=account, role=role, until=until, **dates)
            link.save(force_insert=True)
    except IntegrityError as error:
        if "partner_link_is_forward" in str(error):
            raise LinkDatesError from error
        if "one_open_link_per_partner_and_role" in str(error):
            raise LinkOpenError from error
        raise
    return link


@transaction.atomic
def end_link(*, link: PartnerAccount) -> None:
    """End the link now; one that hasn't begun yet disappears, one that has ended stays as it is."""
    links = PartnerAccount.objects.filter(pk=link.pk)
    links.filter(since__gte=Now()).delete()
    links.filter(since__lt=Now(), until__isnull=True).update(until=Now())
    links.filter(since__lt=Now(), until__gt=Now()).update(until=Now())
