"""Changes that arrive at a steady rate, and when each of them has become a new score."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psutil
import psycopg

from analytics.lake.extracting import conninfo
from config.children import Child

EVERY = 0.5  # seconds between two looks
PATIENCE = 1_800.0  # seconds that a change is waited for at most
CHANGE = """INSERT INTO crm_change (kind, object_id, account_id, data)
    SELECT '{kind}', id, account_id, '{{}}' FROM fact RETURNING at"""
ORDER = f"""
WITH fact AS (
    INSERT INTO crm_order (public_id, book_id, account_id, kind, number, placed_at, currency, amount, rate,
                           amount_reporting)
    SELECT uuidv7(), book_id, id, 'sale', uuidv7()::text, now(), 'GBP', 40, 1, 40
    FROM crm_account WHERE id = %(account)s RETURNING id, account_id
), lines AS (
    INSERT INTO crm_orderline (order_id, product_id, quantity, unit_price, amount, amount_reporting)
    SELECT id, product, 2, 10, 20, 20 FROM fact, (VALUES (%(product)s), (%(product)s + 1)) AS p (product)
) {CHANGE.format(kind="order.placed")}
"""
EVENT = f"""
WITH fact AS (
    INSERT INTO crm_event (kind, at, account_id, visitor, term, source, campaign_code, key)
    VALUES ('visit', now(), %(account)s, '', '', 'web', '', '') RETURNING id, account_id
) {CHANGE.format(kind="event.received")}
"""
PAYMENT = f"""
WITH fact AS (
    INSERT INTO crm_payment (public_id, account_id, invoice_id, paid_at, currency, amount, rate,
                             amount_reporting)
    SELECT uuidv7(), account_id, id, now(), 'GBP', 5, 1, 5 FROM crm_invoice
    WHERE account_id = %(account)s ORDER BY issued_at DESC LIMIT 1 RETURNING id, account_id
) {CHANGE.format(kind="payment.received")}
"""
TICKET = f"""
WITH fact AS (
    INSERT INTO crm_ticket (account_id, kind, state, priority, subject, text, is_simulated)
    VALUES (%(account)s, 'fault', 'open', 2, 'Arrived', '', true) RETURNING id, account_id
) {CHANGE.format(kind="ticket.opened")}
"""
KINDS = [ORDER, EVENT, EVENT, PAYMENT, TICKET]
PUBLISHED = """
SELECT account_id, as_of FROM crm_score WHERE kind = 'payment_risk' AND account_id = ANY(%s) AND as_of > %s
"""


@dataclass
class Waiting:
    """Changes that have not become a score yet: by account, since when by both clocks."""

    by_account: dict[int, list[tuple[datetime, float]]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, account: int, at: datetime) -> None:
        with self.lock:
            self.by_account[account].append((at, time.monotonic()))

    def snapshot(self) -> tuple[list[int], datetime | None]:
        with self.lock:
            oldest = min((each[0][0] for each in self.by_account.values()), default=None)
            return list(self.by_account), oldest

    def settle(self, account: int, as_of: datetime, seen: float) -> list[float]:
        """Return how long each change of the account took that the score as of then speaks of."""
        with self.lock:
            changes = self.by_account.pop(account, [])
            if later := [change for change in changes if change[0] >= as_of]:
                self.by_account[account] = later
            return [seen - since for at, since in changes if at < as_of]


@dataclass
class Source:
    """Where changes come from: random accounts, over one connection."""

    link: psycopg.Connection[Any]
    accounts: int
    waiting: Waiting
    chance: random.Random = field(default_factory=lambda: random.Random(0))

    def change(self) -> None:
        asked = {"account": self.chance.randint(1, self.accounts), "product": self.chance.randint(1, 3_000)}
        row = self.link.execute(self.chance.choice(KINDS), asked).fetchone()
        if row is not None:  # an account without an invoice has nothing to pay
            self.waiting.add(asked["account"], row[0])

    def arrive(self, rate: float, seconds: float) -> None:
        started = time.monotonic()
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, started + number / rate - time.monotonic()))
            self.change()


def follow_changes(
    accounts: int, *, rate: float, seconds: float, alone: int, workers: list[Child]
) -> dict[str, Any]:
    """Let changes arrive and wait for their scores; then so many more, one after the other."""
    waiting, began = Waiting(), time.monotonic()
    used = _cpu_seconds(workers)
    with psycopg.connect(conninfo(), autocommit=True) as writer, psycopg.connect(conninfo()) as reader:
        reader.autocommit = True
        source = Source(writer, accounts, waiting)
        arriving = threading.Thread(target=source.arrive, args=(rate, seconds))
        arriving.start()
        busy = _wait(reader, waiting, arriving)
        lasted = time.monotonic() - began
        lost = len(waiting.by_account)
        waiting.by_account.clear()
        idle = []
        for _ in range(alone):
            source.change()
            idle += _wait(reader, waiting, None)
    return {
        "busy": busy,
        "idle": idle,
        "rates": {"busy": (len(busy) + lost) / seconds if seconds else 0.0, "idle": 0.0},
        "lost": lost + alone - len(idle),
        "seconds": lasted,
        "cpu_seconds": _cpu_seconds(workers) - used,
    }


def _wait(link: psycopg.Connection[Any], waiting: Waiting, arriving: threading.Thread | None) -> list[float]:
    """Return how long each change took, once nothing arrives and nothing is waited for any more."""
    took: list[float] = []
    deadline = time.monotonic() + PATIENCE
    while True:
        is_over = arriving is None or not arriving.is_alive()
        ids, oldest = waiting.snapshot()
        if ids:
            rows = link.execute(PUBLISHED, [ids, oldest]).fetchall()
            seen = time.monotonic()
            for account, as_of in rows:
                took += waiting.settle(account, as_of, seen)
        elif is_over:
            return took
        if not is_over:
            deadline = time.monotonic() + PATIENCE
        elif time.monotonic() > deadline:
            return took
        time.sleep(EVERY)


def _cpu_seconds(children: list[Child]) -> float:
    total = 0.0
    for child in children:
        process = psutil.Process(child.process.pid)
        for each in [process, *process.children(recursive=True)]:
            times = each.cpu_times()
            total += times.user + times.system
    return total
