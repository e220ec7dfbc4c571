"""The timeline of an account: what people wrote, what the customer did, what was changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from crm.models import Account, User
from crm.selectors.audit import AuditEntry, list_audit
from crm.selectors.keyset import Column, Order, make_cursor, read_cursor

PER_PAGE = 20
ORDER = Order(
    "timeline",
    (Column("at", descending=True), Column("source", descending=True), Column("pk", descending=True)),
)
COLLAPSE = timedelta(minutes=10)
# One entry a session: what somebody looked at one by one would bury everything else.
_SESSIONS = """(
    SELECT session.id, NULL::uuid AS public_id, visitor.account_id, session.started_at, session.events,
           coalesce(nullif(session.source, ''), session.campaign_code) AS source
    FROM crm_websession AS session JOIN crm_visitor AS visitor ON visitor.id = session.visitor_id
    WHERE NOT session.is_bot
) AS session"""
# table, moment, detail, text, author, amount, currency, further condition
_SOURCES = {
    "activity": ("crm_activity", "at", "kind", "text", "author_id", "NULL", "''", ""),
    "order": ("crm_order", "placed_at", "kind", "number", "NULL", "amount", "currency", ""),
    "invoice": ("crm_invoice", "issued_at", "''", "number", "NULL", "amount", "currency", ""),
    "payment": ("crm_payment", "paid_at", "''", "''", "NULL", "amount", "currency", ""),
    "task": ("crm_task", "done_at", "''", "title", "assignee_id", "NULL", "''", "done_at IS NOT NULL"),
    "ticket": ("crm_ticket", "opened_at", "kind", "subject", "assignee_id", "NULL", "''", ""),
    "session": (_SESSIONS, "started_at", "''", "source", "NULL", "events", "''", ""),
}
_NAMED = """
    SELECT found.at, found.source, found.id, found.public_id, found.detail, found.text,
           coalesce(nullif(trim(concat(author.first_name, ' ', author.last_name)), ''), author.username, ''),
           found.amount, found.currency, found.is_simulated, found.is_pinned
    FROM (%(found)s) AS found
         (at, source, id, public_id, detail, text, author_id, amount, currency, is_simulated, is_pinned)
    LEFT JOIN crm_user AS author ON author.id = found.author_id
"""
# What each chip shows: sources, and the kind of activity.
CHIPS: dict[str, tuple[tuple[str, ...], str]] = {
    "note": (("activity",), "note"),
    "call": (("activity",), "call"),
    "email": (("activity",), "email"),
    "meeting": (("activity",), "meeting"),
    "order": (("order",), ""),
    "bill": (("invoice", "payment"), ""),
    "ticket": (("ticket",), ""),
    "task": (("task",), ""),
    "visit": (("session",), ""),
    "edit": ((), ""),
}


@dataclass(frozen=True, slots=True)
class TimelineItem:
    at: datetime
    source: str
    pk: int
    public_id: str = ""
    detail: str = ""
    text: str = ""
    author: str = ""  # "" where a program did it, or nobody knows
    amount: Decimal | None = None  # of a session: how many things were done in it
    currency: str = ""
    is_simulated: bool = False
    is_pinned: bool = False
    edits: list[AuditEntry] = field(default_factory=list)

    @property
    def field_names(self) -> list[str]:
        return sorted({change.name for edit in self.edits for change in edit.changes})


@dataclass(frozen=True, slots=True)
class Timeline:
    items: list[TimelineItem]
    older: str | None  # cursor


def get_timeline(account: Account, *, chip: str = "", before: str = "") -> Timeline:
    """Return the newest 20 entries, or the 20 before a cursor; a broken cursor means the newest."""
    sources, activity_kind = CHIPS.get(chip, (tuple(_SOURCES), ""))
    edge = read_cursor(before, ORDER) if before else None
    items = _facts(account, sources, activity_kind, edge) if sources else []
    if chip in ("", "edit") and account.revision > 1:  # else nobody has edited it yet
        items += _edits(account, edge)
    items.sort(key=lambda item: (item.at, item.source, item.pk), reverse=True)
    more, items = len(items) > PER_PAGE, items[:PER_PAGE]
    return Timeline(_collapsed(items), make_cursor(items[-1], ORDER) if more else None)


def _facts(
    account: Account, sources: Sequence[str], activity_kind: str, edge: Sequence[Any] | None
) -> list[TimelineItem]:
    parameters: dict[str, Any] = {"account": account.pk, "limit": PER_PAGE + 1, "kind": activity_kind}
    if edge:
        parameters |= dict(zip(("at", "source", "pk"), edge, strict=True))
    branches = [_branch(source, activity_kind, has_edge=edge is not None) for source in sources]
    with connection.cursor() as cursor:
        cursor.execute(_NAMED % {"found": " UNION ALL ".join(branches)}, parameters)
        return [TimelineItem(*row) for row in cursor.fetchall()]


def _branch(source: str, activity_kind: str, *, has_edge: bool) -> str:
    table, at, detail, text, author, amount, currency, condition = _SOURCES[source]
    wanted = ["account_id = %(account)s", *([condition] if condition else [])]
    if source == "activity" and activity_kind:
        wanted.append("kind = %(kind)s")
    if has_edge:  # the first half is what the index answers
        wanted.append(f"{at} <= %(at)s AND ({at}, '{source}', id) < (%(at)s, %(source)s, %(pk)s)")
    simulated = "is_simulated" if source in ("activity", "task", "ticket") else "false"
    pinned = "is_pinned" if source == "activity" else "false"
    return (
        f"(SELECT {at}, '{source}', id, public_id::text, {detail}, {text}, {author}::bigint, "
        f"{amount}::numeric, {currency}, {simulated}, {pinned} FROM {table} "
        f"WHERE {' AND '.join(wanted)} ORDER BY {at} DESC, id DESC LIMIT %(limit)s)"
    )


def _edits(account: Account, edge: Sequence[Any] | None) -> list[TimelineItem]:
    """Return edits of the account itself, as entries of the source "edit"."""
    older = None
    if edge:
        at, source, pk = edge
        older = (at, "crm_accountevent", pk if source == "edit" else 2**31 - 1 if source > "edit" else 0)
    entries = list_audit(account=account, table="crm_accountevent", older_than=older, limit=PER_PAGE)
    people = User.objects.only("first_name", "last_name", "username")
    authors = people.in_bulk({entry.actor_id for entry in entries if entry.actor_id})
    return [
        TimelineItem(
            entry.at, "edit", entry.pk, author=str(authors.get(entry.actor_id or 0, "")), edits=[entry]
        )
        for entry in entries
        if entry.changes
    ]


def _collapsed(items: Sequence[TimelineItem]) -> list[TimelineItem]:
    """Join the edits that one person made within 10 minutes, with nothing else in between."""
    joined: list[TimelineItem] = []
    for item in items:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.source == item.source == "edit"
            and last.author == item.author
            and last.at - item.at <= COLLAPSE
        ):
            last.edits.extend(item.edits)
        else:
            joined.append(item)
    return joined
