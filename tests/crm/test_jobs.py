"""Jobs: made once, claimed once, fenced, cancelled, tried again."""

import os
import socket
import subprocess
import sys
from datetime import date

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerError

from crm.models import Job
from crm.services import jobs
from crm.services.jobs import (
    JobLostError,
    JobNotCancellableError,
    JobNotRetryableError,
    cancel_job,
    enqueue,
    retry_job,
    run_job,
    send_jobs,
)
from crm.services.money import MissingRateError
from crm.services.sweep import requeue_dead_jobs, send_waiting_jobs, take_over_from_the_dead
from tests.factories import JobFactory, UserFactory


def set_job(job: Job, **columns: object) -> Job:
    Job.objects.filter(pk=job.pk).update(**columns)
    job.refresh_from_db()
    return job


def age(job: Job, column: str, seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE crm_job SET {column} = now() - make_interval(secs => %s) WHERE id = %s",
            [seconds, job.pk],
        )


@pytest.fixture
def sent(monkeypatch):
    """What went to the broker. The real one is used in tests/proof."""
    messages = []
    monkeypatch.setattr(
        jobs.celery.current_app, "send_task", lambda name, kwargs: messages.append((name, kwargs["job_id"]))
    )
    return messages


def test_a_job_is_sent_by_name_when_its_transaction_commits(db, sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        job = enqueue(task="crm.example", scope="book:1", params={"n": 2})

    assert sent == []
    for callback in callbacks:
        callback()
    assert sent == [("crm.example", job.pk)]
    job.refresh_from_db()
    assert job.sent_at is not None


def test_a_job_that_is_due_later_is_not_sent_yet(db, sent):
    job = JobFactory()
    age(job, "due_at", -60)

    assert send_jobs(job_ids=[job.pk]) == 0
    assert sent == []


def test_a_broker_that_is_away_loses_no_job(db, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise BrokerError

    monkeypatch.setattr(jobs.celery.current_app, "send_task", refuse)
    job = JobFactory()

    assert send_jobs(job_ids=[job.pk]) == 0
    job.refresh_from_db()
    assert (job.state, job.sent_at) == (Job.State.QUEUED, None)


def test_coalescing_jobs_are_one_while_it_lives(db):
    first = enqueue(task="crm.example", scope="a", coalesces=True)

    assert enqueue(task="crm.example", scope="a", coalesces=True) == first
    assert enqueue(task="crm.example", scope="b", coalesces=True) != first

    run_job(first.pk, lambda _job: {})

    assert enqueue(task="crm.example", scope="a", coalesces=True) != first


def test_plain_jobs_stand_beside_each_other(db):
    assert enqueue(task="crm.example", scope="a") != enqueue(task="crm.example", scope="a")


def test_running_a_job_stores_its_result_and_progress(db):
    job = JobFactory()

    def pipeline(running):
        running.progress("reading", done=3, total=10, errors=1)
        return {"rows": 3}

    run_job(job.pk, pipeline)

    job.refresh_from_db()
    assert (job.state, job.attempt, job.result) == (Job.State.DONE, 1, {"rows": 3})
    assert (job.phase, job.done, job.total, job.error_count) == ("reading", 3, 10, 1)
    assert job.started_at <= job.finished_at


def test_a_message_delivered_twice_runs_the_job_once(db):
    job = JobFactory()
    runs = []

    for _delivery in range(2):
        run_job(job.pk, lambda running: runs.append(running.attempt) or {})

    assert runs == [1]


def test_a_second_delivery_during_the_first_finds_nothing_to_claim(db):
    job = JobFactory()
    runs = []

    def pipeline(running):
        runs.append(running.attempt)
        run_job(job.pk, pipeline)
        return {}

    run_job(job.pk, pipeline)

    assert runs == [1]


def test_an_error_is_kept_without_its_message(db):
    job = JobFactory()

    def pipeline(_running):
        raise ValueError("Ana Smith, ana@example.com")

    run_job(job.pk, pipeline)

    job.refresh_from_db()
    assert job.state == Job.State.FAILED
    assert job.error["code"] == "unexpected"
    assert job.error["type"] == "ValueError"
    assert job.error["where"]
    assert "Ana" not in str(job.error)


def test_an_error_of_ours_is_its_own_code(db):
    def pipeline(_running):
        raise MissingRateError(base="GBP", quote="EUR", on=date(2026, 1, 1))

    job = JobFactory()
    run_job(job.pk, pipeline)

    job.refresh_from_db()
    assert job.error["code"] == "missing_rate"


def test_a_lost_connection_is_left_to_the_sweep(transactional_db):
    job = JobFactory()

    def pipeline(_running):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return {}

    run_job(job.pk, pipeline)

    job.refresh_from_db()
    assert job.state == Job.State.RUNNING


def test_an_error_of_the_database_that_will_not_pass_fails_the_job(transactional_db):
    job = JobFactory()

    def pipeline(_running):
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 10; SELECT pg_sleep(1)")
        return {}

    try:
        run_job(job.pk, pipeline)
    finally:
        connection.close()

    job.refresh_from_db()
    assert (job.state, job.error["type"]) == (Job.State.FAILED, "django.db.utils.OperationalError")


def test_the_fence_rolls_back_the_batch_of_a_cancelled_job(transactional_db):
    job, by = JobFactory(), UserFactory()

    def pipeline(running):
        cancel_job(job=Job.objects.get(pk=job.pk), by=by)
        with transaction.atomic():
            UserFactory(username="written-too-late")
            running.fence()
        return {"never": "stored"}

    run_job(job.pk, pipeline)

    job.refresh_from_db()
    assert (job.state, job.result, job.cancelled_by) == (Job.State.CANCELLED, {}, by)
    assert not type(by).objects.filter(username="written-too-late").exists()


def test_the_fence_belongs_into_a_transaction(transactional_db):
    job = JobFactory()

    run_job(job.pk, lambda running: running.fence() or {})

    job.refresh_from_db()
    assert job.error["type"] == "django.db.transaction.TransactionManagementError"


def test_an_attempt_that_lost_its_job_hears_of_it_at_the_next_progress(db):
    job = JobFactory()
    heard = []

    def pipeline(running):
        set_job(job, attempt=2)
        try:
            running.progress("late")
        except JobLostError:
            heard.append(True)
            raise
        return {"never": "stored"}

    run_job(job.pk, pipeline)

    job.refresh_from_db()
    assert heard == [True]
    assert (job.state, job.attempt, job.phase, job.result) == (Job.State.RUNNING, 2, "", {})


def test_progress_inside_a_transaction_waits_for_its_fence(transactional_db):
    job = JobFactory()
    seen = []

    def pipeline(running):
        with transaction.atomic():
            running.progress("writing", done=5, total=5)
            seen.append(Job.objects.get(pk=job.pk).done)
            running.fence()
            seen.append(Job.objects.get(pk=job.pk).done)
        return {}

    run_job(job.pk, pipeline)

    assert seen == [0, 5]


def test_progress_is_written_at_most_twice_a_second_within_a_phase(
    transactional_db, django_assert_num_queries
):
    job = JobFactory()

    def pipeline(running):
        running.progress("reading", done=0)
        with django_assert_num_queries(0):
            for done in range(1000):
                running.progress(done=done)
        return {}

    run_job(job.pk, pipeline)

    job.refresh_from_db()
    assert (job.state, job.done) == (Job.State.DONE, 999)


def test_a_heartbeat_keeps_a_long_computation_alive(transactional_db, settings):
    settings.JOB_HEARTBEAT_SECONDS = 0.05
    job = JobFactory()
    beats = set()

    def pipeline(_running):
        while len(beats) < 3:
            beats.add(Job.objects.get(pk=job.pk).heartbeat_at)
        return {}

    run_job(job.pk, pipeline)

    assert len(beats) == 3


@pytest.mark.parametrize(
    ("attempt", "state"), [(1, Job.State.QUEUED), (2, Job.State.QUEUED), (3, Job.State.FAILED)]
)
def test_a_dead_attempt_is_followed_by_another_one_up_to_three(db, attempt, state):
    job = set_job(JobFactory(), state=Job.State.RUNNING, attempt=attempt)
    age(job, "heartbeat_at", 120)

    assert requeue_dead_jobs() == 1

    job.refresh_from_db()
    assert (job.state, job.attempt) == (state, attempt)
    assert (job.error == {"code": "worker_lost", "type": "", "where": ""}) == (state == Job.State.FAILED)


def dead_process() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def running_on(worker: str, *, attempt: int = 1) -> Job:
    return set_job(JobFactory(), state=Job.State.RUNNING, attempt=attempt, worker=worker, heartbeat_at=Now())


def test_a_starting_worker_takes_over_what_an_ended_process_of_its_machine_was_doing(db, sent):
    job = running_on(f"{socket.gethostname()}:{dead_process()}")

    assert take_over_from_the_dead() == 1

    job.refresh_from_db()
    assert (job.state, job.attempt) == (Job.State.QUEUED, 1)
    assert [job_id for _task, job_id in sent] == [job.pk]


@pytest.mark.parametrize(
    "worker",
    [
        lambda: f"{socket.gethostname()}:{os.getpid()}",
        lambda: f"{socket.gethostname()}:1",
        lambda: f"elsewhere:{dead_process()}",
        lambda: f"{socket.gethostname()}:nonsense",
        lambda: "",
    ],
    ids=["alive", "somebody else's", "another machine", "no number", "unknown"],
)
def test_it_takes_nothing_from_processes_that_may_live(db, sent, worker):
    job = running_on(worker())

    assert take_over_from_the_dead() == 0

    job.refresh_from_db()
    assert job.state == Job.State.RUNNING
    assert not sent


def test_the_last_attempt_of_an_ended_process_has_failed(db):
    job = running_on(f"{socket.gethostname()}:{dead_process()}", attempt=Job.MAX_ATTEMPTS)

    take_over_from_the_dead()

    job.refresh_from_db()
    assert (job.state, job.error["code"]) == (Job.State.FAILED, "worker_lost")


def test_a_living_attempt_is_left_alone(db):
    job = set_job(JobFactory(), state=Job.State.RUNNING, attempt=1)
    age(job, "heartbeat_at", 30)

    assert requeue_dead_jobs() == 0


def test_a_lost_message_is_sent_again_with_doubling_patience(db, sent):
    fresh, lost, patient = JobFactory(), JobFactory(), JobFactory()
    age(fresh, "sent_at", 30)
    age(fresh, "due_at", 30)
    age(lost, "sent_at", 90)
    age(lost, "due_at", 90)
    age(patient, "sent_at", 90)
    age(patient, "due_at", 190)

    assert send_waiting_jobs() == 1
    assert sent == [(lost.task, lost.pk)]


def test_cancelling_ends_what_was_fanned_out_too(db):
    by = UserFactory()
    parent = set_job(JobFactory(), state=Job.State.RUNNING)
    waiting, done = JobFactory(parent=parent), set_job(JobFactory(parent=parent), state=Job.State.DONE)

    cancel_job(job=parent, by=by)

    waiting.refresh_from_db()
    done.refresh_from_db()
    assert (parent.state, waiting.state, done.state) == ("cancelled", "cancelled", "done")
    assert (parent.cancelled_by, waiting.cancelled_by) == (by, by)


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_what_has_ended_cannot_be_cancelled(db, state):
    job = set_job(JobFactory(), state=state)

    with pytest.raises(JobNotCancellableError):
        cancel_job(job=job, by=UserFactory())

    assert Job.objects.get(pk=job.pk).cancelled_by is None


@pytest.mark.parametrize("state", ["queued", "running", "done"])
def test_only_what_failed_or_was_cancelled_is_tried_again(db, state):
    with pytest.raises(JobNotRetryableError):
        retry_job(job=set_job(JobFactory(), state=state), by=UserFactory())


def test_trying_again_makes_a_new_job_once(db):
    old = set_job(JobFactory(scope="book:1", params={"n": 1}), state=Job.State.FAILED)
    by = UserFactory()

    again = retry_job(job=old, by=by)

    assert (again.scope, again.params, again.owner, again.retry_of) == ("book:1", {"n": 1}, by, old)
    assert retry_job(job=old, by=by) == again


def test_an_interrupted_claim_leaves_the_job_queued(transactional_db, monkeypatch):
    job = JobFactory()
    monkeypatch.setattr(Job.objects, "get", lambda **_lookup: (_ for _ in ()).throw(OperationalError()))

    with pytest.raises(OperationalError):
        run_job(job.pk, lambda _job: {})

    monkeypatch.undo()
    assert Job.objects.get(pk=job.pk).state == Job.State.QUEUED
