"""Workers killed, stopped and cut off: each job ends once, and its effects stand once."""

import os
import signal
import time
from dataclasses import replace

import pytest
from django.db import connection

from crm.models import Job, User
from crm.services.jobs import cancel_job
from tests.proof.conftest import Plant, effects, runner, wait_for

pytestmark = pytest.mark.proof

BATCHES = 8


def assert_done_once(job: Job, *, attempt: int) -> None:
    job.refresh_from_db()
    assert (job.state, job.attempt) == (Job.State.DONE, attempt)
    assert job.result["attempt"] == attempt
    assert effects(job) == list(range(BATCHES))
    assert (job.done, job.total) == (BATCHES, BATCHES)


@pytest.mark.parametrize("victim", ["the process that runs it", "the whole worker"])
def test_killed_in_mid_job(plant: Plant, victim: str) -> None:
    worker = plant.start_worker("first")
    plant.start_beat()
    job = plant.add_job(batches=BATCHES, before_fence=0.2, between=0.2)
    plant.wait_for_effects(job, 2)

    if victim == "the whole worker":
        os.killpg(worker.process.pid, signal.SIGKILL)
        plant.start_worker("second")
    else:
        os.kill(runner(job), signal.SIGKILL)
    plant.wait_for_state(job, Job.State.DONE)

    assert_done_once(job, attempt=2)
    assert len(effects(job, attempt=1)) >= 2
    assert len(effects(job, attempt=2)) >= 1


def test_a_restart_on_the_same_machine_waits_for_no_heartbeat(plant: Plant) -> None:
    plant.size = replace(plant.size, dead_after=plant.size.patience * 10)
    worker = plant.start_worker("first")
    job = plant.add_job(batches=BATCHES, before_fence=0.2, between=0.2)
    plant.wait_for_effects(job, 2)

    worker.kill_group()
    plant.start_worker("second")
    plant.wait_for_state(job, Job.State.DONE)

    assert_done_once(job, attempt=2)


@pytest.mark.parametrize("asleep", ["before_fence", pytest.param("between", marks=pytest.mark.long)])
def test_stopped_and_woken_beside_its_successor(plant: Plant, asleep: str) -> None:
    first = plant.start_worker("first")
    plant.start_beat()
    job = plant.add_job(batches=BATCHES, **{asleep: plant.size.pause})
    plant.wait_for_effects(job, 2)
    stopped_at = time.monotonic()
    os.killpg(first.process.pid, signal.SIGSTOP)
    of_the_first = effects(job)
    plant.start_worker("second")

    plant.wait_for_effects(job, 1, attempt=2)
    while time.monotonic() - stopped_at < plant.size.asleep:
        time.sleep(0.1)
    assert Job.objects.get(pk=job.pk).state == Job.State.RUNNING  # the successor is at it
    os.killpg(first.process.pid, signal.SIGCONT)
    wait_for(lambda: "job_lost" in plant.log(first), seconds=plant.size.patience)
    plant.wait_for_state(job, Job.State.DONE)

    assert_done_once(job, attempt=2)
    assert effects(job, attempt=1) == of_the_first


def test_stopped_while_it_holds_the_fence_nobody_else_begins(plant: Plant) -> None:
    worker = plant.start_worker("only")
    plant.start_worker("idle")
    plant.start_beat()
    job = plant.add_job(batches=2, after_fence=3.0)
    wait_for(lambda: is_locked(job), seconds=plant.size.patience)

    holder = worker if "job_started" in plant.log(worker) else plant.children[1]
    os.killpg(holder.process.pid, signal.SIGSTOP)
    time.sleep(plant.size.dead_after + 3 * plant.size.tick)
    assert Job.objects.get(pk=job.pk).attempt == 1
    os.killpg(holder.process.pid, signal.SIGCONT)
    plant.wait_for_state(job, Job.State.DONE)

    assert (job.attempt, effects(job)) == (1, [0, 1])


def is_locked(job: Job) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM crm_job WHERE id = %s FOR UPDATE SKIP LOCKED", [job.pk])
        return cursor.fetchone() is None


def test_cut_off_from_the_database_twice(plant: Plant) -> None:
    plant.start_worker("first")
    plant.start_beat()
    job = plant.add_job(batches=BATCHES, before_fence=0.2, between=0.2)

    for attempt in (1, 2):
        plant.wait_for_effects(job, 1, attempt=attempt)
        cut_all_connections()
    plant.wait_for_state(job, Job.State.DONE)

    assert_done_once(job, attempt=3)


def cut_all_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] >= 1


def test_killed_three_times_it_has_failed_and_the_queue_goes_on(plant: Plant) -> None:
    plant.start_worker("first")
    plant.start_beat()
    job = plant.add_job(batches=100, between=0.5)

    for attempt in (1, 2, 3):
        plant.wait_for_effects(job, 1, attempt=attempt)
        os.kill(runner(job), signal.SIGKILL)
    plant.wait_for_state(job, Job.State.FAILED)
    following = plant.add_job(batches=2)
    plant.wait_for_state(following, Job.State.DONE)

    assert (job.attempt, job.error) == (3, {"code": "worker_lost", "type": "", "where": ""})
    assert effects(job) == list(range(len(effects(job))))
    assert effects(following) == [0, 1]


def test_cancelled_it_writes_nothing_more(plant: Plant) -> None:
    worker = plant.start_worker("first")
    job = plant.add_job(batches=100, before_fence=0.2)
    plant.wait_for_effects(job, 2)

    cancel_job(job=job, by=User.objects.create(username="ana"))
    written = effects(job)
    wait_for(lambda: "job_lost" in plant.log(worker), seconds=plant.size.patience)
    following = plant.add_job(batches=2)
    plant.wait_for_state(following, Job.State.DONE)

    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    assert effects(job) == written
