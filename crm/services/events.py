"""Behaviour that partners report: a whole batch, or nothing of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from crm.models import Account, ApiPrincipal, Product

# A repeated key inserts no key and therefore no event. Two batches with the same key at the same
# moment wait for each other at the unique index.
STORE = """
WITH incoming AS (
    SELECT * FROM jsonb_to_recordset(%(events)s::jsonb) AS event (
        position integer, kind text, at timestamptz, account_id bigint, visitor text,
        product_id bigint, term text, source text, campaign_code text,
        duration_seconds double precision, key text)
), firsts AS (
    SELECT DISTINCT ON (key) position FROM incoming WHERE key <> '' ORDER BY key, position
), fresh_keys AS (
    INSERT INTO crm_eventkey (source, key)
    SELECT %(sender)s, key FROM incoming JOIN firsts USING (position) ORDER BY key
    ON CONFLICT (source, key) DO NOTHING
    RETURNING key
), fresh AS (
    SELECT incoming.* FROM incoming WHERE key = ''
    UNION ALL
    SELECT incoming.* FROM incoming JOIN firsts USING (position) JOIN fresh_keys USING (key)
), stored AS (
    INSERT INTO crm_event (kind, at, account_id, visitor, product_id, term, source, campaign_code,
                           duration_seconds, key)
    SELECT kind, at, account_id, visitor, product_id, term, source, campaign_code,
           duration_seconds, key
    FROM fresh ORDER BY position
    RETURNING account_id
), told AS (
    INSERT INTO crm_change (kind, account_id, data)
    SELECT 'event.received', account_id, jsonb_build_object('events', count(*))
    FROM stored WHERE account_id IS NOT NULL GROUP BY account_id ORDER BY account_id
)
SELECT count(*) FROM stored
"""


@dataclass(frozen=True, slots=True)
class NewEvent:
    kind: str
    at: datetime
    account_id: UUID | None = None  # public id
    visitor: str = ""
    product_code: str = ""
    term: str = ""
    source: str = ""
    campaign_code: str = ""
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
    rows: list[dict[str, Any]] = []
    refusals: list[Refusal] = []
    for position, event in enumerate(events):
        account_id, book_id = accounts.get(event.account_id, (None, sender.partner.book_id))
        product_id = products.get((book_id, event.product_code))
        if event.account_id and account_id is None:
            refusals.append(Refusal(position, "account_id", "account_unknown"))
        elif event.product_code and product_id is None:
            refusals.append(Refusal(position, "product_code", "product_unknown"))
        rows.append(_row(position, event, account_id, product_id))
    if refusals:
        raise EventsRefusedError(refusals)
    with connection.cursor() as cursor:
        sender_name = f"partner:{sender.partner.public_id}"
        cursor.execute(STORE, {"events": json.dumps(rows), "sender": sender_name})
        (stored,) = cursor.fetchone()
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


def _row(position: int, event: NewEvent, account_id: int | None, product_id: int | None) -> dict[str, Any]:
    return {
        "position": position,
        "kind": event.kind,
        "at": event.at.isoformat(),
        "account_id": account_id,
        "visitor": event.visitor,
        "product_id": product_id,
        "term": event.term,
        "source": event.source,
        "campaign_code": event.campaign_code,
        "duration_seconds": event.duration_seconds,
        "key": event.key,
    }
