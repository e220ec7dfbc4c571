"""Follow the change feed: what customers did changes their scores, what staff did is remembered."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection

from analytics.lake import open_slice
from analytics.lake.extracting import complete_until
from analytics.pipelines.scoring import score_book
from analytics.services.predictions import keep_acted
from crm.models import Account, Book, Change
from crm.services.feed import advance, read_changes
from crm.services.job_runs import RunningJob
from crm.services.jobs import enqueue

READER = "analytics.rescore"
BATCH = 10_000
PATIENCE = 5.0  # seconds
IMPORTS = {"import.committed", "import.undone"}
BEHAVIOUR = {
    "account.created",
    "lead.created",
    "order.placed",
    "invoice.issued",
    "payment.received",
    "event.received",
    "account.updated",
    "ticket.opened",
}
ACTED = {"activity.logged"}


def run(job: RunningJob) -> dict[str, Any]:
    """React to everything that is new in the feed. Reacting twice to a row does nothing twice."""
    rescored = acted = 0
    while changes := read_changes(READER, BATCH):
        read_at = _now()
        acted += _keep_acted(changes)
        rescored += _rescore(_by_book(changes, BEHAVIOUR), read_at, job)
        _score_imported_books(changes)
        advance(READER, changes[-1])
    return {"rescored": rescored, "acted": acted}


def _by_book(changes: Iterable[Change], kinds: set[str]) -> dict[Book, list[int]]:
    ids = {change.account_id for change in changes if change.kind in kinds and change.account_id}
    books: dict[Book, list[int]] = defaultdict(list)
    accounts = Account.objects.filter(pk__in=ids).select_related("book").only("pk", "book")
    for account in accounts.order_by("pk"):
        books[account.book].append(account.pk)
    return books


def _rescore(accounts: dict[Book, list[int]], read_at: datetime, job: RunningJob) -> int:
    """Score these accounts from what the database says of them now; the lake may be a day old."""
    if not accounts:
        return 0
    job.progress("extract")
    everybody = [account_id for ids in accounts.values() for account_id in ids]
    _wait_until_complete(read_at)
    with open_slice(everybody) as lake:
        # What was read in the feed must count: it is known since before `read_at`. Usually all
        # older transactions have ended meanwhile; one that lasts does not hold everybody up.
        present = max(lake.manifest.complete_until, read_at)
        for book, ids in accounts.items():
            score_book(lake, book, book.ends_at or present, account_ids=ids, job=job)
    return len(everybody)


def _wait_until_complete(read_at: datetime) -> None:
    """Wait a moment for transactions that are older than what was read to end."""
    deadline = time.monotonic() + PATIENCE
    while complete_until() <= read_at and time.monotonic() < deadline:
        time.sleep(0.2)


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment


def _keep_acted(changes: Iterable[Change]) -> int:
    return sum(keep_acted(book=book, account_ids=ids) for book, ids in _by_book(changes, ACTED).items())


def _score_imported_books(changes: Iterable[Change]) -> None:
    """An import speaks of a whole book in one row of the feed. Demo books are replayed instead."""
    codes = {change.data.get("book") for change in changes if change.kind in IMPORTS}
    for book in Book.objects.filter(code__in=codes - {None}, is_demo=False):
        enqueue(
            task="analytics.score_book",
            scope=f"book:{book.code}",
            params={"book": book.code},
            coalesces=True,
        )
