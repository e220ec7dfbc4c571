"""Importing files into tables that are full already, against one `INSERT … SELECT` of the same rows.

Everything is done by one process, as by a worker, and taken back again at the end. `make bench` does not
run it: `python -m benchmarks.imports` does.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django

django.setup()


from celery import current_app  # noqa: E402 - models can be imported from here on
from django.db import connection, transaction  # noqa: E402 (needs Django)

from benchmarks.database import prepare_database  # noqa: E402 (needs Django)
from benchmarks.report import mark, table  # noqa: E402 (needs Django)
from crm.models import Account, Book, ChangeSet, Job, Product  # noqa: E402 (needs Django)
from crm.services import file_imports  # noqa: E402 (needs Django)

LINES_AN_ORDER = 5
ORDERS_THERE = 250_000  # of five lines each
LINES_GOAL, ACCOUNTS_GOAL, RATIO_GOAL = 12_000, 5_000, 1 / 3
MEMORY_GOAL, UNDO_GOAL = 512, 60  # MB; seconds for 100,000 rows
SOURCE = "bench"
CHUNK = 1 << 20

_LINKS = """
    INSERT INTO crm_externalid (source, kind, value, row_id)
    SELECT 'bench', 'account', 'C' || id, id FROM crm_account ON CONFLICT DO NOTHING
"""
_COPIES = """
    CREATE TEMPORARY TABLE copies AS SELECT order_id, product_id, quantity, unit_price, amount,
        amount_reporting, known_at FROM crm_orderline
    WHERE order_id IN (SELECT id FROM crm_order WHERE source_import_id = %s) ORDER BY id
"""
_PLAIN = """
    INSERT INTO crm_orderline (order_id, product_id, quantity, unit_price, amount, amount_reporting, known_at)
    SELECT * FROM copies
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """What importing one file took. `seconds` are from the stored file to the last commit."""

    kind: str
    rows: int
    phases: dict[str, float]
    undo_seconds: float
    plain_seconds: float | None = None  # one INSERT … SELECT of the same rows

    @property
    def seconds(self) -> float:
        return sum(self.phases.values())

    @property
    def per_second(self) -> float:
        return self.rows / self.seconds

    @property
    def ratio(self) -> float | None:
        """Of the speed of the plain statement."""
        return None if self.plain_seconds is None else self.plain_seconds / self.seconds

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "rows": self.rows,
            "per_second": round(self.per_second),
            "phases": {name: round(seconds, 2) for name, seconds in self.phases.items()},
            "plain_per_second": self.plain_seconds and round(self.rows / self.plain_seconds),
            "ratio": self.ratio and round(self.ratio, 3),
            "undo_seconds": round(self.undo_seconds, 2),
        }


def write_orders(path: Path, *, lines: int, accounts: int, products: int) -> None:
    """Write orders of five lines, of accounts and products all over the tables."""
    with path.open("w") as file:
        file.write("Order no,Customer no,Ordered at,SKU,Qty,Unit price,Currency\n")
        for n in range(lines):
            order = n // LINES_AN_ORDER
            customer = 1 + order * 7_919 % accounts
            day = f"2026-{1 + order % 9:02}-{1 + order % 28:02} {order % 24:02}:{order % 60:02}"
            sku = f"P{1 + (n * 7 + order) % products}"
            price = f"{1 + n % 40}.{n % 100:02}"
            file.write(f"BENCH-{order},C{customer},{day},{sku},{1 + n % 12},{price},GBP\n")


def write_accounts(path: Path, *, accounts: int) -> None:
    with path.open("w") as file:
        file.write("Customer no,Name,Country,Industry,E-mail,Phone,Customer since,Seats\n")
        for n in range(accounts):
            country = ("GB", "Germany", "FR", "中国")[n % 4]
            since = f"20{10 + n % 15}-{1 + n % 12:02}-{1 + n % 28:02}"
            rest = f"buyer{n}@example{n % 977}.com,+44 20 {n:08},{since},{n % 500}"
            file.write(f'BENCH-{n},"Company {n}, Ltd",{country},retail,{rest}\n')


def measure_importing(
    folder: Path, *, order_lines: int = 500_000, new_accounts: int = 100_000
) -> list[Imported]:
    """Import both files and take them back; the database is as it was afterwards."""

    current_app.loader.import_default_modules()
    with connection.cursor() as cursor:
        cursor.execute(_LINKS)
        cursor.execute("ANALYZE crm_externalid")
    orders, accounts = folder / "orders.csv", folder / "accounts.csv"
    write_orders(
        orders, lines=order_lines, accounts=Account.objects.count(), products=Product.objects.count()
    )
    write_accounts(accounts, accounts=new_accounts)
    seats = {"Seats": {"attribute": {"key": "bench_seats", "label": "Seats", "type": "number"}}}
    return [
        _measure("orders", orders, {}, plain=_insert_lines),
        _measure("accounts", accounts, seats),
    ]


def _measure(
    kind: str, path: Path, mapping: dict[str, Any], plain: Callable[[int], float] | None = None
) -> Imported:

    phases: dict[str, float] = {}
    with _timed(phases, "read"):
        made = file_imports.receive_file(
            book=Book.objects.get(code="generated"),
            kind=kind,
            source=SOURCE,
            owner=None,
            name=path.name,
            chunks=_chunks(path),
        )
        _work(made.job)
    made.refresh_from_db()
    with _timed(phases, "check"):
        _work(file_imports.save_mapping(source_import=made, mapping={**made.mapping, **mapping}, by=None))
    with _timed(phases, "commit"):
        _work(file_imports.start_commit(source_import=made, by=None))
    made.refresh_from_db()
    if made.counts["rows"]["create"] != made.rows_read:
        raise RuntimeError(f"not every row arrived: {made.counts}")
    took = plain(made.pk) if plain else None
    undoing: dict[str, float] = {}
    with _timed(undoing, "undo"):
        change_set = ChangeSet.objects.get(source_import=made)
        _work(file_imports.start_undo(change_set=change_set, by=None))
    return Imported(kind, made.rows_read, phases, undoing["undo"], took)


def _insert_lines(import_id: int) -> float:
    """Insert the same lines again by one plain statement, rolled back, and return the seconds."""

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_COPIES, [import_id])
        cursor.execute("ANALYZE copies")
        started = time.perf_counter()
        cursor.execute(_PLAIN)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit would check
        took = time.perf_counter() - started
        transaction.set_rollback(True)
    return took


def _work(job: Any) -> None:

    current_app.tasks[job.task].run(job_id=job.pk)
    job.refresh_from_db()
    if job.state != Job.State.DONE:
        raise RuntimeError(f"{job.task} {job.state}: {job.error}")


@contextmanager
def _timed(phases: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    phases[name] = time.perf_counter() - started


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def lines(measured: list[Imported], megabytes: float) -> list[str]:
    """Return the table, with goals."""

    rows = []
    for one in measured:
        goal = LINES_GOAL if one.kind == "orders" else ACCOUNTS_GOAL
        ratio = "" if one.ratio is None else f"{one.ratio:.2f} {mark(one.ratio >= RATIO_GOAL)}"
        plain = "" if one.plain_seconds is None else f"{one.rows / one.plain_seconds:,.0f}"
        phases = ", ".join(f"{name} {seconds:.1f}" for name, seconds in one.phases.items())
        undo = one.undo_seconds * 100_000 / one.rows
        rows.append(
            (
                one.kind, f"{one.rows:,}", f"{one.per_second:,.0f} {mark(one.per_second >= goal)}",
                plain, ratio, phases, f"{undo:.1f} {mark(undo <= UNDO_GOAL)}",
            )
        )  # fmt: skip
    heads = ("", "rows", "rows/s", "INSERT … SELECT, rows/s", "share", "seconds", "undo of 100,000 rows, s")
    memory = f"Memory of the worker at most: {megabytes:.0f} MB {mark(megabytes <= MEMORY_GOAL)}"
    return [*table(heads, rows), "", memory]


def main(folder: Path, accounts: int, order_lines: int, new_accounts: int) -> None:
    prepare_database(accounts, orders=ORDERS_THERE, events=0)
    folder.mkdir(parents=True, exist_ok=True)
    measured = measure_importing(folder, order_lines=order_lines, new_accounts=new_accounts)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    for line in lines(measured, megabytes):
        print(line)
    print(json.dumps({"memory_mb": round(megabytes), "imports": [one.as_json() for one in measured]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
