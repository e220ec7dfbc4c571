"""Background work as rows that staff can see: making, sending, cancelling and retrying jobs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import celery
import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerError

from crm.models import Job, Schedule, User
from crm.services.job_runs import JobLostError, Pipeline, RunningJob, run_job
from crm.services.notifications import tell_jobs_ended

__all__ = [
    "JobLostError",
    "JobNotCancellableError",
    "JobNotRetryableError",
    "Pipeline",
    "RunningJob",
    "cancel_job",
    "enqueue",
    "forget_scheduled_jobs",
    "retry_job",
    "run_job",
    "send_jobs",
]

log = structlog.get_logger(__name__)

CANCELLABLE = (Job.State.QUEUED, Job.State.RUNNING)
KEEP_SCHEDULED_DAYS = 30  # one of them runs every five minutes
RETRYABLE = (Job.State.FAILED, Job.State.CANCELLED)


class JobNotCancellableError(Exception):
    """The job has already ended."""


class JobNotRetryableError(Exception):
    """Only a job that failed or was cancelled is tried again."""


def enqueue(
    *,
    task: str,
    scope: str = "",
    params: dict[str, Any] | None = None,
    owner: User | None = None,
    coalesces: bool = False,
    parent: Job | None = None,
    due_at: datetime | None = None,
    schedule: Schedule | None = None,
    retry_of: Job | None = None,
) -> Job:
    """Write down a piece of work and send it to the workers when this transaction commits.

    With `coalesces` there is at most one queued or running job for a task and scope; when there
    is one already, that one is returned. What is due later is sent by the sweep.
    """
    job = Job(
        task=task,
        scope=scope,
        params=params or {},
        owner=owner,
        coalesces=coalesces,
        parent=parent,
        schedule=schedule,
        retry_of=retry_of,
    )
    if due_at is not None:
        job.due_at = due_at
    joined = _save_or_join(job)
    if joined is job:  # the message of one that was there before is on its way
        transaction.on_commit(partial(send_jobs, job_ids=[job.pk]))
    return joined


def _save_or_join(job: Job) -> Job:
    while True:
        live = _live_twin(job)
        if live is not None:
            return live
        try:
            with transaction.atomic():
                job.save(force_insert=True)
        except IntegrityError:
            # Somebody was faster, or it is another constraint and there is nobody to join.
            if not job.coalesces or _live_twin(job) is None:
                raise
        else:
            return job


def _live_twin(job: Job) -> Job | None:
    if not job.coalesces:
        return None
    return Job.objects.live().filter(task=job.task, scope=job.scope, coalesces=True).first()


def send_jobs(*, job_ids: Iterable[int]) -> int:
    """Send the messages of those jobs that are queued and due; return how many were sent.

    A broker that is away loses nothing: the row remains, and the sweep sends it later.
    """
    due = Job.objects.filter(pk__in=list(job_ids), state=Job.State.QUEUED, due_at__lte=Now())
    waiting = list(due.order_by("due_at", "pk").values_list("pk", "task"))
    sent = []
    try:
        for pk, task in waiting:
            celery.current_app.send_task(task, kwargs={"job_id": pk})
            sent.append(pk)
    except BrokerError as error:
        log.warning("broker_unreachable", type=type(error).__name__, left=len(waiting) - len(sent))
    Job.objects.filter(pk__in=sent, state=Job.State.QUEUED).update(sent_at=Now())
    return len(sent)


@transaction.atomic
def cancel_job(*, job: Job, by: User | None) -> None:
    """Cancel a queued or running job and what it fanned out. A running one stops at its next fence.

    :raises JobNotCancellableError: when it has already ended.
    """
    cancelled = {
        "state": Job.State.CANCELLED,
        "finished_at": Now(),
        "cancelled_by": by,
    }
    if not Job.objects.filter(pk=job.pk, state__in=CANCELLABLE).update(**cancelled):
        raise JobNotCancellableError
    Job.objects.filter(parent=job, state__in=CANCELLABLE).update(**cancelled)
    tell_jobs_ended(job_ids=[job.pk], by=by)
    job.refresh_from_db()


@transaction.atomic
def retry_job(*, job: Job, by: User) -> Job:
    """Return a new job that does a failed or cancelled one again; pressed twice, the same one.

    :raises JobNotRetryableError: when the job has neither failed nor been cancelled.
    """
    old = Job.objects.select_for_update(of=("self",)).get(pk=job.pk)
    if old.state not in RETRYABLE:
        raise JobNotRetryableError
    again = Job.objects.filter(Q(retry_of=old) & ~Q(state__in=RETRYABLE)).order_by("-pk").first()
    return again or enqueue(
        task=old.task,
        scope=old.scope,
        params=old.params,
        owner=by,
        coalesces=old.coalesces,
        parent=old.parent,
        retry_of=old,
    )


def forget_scheduled_jobs() -> int:
    """Delete what schedules did well a month ago; what people started stays. Return how many."""
    old = Job.objects.filter(
        schedule__isnull=False,
        state=Job.State.DONE,
        finished_at__lt=Now() - timedelta(days=KEEP_SCHEDULED_DAYS),
    )
    return old.delete()[1].get(Job._meta.label, 0)
