"""A book is scored by any number of workers, and one that dies takes nothing along."""

import os
import signal

import pytest
from django.db import connection
from django.utils import timezone

from analytics.models import ReasonTotals
from crm.models import Job
from crm.services.jobs import enqueue
from tests.proof.conftest import wait_for
from tests.proof.scored_book import Hosts, make_scored_book, published, unpublish

pytestmark = [pytest.mark.proof, pytest.mark.long]

FULL = os.environ.get("SEXTANT_PROOF") == "full"


@pytest.fixture
def expected(plant, settings, tmp_path, monkeypatch):
    """Score the book in this process, in one go, and forget it again."""
    settings.FILES_ROOT = tmp_path / "files"
    make_scored_book(monkeypatch)
    found = published()
    unpublish()
    assert len(found["scores"]) > 500
    assert len(found["offers"]) > 3_000
    assert {split for _kind, split, *_rest in found["drivers"]} == set(ReasonTotals.Split)
    return found


def score(expected):
    as_of = expected["scores"][0][-1]
    params = {"book": "generated", "as_of": as_of.isoformat()}
    return enqueue(task="analytics.score_book", scope="book:generated", params=params)


def ranges(job, *states):
    return Job.objects.filter(parent=job, task="analytics.score_range", state__in=states)


def wait_for_ranges(plant, job):
    plant.wait_for_state(job, "done", "failed")
    assert job.state == "done", job.error
    wait_for(lambda: not ranges(job, "queued", "running"), seconds=plant.size.patience * 3)


def assert_all_is_there_once(job, expected):
    assert ranges(job, "done").count() == 10
    assert published() == expected
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT (account_id, kind)) FROM analytics_prediction")
        kept, different = cursor.fetchone()
    assert kept == different


def test_any_number_of_workers_gives_the_same_numbers(plant, settings, expected):
    hosts = Hosts(plant, str(settings.FILES_ROOT))
    for number in (1, 2, 4) if FULL else (2,):
        unpublish()
        names = [f"host-{number}-{n}" for n in range(number)]
        started = [hosts.start(name) for name in names]
        for worker in started:
            wait_for(lambda w=worker: plant.is_ready(w), seconds=plant.size.patience)
        began = timezone.now()
        job = score(expected)

        wait_for_ranges(plant, job)

        print(f"{number} workers: {(timezone.now() - began).total_seconds():.1f} s")
        assert_all_is_there_once(job, expected)
        assert len(set(ranges(job, "done").values_list("worker", flat=True))) == number
        for worker in started:
            worker.kill_group()


def test_a_worker_that_is_killed_takes_nothing_along(plant, settings, expected):
    hosts = Hosts(plant, str(settings.FILES_ROOT))
    victim = hosts.start("victim")
    wait_for(lambda: plant.is_ready(victim), seconds=plant.size.patience)
    job = score(expected)
    wait_for(lambda: ranges(job, "done") and ranges(job, "running"), seconds=plant.size.patience)

    os.killpg(victim.process.pid, signal.SIGKILL)
    interrupted = list(ranges(job, "running").values_list("pk", flat=True))
    plant.start_beat()
    hosts.start("successor")

    wait_for_ranges(plant, job)
    assert_all_is_there_once(job, expected)
    assert Job.objects.filter(pk__in=interrupted, attempt=2).count() == len(interrupted)
