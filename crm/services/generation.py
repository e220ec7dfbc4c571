"""Made-up books of any size, for measuring. Everything follows from the seed, set by set."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import connection

from crm.models import Account, Book, Organisation, Partner, Team, User
from crm.services.bare_tables import bare
from crm.services.generated_sql import FACTS, PUBLISHED, RECORDS, SEQUENCES, TABLES

LINES_PER_ORDER = 5
PRODUCTS = 4_000
OWN_ACCOUNTS = 200  # of the salesperson whose small slice is measured
PARTNER_ACCOUNTS = 60  # of the partner: more than one page of its API
Say = Callable[[str], None]


class DatabaseNotEmptyError(RuntimeError):
    """Made-up accounts must never mix with real ones."""


@dataclass(frozen=True, slots=True)
class Size:
    accounts: int
    orders: int  # each with five lines
    events: int
    seed: int = 0


def generate(*, size: Size, say: Say = lambda _line: None) -> dict[str, float]:
    """Fill an empty database and return rows a second of the order lines, among other figures.

    :raises DatabaseNotEmptyError: if there is an account already.
    """
    if Account.objects.exists():
        raise DatabaseNotEmptyError("The database holds accounts already; generate wants an empty one.")
    started = time.monotonic()
    parameters = _people(size)
    _prepare_partitions()
    lines_seconds = 0.0
    with bare(TABLES, say=say):
        for title, sql in (*RECORDS, *FACTS, *PUBLISHED):
            took = _fill(title, sql, parameters, say)
            lines_seconds += took if title == "order lines" else 0.0
        for table in SEQUENCES:
            _set_sequence(table)
    _run("ANALYZE")
    seconds = time.monotonic() - started
    lines = size.orders * LINES_PER_ORDER
    return {
        "seconds": seconds,
        "order_lines": lines,
        "order_lines_per_second": lines / lines_seconds if lines_seconds else 0.0,
        "order_lines_per_second_in_all": lines / seconds,
    }


def _people(size: Size) -> dict[str, Any]:
    """Make the organisation, its book, teams and users, and return what the SQL is told."""
    Organisation.objects.get_or_create(
        pk=1, defaults={"name": "Made-up Ltd", "reporting_currency": "GBP", "time_zone": "Europe/London"}
    )
    book = Book.objects.create(
        code="generated", name="Generated", currency="GBP", score_kinds=["churn", "purchase", "payment_risk"]
    )
    partner = Partner.objects.create(name="Generated partner", book=book, is_simulated=True)
    teams = [Team.objects.create(name=f"Generated team {n}") for n in range(1, 21)]
    closed = make_password(None)
    first = User.objects.create(username="generated-sales", role=User.Role.SALES, password=closed)
    User.objects.create(username="generated-admin", role=User.Role.ADMINISTRATOR, password=closed)
    others = [
        User.objects.create(
            username=f"generated-sales-{n}", role=User.Role.SALES, team=teams[n % 20], password=closed
        )
        for n in range(1, 41)
    ]
    return {
        "book": book.pk,
        "partner": partner.pk,
        "partner_accounts": PARTNER_ACCOUNTS,
        "own_accounts": OWN_ACCOUNTS,
        "owner": first.pk,
        "owners": [user.pk for user in others],
        "teams": [user.team_id for user in others],
        "products": PRODUCTS,
        "lines": LINES_PER_ORDER,
        "accounts": size.accounts,
        "orders": size.orders,
        "events": size.events,
        "seed": size.seed,
    }


def _prepare_partitions() -> None:
    """Make the months that the events fall into: the year before now."""
    _run("SELECT sextant_make_partitions('crm_event', (now() - interval '13 months')::date, now()::date)")


def _fill(title: str, sql: str, parameters: dict[str, Any], say: Say) -> float:
    started = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.rowcount
    took = time.monotonic() - started
    say(f"{title}: {rows:,} rows in {took:.1f} s")
    return took


def _set_sequence(table: str) -> None:
    _run(
        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), greatest((SELECT max(id) FROM {table}), 1))"
    )


def _run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
