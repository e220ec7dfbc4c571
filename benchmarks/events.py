"""How fast events come in, and what one of them costs on the disk.

    python -m benchmarks.events [EVENTS] [--home FOLDER]

Two ways are measured in the same run: batches of the partner API's service, and single requests
of the collector's. Bytes are those of the heap; what indexes and the keys of repeats add stands
beside them.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.services import HOME, own_services

if TYPE_CHECKING:
    from crm.models import ApiPrincipal, TrackedSite
    from crm.services.events import NewEvent

BATCH = 1_000
DATABASE = "sextant_bench_events"
BEGINS = datetime(2021, 3, 1, tzinfo=UTC)  # a month that has nothing else in it
KINDS = ("visit", "visit", "visit", "view", "view", "search", "use")
PAGES = ("/", "/lamps/paper-lantern-red", "/kitchen/tea-towels", "/checkout", "/search")
TERMS = ("lantern", "tea towel blue", "cake stand")
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
# What a page holds beside its tuples counts too: this is what the file takes.
SIZES = """
SELECT pg_relation_size('crm_event_2021_03'), pg_indexes_size('crm_event_2021_03'),
       (SELECT count(*) FROM crm_event_2021_03),
       (SELECT sum(pg_column_size(key.*) + 4) FROM crm_eventkey AS key WHERE source = %s)
"""


def measure_events(events: int, requests: int) -> dict[str, float]:
    """Store events both ways and return events a second and bytes an event."""
    from django.db import connection  # noqa: PLC0415 - Django is set up by whoever calls

    from crm.services.events import store_events  # noqa: PLC0415 (needs Django)

    sender, accounts, codes = _partner()
    with connection.cursor() as cursor:
        cursor.execute("SELECT sextant_make_partitions('crm_event', '2021-03-01', '2021-03-01')")
    batches = list(_batches(events, accounts, codes))
    started = time.perf_counter()
    stored = sum(store_events(sender=sender, events=batch).stored for batch in batches)
    took = time.perf_counter() - started
    repeated = sum(store_events(sender=sender, events=batch).stored for batch in batches[:1])
    with connection.cursor() as cursor:
        cursor.execute(SIZES, [f"partner:{sender.partner.public_id}"])
        heap, indexes, rows, keys = cursor.fetchone()
    return {
        "events": stored,
        "stored_again": repeated,
        "events_per_second": stored / took,
        "bytes_heap": heap / rows,
        "bytes_indexes": indexes / rows,
        "bytes_keys": float(keys) / rows,
        "collected_per_second": _collected_per_second(requests),
    }


def _batches(events: int, accounts: Sequence[Any], codes: Sequence[str]) -> Iterator[list[NewEvent]]:
    chance = random.Random(7)
    for start in range(0, events, BATCH):
        yield [_event(number, chance, accounts, codes) for number in range(start, min(start + BATCH, events))]


def _event(number: int, chance: random.Random, accounts: Sequence[Any], codes: Sequence[str]) -> NewEvent:
    """Return an event such as sites report: half of the visitors known, one in four with a source."""
    from crm.services.events import NewEvent  # noqa: PLC0415 (needs Django)

    kind = chance.choice(KINDS)
    return NewEvent(
        kind=kind,
        at=BEGINS + timedelta(seconds=number % 2_000_000),
        account_id=chance.choice(accounts) if number % 2 else None,
        visitor=f"3-{number // 8:020d}",
        product_code=chance.choice(codes) if kind == "view" else "",
        term=chance.choice(TERMS) if kind == "search" else "",
        source="newsletter" if number % 4 == 0 else "",
        medium="email" if number % 4 == 0 else "",
        duration_seconds=31.5 if kind == "use" else None,
        page=chance.choice(PAGES),
        key=f"{number:016x}",
    )


def _collected_per_second(requests: int) -> float:
    """Return how many requests of one event each the collector's service stores, one after another."""
    from crm.services.beacons import read_beacon  # noqa: PLC0415 (needs Django)
    from crm.services.collecting import collect  # noqa: PLC0415 (needs Django)

    site = _site()
    bodies = [
        f'{{"v":"{number // 8:020d}","e":[{{"t":"visit","k":"{number:016x}","p":"/lamps"}}]}}'.encode()
        for number in range(requests)
    ]
    started = time.perf_counter()
    stored = sum(collect(site=site, beacon=read_beacon(body), user_agent=PERSON) for body in bodies)
    return stored / (time.perf_counter() - started)


def _partner() -> tuple[ApiPrincipal, list[Any], list[str]]:
    from crm.models import Account, ApiKey, ApiPrincipal, Book, Partner, PartnerAccount, Product  # noqa: PLC0415 (needs Django)

    book, _made = Book.objects.get_or_create(code="events", defaults={"name": "Events", "currency": "GBP"})
    partner = Partner.objects.create(name=f"Events {Partner.objects.count()}", book=book)
    details = {"book": book, "kind": "organisation", "currency": "GBP"}
    accounts = Account.objects.bulk_create(
        [Account(name=f"Account {number}", **details) for number in range(500)]
    )
    PartnerAccount.objects.bulk_create(
        [
            PartnerAccount(partner=partner, account=account, role="referred", since=BEGINS)
            for account in accounts
        ]
    )
    codes = [f"P{partner.pk}-{number}" for number in range(100)]
    Product.objects.bulk_create([Product(book=book, code=code, name=code, currency="GBP") for code in codes])
    public = list(
        Account.objects.filter(pk__in=[account.pk for account in accounts]).values_list(
            "public_id", flat=True
        )
    )
    return ApiPrincipal(key=ApiKey(partner=partner), partner=partner), public, codes


def _site() -> TrackedSite:
    from crm.models import Book, TrackedSite  # noqa: PLC0415 (needs Django)

    book = Book.objects.get(code="events")
    return TrackedSite.objects.create(name="Shop", book=book, origins=["https://shop.example.com"])


def lines(found: dict[str, float]) -> list[str]:
    return [
        f"{found['events']:,.0f} events in batches of {BATCH:,}: {found['events_per_second']:,.0f} events/s",
        f"one request an event, one after another: {found['collected_per_second']:,.0f} events/s",
        f"bytes an event: {found['bytes_heap']:.0f} in the heap, {found['bytes_indexes']:.0f} of indexes",
        f"bytes of an event's key, by which repeats are known: {found['bytes_keys']:.0f} without its index",
    ]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events", description=__doc__)
    parser.add_argument("events", nargs="?", type=int, default=200_000)
    parser.add_argument("--home", type=Path, default=HOME)
    asked = parser.parse_args(arguments)
    own_services(asked.home, database=DATABASE)
    import django  # noqa: PLC0415 (needs Django)

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 (needs Django)

    from benchmarks.database import recreate_database  # noqa: PLC0415 (needs Django)

    recreate_database(DATABASE)
    call_command("migrate", verbosity=0, interactive=False)
    for line in lines(measure_events(asked.events, asked.events // 50)):
        print(line)


if __name__ == "__main__":
    main()
