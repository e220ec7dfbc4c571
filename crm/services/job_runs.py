"""Running one job: the claim, the heartbeat, and the fence that keeps an old attempt silent.

Whoever wants to write in a job's name does it `WHERE id AND attempt AND state = 'running'`. No such
row means that the job was cancelled or that the sweep gave it to another worker: stop.
"""

from __future__ import annotations

import contextvars
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from crm.models import Job
from crm.models.jobs import JobQuerySet
from crm.services.notifications import tell_jobs_ended
from crm.services.workers import process_name

log = structlog.get_logger(__name__)

PROGRESS_SECONDS = 0.5
OUR_PACKAGES = ("analytics", "campaigns", "config", "crm")
# Connection lost, server stopped, deadlock or serialisation failure: the next attempt may succeed.
PASSING_SQLSTATES = ("08", "40", "57P")


class JobLostError(Exception):
    """This attempt no longer holds the job. Whatever it has not committed must not be."""


class RunningJob:
    """One attempt at a job, as its pipeline sees it."""

    def __init__(self, job: Job) -> None:
        self.id: int = job.pk
        self.attempt: int = job.attempt
        self.params: dict[str, Any] = job.params
        self.scope: str = job.scope
        self.owner_id: int | None = job.owner_id
        self._lost = threading.Event()
        self._numbers: dict[str, Any] = {"phase": "", "done": 0, "total": None, "error_count": 0}
        self._written_at = 0.0

    def progress(
        self,
        phase: str | None = None,
        *,
        done: int | None = None,
        total: int | None = None,
        errors: int | None = None,
    ) -> None:
        """Say how far the work is. A new phase counts from nothing again.

        Written at most twice a second, in a transaction of its own. Inside a transaction of the
        pipeline nothing is written, because the row would stay locked until its end: the numbers
        go along with the next `fence()`.

        :raises JobLostError: when this attempt no longer holds the job.
        """
        is_new_phase = phase is not None and phase != self._numbers["phase"]
        if is_new_phase:
            self._numbers |= {"phase": phase, "done": 0, "total": None, "phase_started_at": Now()}
        given = {"done": done, "total": total, "error_count": errors}
        self._numbers |= {name: value for name, value in given.items() if value is not None}
        if self._lost.is_set():
            raise JobLostError
        if is_new_phase or time.monotonic() - self._written_at >= PROGRESS_SECONDS:
            self._write_progress()

    def fence(self) -> None:
        """Make the batch's commit depend on still holding the job. Call it last in the transaction.

        :raises JobLostError: when this attempt no longer holds the job; let it roll the batch back.
        """
        if not connection.in_atomic_block:
            message = "fence() belongs into the transaction whose commit it guards"
            raise transaction.TransactionManagementError(message)
        self._update(heartbeat_at=Now(), **self._numbers)
        self._numbers.pop("phase_started_at", None)

    def beat(self) -> None:
        """Tell the sweep that this attempt lives. The heartbeat's thread calls it."""
        self._update(heartbeat_at=Now())

    @transaction.atomic
    def finish(self, *, state: Job.State, **columns: Any) -> None:
        self._update(state=state, finished_at=Now(), heartbeat_at=Now(), **self._numbers, **columns)
        tell_jobs_ended(job_ids=[self.id])

    def _mine(self) -> JobQuerySet:
        return Job.objects.filter(pk=self.id, attempt=self.attempt, state=Job.State.RUNNING)

    def _write_progress(self) -> None:
        self._written_at = time.monotonic()
        if connection.in_atomic_block:
            if not self._mine().exists():
                self._lose()
        else:
            self._update(**self._numbers)
            self._numbers.pop("phase_started_at", None)

    def _update(self, **columns: Any) -> None:
        if not self._mine().update(**columns):
            self._lose()

    def _lose(self) -> None:
        self._lost.set()
        raise JobLostError


def fence(job: RunningJob | None) -> None:
    """Call the fence of the job that the work belongs to, if it belongs to one."""
    if job is not None:
        job.fence()


Pipeline = Callable[[RunningJob], dict[str, Any]]


def run_job(job_id: int, pipeline: Pipeline) -> None:
    """Claim the job, run its pipeline and store what came of it.

    Delivered twice, the second call finds nothing to claim. After a lost connection nothing is
    stored: the heartbeat ends, and the sweep gives the job to another attempt.
    """
    row = _claim(job_id)
    if row is None:
        log.info("job_not_claimed", job_row=job_id)
        return
    with structlog.contextvars.bound_contextvars(job_id=str(row.public_id)):
        log.info("job_started", task=row.task, scope=row.scope, attempt=row.attempt)
        job = RunningJob(row)
        with _Heartbeat(job):
            _run_claimed(job, pipeline)


@transaction.atomic
def _claim(job_id: int) -> Job | None:
    """Make a queued job ours; the row stays locked until its attempt has been read."""
    claimed = Job.objects.filter(pk=job_id, state=Job.State.QUEUED, due_at__lte=Now()).update(
        state=Job.State.RUNNING,
        attempt=F("attempt") + 1,
        started_at=Now(),
        heartbeat_at=Now(),
        phase_started_at=Now(),
        finished_at=None,
        worker=process_name(),
        phase="",
        done=0,
        total=None,
        error_count=0,
        error=None,
        result={},
    )
    return Job.objects.get(pk=job_id) if claimed else None


def _run_claimed(job: RunningJob, pipeline: Pipeline) -> None:
    began = time.monotonic()
    try:
        with _interruptions_left_to_the_sweep():
            _run_and_store(job, pipeline)
            log.info("job_ended", seconds=round(time.monotonic() - began, 3))
    except JobLostError:
        log.warning("job_lost", attempt=job.attempt)


def _run_and_store(job: RunningJob, pipeline: Pipeline) -> None:
    try:
        result = pipeline(job)
    except JobLostError:
        raise
    except Exception as error:  # whatever it is, staff must see it at the job
        if _is_passing(error):
            raise
        problem = describe_error(error)
        # The stack without the message, which may hold personal data.
        log.error("job_failed", **problem, stack=traceback.format_tb(error.__traceback__))
        job.finish(state=Job.State.FAILED, error=problem)
    else:
        job.finish(state=Job.State.DONE, result=result)


@contextmanager
def _interruptions_left_to_the_sweep() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        if not _is_passing(error):
            raise
        log.warning("job_interrupted", **describe_error(error))
        connection.close()


def _is_passing(error: BaseException) -> bool:
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    sqlstate = getattr(error.__cause__, "sqlstate", None)
    return sqlstate is None or sqlstate.startswith(PASSING_SQLSTATES)


def describe_error(error: BaseException) -> dict[str, str]:
    """Return code, type and place of an error; its message stays out, for it may name somebody."""
    kind = type(error)
    return {
        "code": _code(kind),
        "type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
        "where": _place(error),
    }


def _code(kind: type[BaseException]) -> str:
    """Return `missing_rate` for our own MissingRateError, and `unexpected` for what is not ours."""
    if kind.__module__.partition(".")[0] not in OUR_PACKAGES:
        return "unexpected"
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__.removesuffix("Error")).lower()


def _place(error: BaseException) -> str:
    """Return module, function and line of the innermost frame that is ours."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = frame.f_globals.get("__name__", "")
        if not place or module.partition(".")[0] in OUR_PACKAGES:
            place = f"{module}.{frame.f_code.co_name}:{line}"
    return place


@dataclass
class _Heartbeat:
    """A thread with a connection of its own, so that a long computation does not look dead."""

    job: RunningJob

    def __enter__(self) -> None:
        self._stop = threading.Event()
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._beat,), daemon=True)
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._stop.wait(settings.JOB_HEARTBEAT_SECONDS):
                self._beat_once()
        except JobLostError:
            log.warning("heartbeat_found_job_lost", attempt=self.job.attempt)
        finally:
            connection.close()

    def _beat_once(self) -> None:
        try:
            self.job.beat()
        except DatabaseError as error:
            # The next beat connects again; if none succeeds, the sweep takes over.
            log.warning("heartbeat_failed", **describe_error(error))
            connection.close()
