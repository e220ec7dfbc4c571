"""Leads that partners send: an account of their own, once for each request."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from crm.models import (
    Account,
    Activity,
    Contact,
    ExternalId,
    IdempotencyKey,
    Partner,
    PartnerAccount,
)
from crm.services.feed import record_change
from crm.services.matching import store_keys
from crm.services.source_days import missing_shares, record

KEYS_ARE_KEPT_FOR = timedelta(days=2)


class IdempotencyKeyReusedError(Exception):
    """The key came before, with another request."""


class LeadGoneError(Exception):
    """The key came before, and what it made exists no more."""


class ExternalIdTakenError(Exception):
    """The partner sent an account under this number before. `account` is that one."""

    def __init__(self, account_id: int) -> None:
        super().__init__(account_id)
        self.account_id = account_id


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    job_title: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class NewLead:
    name: str
    kind: str = Account.Kind.ORGANISATION
    industry: str = ""
    country: str = ""
    currency: str = ""  # the book's own unless said
    website: str = ""
    tax_id: str = ""
    external_id: str = ""
    note: str = ""
    contact: Person | None = None


@dataclass(frozen=True, slots=True)
class Once:
    """What makes a request the same as an earlier one: its key, and a digest of what it says."""

    key: str
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lead:
    account_id: int
    is_new: bool


@transaction.atomic
def create_lead(*, partner: Partner, lead: NewLead, once: Once | None = None) -> Lead:
    """Make an account with stage "lead" in the partner's book, linked to the partner.

    With `once`, a repeated request returns the first one's account and makes nothing; two at the
    same moment wait for each other.

    :raises IdempotencyKeyReusedError: if the key came with another request.
    :raises LeadGoneError: if the key's account exists no more.
    :raises ExternalIdTakenError: if the partner sent `external_id` before.
    """
    if once and (earlier := _earlier(partner, once)):
        return earlier
    account = _insert(partner, lead)
    if once:
        IdempotencyKey.objects.filter(partner=partner, key=once.key).update(account_id=account.pk)
    record_change(
        kind="lead.created", object_id=account.pk, account_id=account.pk, data={"partner_id": partner.pk}
    )
    missing = missing_shares([lead], ("industry", "country", "external_id", "contact"))
    record(book_id=partner.book_id, source=_source(partner), kind="accounts", rows=1, missing=missing)
    return Lead(account.pk, is_new=True)


def _earlier(partner: Partner, once: Once) -> Lead | None:
    """Claim the key; if somebody did before, return what came of it."""
    mine = IdempotencyKey.objects.filter(partner=partner)
    mine.filter(at__lt=Now() - KEYS_ARE_KEPT_FOR).delete()
    # One statement: it waits for a request with the same key that is being worked on.
    claim = IdempotencyKey(partner=partner, key=once.key, digest=once.digest)
    IdempotencyKey.objects.bulk_create([claim], ignore_conflicts=True)
    found = mine.get(key=once.key)
    if bytes(found.digest) != once.digest:
        raise IdempotencyKeyReusedError
    if found.account_id is None:
        return None  # claimed in this transaction
    if not Account.objects.filter(pk=found.account_id).exists():
        raise LeadGoneError
    return Lead(found.account_id, is_new=False)


def _insert(partner: Partner, lead: NewLead) -> Account:
    account = Account.objects.create(
        book=partner.book,
        kind=lead.kind,
        name=lead.name,
        industry=lead.industry,
        country=lead.country,
        currency=lead.currency or partner.book.currency,
        website=lead.website,
        tax_id=lead.tax_id,
        stage=Account.Stage.LEAD,
    )
    PartnerAccount.objects.create(partner=partner, account=account, role=PartnerAccount.Role.REFERRED)
    if lead.external_id:
        _name(partner, account, lead.external_id)
    contact = None
    if person := lead.contact:
        contact = Contact.objects.create(
            account=account,
            name=person.name,
            job_title=person.job_title,
            email=person.email,
            phone=person.phone,
        )
    store_keys([account.pk])
    if lead.note:
        Activity.objects.create(account=account, contact=contact, kind=Activity.Kind.NOTE, text=lead.note)
    return account


def _name(partner: Partner, account: Account, value: str) -> None:
    source = _source(partner)
    try:
        with transaction.atomic():
            ExternalId.objects.create(source=source, kind="account", value=value, row_id=account.pk)
    except IntegrityError as error:
        taken = ExternalId.objects.get(source=source, kind="account", value=value)
        raise ExternalIdTakenError(taken.row_id) from error


def _source(partner: Partner) -> str:
    return f"partner:{partner.public_id}"
