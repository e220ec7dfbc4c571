"""An import whose process is killed: all of it stands afterwards or nothing, and then all, once."""

import os
import signal

import pytest
from django.db import connection
from django.db.models import Sum

from crm.models import Account, Change, Import, Job, Order, OrderLine, RuleCount, RuleHit
from crm.services.jobs import enqueue
from tests.proof.conftest import Plant, runner, wait_for

pytestmark = pytest.mark.proof

CUSTOMERS = 200


def standing() -> tuple[object, ...]:
    """Return what an import writes, in numbers."""
    counts = [model.objects.count() for model in (Account, Order, OrderLine, RuleHit, RuleCount)]
    return (*counts, OrderLine.objects.aggregate(total=Sum("amount"))["total"])


def import_wholesale() -> Job:
    return enqueue(
        task="crm.import_book", scope="book:wholesale", params={"limit": CUSTOMERS}, coalesces=True
    )


@pytest.mark.parametrize("phase", [pytest.param("reading", marks=pytest.mark.long), "committing"])
def test_an_import_killed_half_way_is_done_once(plant: Plant, phase: str) -> None:
    plant.start_worker("first")
    plant.start_beat()
    job = import_wholesale()
    wait_for(lambda: Job.objects.get(pk=job.pk).phase == phase, seconds=plant.size.patience)

    os.kill(runner(job), signal.SIGKILL)
    wait_for(nobody_writes)
    after_kill = standing()
    plant.wait_for_state(job, Job.State.DONE)
    whole = standing()

    assert after_kill in ((0, 0, 0, 0, 0, None), whole)
    assert whole[0] == job.result["written"]["accounts"]["inserted"] > CUSTOMERS // 2
    assert job.attempt == 2
    assert Import.objects.get().state == Import.State.DONE
    assert Change.objects.filter(kind="import.committed").count() == 1


def nobody_writes() -> bool:
    """Say whether the killed process's backend has noticed and rolled back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND query ILIKE '%TEMPORARY TABLE%' AND pid <> pg_backend_pid() AND state <> 'idle')"
        )
        (quiet,) = cursor.fetchone()
    return bool(quiet)
