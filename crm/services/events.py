"""Behaviour that partners report: a whole batch, or nothing of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from crm.models import Account, ApiPrincipal, Product
from crm.services.event_store import EventRow, insert_events
from crm.services.source_days import missing_shares, record


@dataclass(frozen=True, slots=True)
class NewEvent:
    kind: str
    at: datetime
    account_id: UUID | None = None  # public id
    visitor: str = ""
    product_code: str = ""
    term: str = ""
    source: str = ""
    medium: str = ""
    campaign_code: str = ""
    page: str = ""
    duration_seconds: float | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    position: int
    field: str
    code: str


class EventsRefusedError(Exception):
    """Some events name what the sender doesn't have; nothing of the batch was stored."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(refusals)
        self.refusals = refusals


@dataclass(frozen=True, slots=True)
class Stored:
    stored: int
    duplicates: int


@transaction.atomic
def store_events(*, sender: ApiPrincipal, events: Sequence[NewEvent]) -> Stored:
    """Store the events whose key hasn't been seen, in one statement, and tell the change feed.

    Sending a batch again stores nothing twice, as far as its events have keys.

    :raises EventsRefusedError: naming each event with an account or product that isn't the
        sender's; nothing is stored.
    """
    accounts = _visible_accounts(sender, events)
    products = _visible_products(sender, events)
    rows: list[EventRow] = []
    refusals: list[Refusal] = []
    for position, event in enumerate(events):
        account_id, book_id = accounts.get(event.account_id, (None, sender.partner.book_id))
        product_id = products.get((book_id, event.product_code))
        if event.account_id and account_id is None:
            refusals.append(Refusal(position, "account_id", "account_unknown"))
        elif event.product_code and product_id is None:
            refusals.append(Refusal(position, "product_code", "product_unknown"))
        rows.append(_row(event, account_id, product_id))
    if refusals:
        raise EventsRefusedError(refusals)
    source = f"partner:{sender.partner.public_id}"
    stored = insert_events(sender=source, rows=rows)
    shares = missing_shares(events, ("account_id", "page", "source"))
    missing = {field.removesuffix("_id"): share for field, share in shares.items()}  # as of sites' events
    record(book_id=sender.partner.book_id, source=source, kind="events", rows=stored, missing=missing)
    return Stored(stored, duplicates=len(events) - stored)


def _visible_accounts(sender: ApiPrincipal, events: Sequence[NewEvent]) -> dict[UUID | None, tuple[int, int]]:
    asked = {event.account_id for event in events if event.account_id}
    if not asked:
        return {}
    found = Account.objects.visible_to(sender).filter(public_id__in=asked)
    return {public: (pk, book) for public, pk, book in found.values_list("public_id", "pk", "book_id")}


def _visible_products(sender: ApiPrincipal, events: Sequence[NewEvent]) -> dict[tuple[int, str], int]:
    asked = {event.product_code for event in events if event.product_code}
    if not asked:
        return {}
    found = Product.objects.visible_to(sender).filter(code__in=asked)
    return {(book, code): pk for book, code, pk in found.values_list("book_id", "code", "pk")}


def _row(event: NewEvent, account_id: int | None, product_id: int | None) -> EventRow:
    return EventRow(
        kind=event.kind,
        at=event.at.isoformat(),
        account_id=account_id,
        visitor=event.visitor,
        product_id=product_id,
        term=event.term,
        source=event.source,
        medium=event.medium,
        campaign_code=event.campaign_code,
        duration_seconds=event.duration_seconds,
        page=event.page,
        key=event.key,
    )
