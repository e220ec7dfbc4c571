"""A file import whose worker is killed again and again: everything arrives once, and goes once.

Killed at random, and at named points of a batch: before its fence, and after it, when the transaction
is written and not yet committed.
"""

import os
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum

from crm.models import ChangedRows, ChangeSet, Import, Job, Order, OrderLine, QuarantinedRow
from crm.services.file_imports import receive_file, save_mapping, start_commit, start_undo
from tests.factories import AccountFactory, BookFactory, ExternalIdFactory, ProductFactory
from tests.proof.conftest import Plant, wait_for
from tests.proof.killing import FENCES, POINTS

pytestmark = pytest.mark.proof

FULL = os.environ.get("SEXTANT_PROOF") == "full"
ORDERS = 60_000 if FULL else 300
BATCH = 10_000 if FULL else 100  # rows
RANDOM_KILLS = 20 if FULL else 2
NAMED = (*POINTS, *FENCES) if FULL else ("after_lines", "after_fence", "undo_after_fence")
EVERY = 97  # of the rows is a bad one


def lines() -> Iterator[bytes]:
    yield b"Order,Customer,Date,SKU,Qty,Price\n"
    for order in range(ORDERS):
        for line in range(3):
            n = order * 3 + line
            price = "free" if n % EVERY == 0 else f"{1 + n % 50}.25"
            yield f"K{order},C{order % 7},2026-01-{1 + order % 28:02},P{line},{1 + n % 9},{price}\n".encode()


@pytest.fixture
def source_import(plant: Plant) -> Import:
    book = BookFactory()
    for n in range(7):
        ExternalIdFactory(source="erp", value=f"C{n}", row_id=AccountFactory(book=book).pk)
    for n in range(3):
        ProductFactory(book=book, code=f"P{n}")
    made: Import = receive_file(
        book=book, kind="orders", source="erp", owner=None, name="orders.csv", chunks=lines()
    )
    return made


def expected() -> tuple[int, int]:
    bad = {n // 3 for n in range(ORDERS * 3) if n % EVERY == 0}
    return ORDERS - len(bad), 3 * (ORDERS - len(bad))


def arrived() -> tuple[int, int]:
    return Order.objects.count(), OrderLine.objects.count()


def job_of(source_import: Import) -> Job:
    source_import.refresh_from_db()
    assert source_import.job is not None
    return source_import.job


class Killer:
    """Kills whoever works on a job, and lets the sweep give it to another worker."""

    def __init__(self, plant: Plant) -> None:
        self.plant, self.kills = plant, 0

    def start(self, point: str = "") -> None:
        self.kills += 1
        os.environ |= {"PROOF_KILL_AT": point, "PROOF_BATCH": str(BATCH)}
        self.worker = self.plant.start_worker(f"worker-{self.kills}")

    def kill(self) -> None:
        self.worker.kill_group()
        wait_for(nobody_writes)

    def died(self) -> bool:
        return self.worker.exit_code is not None or "Worker exited prematurely" in self.plant.log(self.worker)


def nobody_writes() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND state IN ('active', 'idle in transaction'))"
        )
        return bool(cursor.fetchone()[0])


def test_everything_arrives_once_however_often_it_is_killed(plant: Plant, source_import: Import) -> None:
    draw = random.Random(7)
    plant.start_beat()
    killer = Killer(plant)
    killer.start()
    finish(plant, source_import, save=True)
    commit = start_commit(source_import=source_import, by=None)
    for _ in range(RANDOM_KILLS):
        time.sleep(draw.uniform(0.05, 3.0 if FULL else 0.6))
        killer.kill()
        if Job.objects.get(pk=commit.pk).state == Job.State.DONE:
            break
        lend_an_attempt(commit)
        killer.start()
    plant.wait_for_state(commit, Job.State.DONE)

    assert arrived() == expected()
    assert_recorded_once()


@pytest.mark.parametrize("point", NAMED)
def test_killed_at_a_named_point_it_goes_on(plant: Plant, source_import: Import, point: str) -> None:
    plant.start_beat()
    killer = Killer(plant)
    killer.start(point)
    finish(plant, source_import, save=True, killer=killer)
    finish(plant, source_import, save=False, killer=killer)
    assert arrived() == expected()
    assert_recorded_once()

    undo = start_undo(change_set=ChangeSet.objects.get(), by=None)
    go_through(plant, undo, killer)

    assert arrived() == (0, 0)
    assert killer.kills == 2, f"nobody was killed at {point}"


def finish(plant: Plant, source_import: Import, *, save: bool, killer: Killer | None = None) -> None:
    """Wait until the import's job is done, the next step having been started."""
    go_through(plant, job_of(source_import), killer)
    source_import.refresh_from_db()
    if save:
        go_through(
            plant, save_mapping(source_import=source_import, mapping=source_import.mapping, by=None), killer
        )
    elif source_import.state == Import.State.VALIDATED:
        go_through(plant, start_commit(source_import=source_import, by=None), killer)


def go_through(plant: Plant, job: Job, killer: Killer | None) -> None:
    def is_done_or_dead() -> bool:
        return Job.objects.get(pk=job.pk).state == Job.State.DONE or (killer is not None and killer.died())

    wait_for(is_done_or_dead, seconds=plant.size.patience)
    if killer is not None and killer.died():
        killer.kill()
        killer.start()
    plant.wait_for_state(job, Job.State.DONE)


def lend_an_attempt(job: Job) -> None:
    """Let it be tried more often than the sweep lets a job die: here somebody kills it on purpose."""
    Job.objects.filter(pk=job.pk, attempt__gt=1).update(attempt=1)


def assert_recorded_once() -> None:
    """What the change set says that it wrote is what stands, and each bad row is put aside once."""
    recorded: dict[str, Any] = {}
    for table, ids in ChangedRows.objects.values_list("table_name", "row_ids"):
        recorded.setdefault(table, []).extend(ids)
    assert sorted(recorded["crm_order"]) == list(Order.objects.order_by("pk").values_list("pk", flat=True))
    assert sorted(recorded["crm_orderline"]) == list(
        OrderLine.objects.order_by("pk").values_list("pk", flat=True)
    )
    assert QuarantinedRow.objects.count() == 3 * (ORDERS - expected()[0])
    totals = Order.objects.aggregate(total=Sum("amount")), OrderLine.objects.aggregate(total=Sum("amount"))
    assert totals[0] == totals[1]
    counts = ChangeSet.objects.get().data["rows"]
    assert (counts["create"], counts["refuse"]) == (expected()[1], 3 * ORDERS - expected()[1])
