from __future__ import annotations

import time
from argparse import ArgumentParser
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Max
from django.db.models.functions import Now

from crm.models import Job, WorkerHeartbeat
from crm.services.jobs import enqueue

BOOKS = ("wholesale", "bank")
SMALL = {"wholesale": 400, "bank": 2_000}
WORKER_SECONDS = 60
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Step:
    """One job of the loading. It is done when a job of its task and scope is."""

    title: str
    task: str
    scope: str
    params: dict[str, Any] = field(default_factory=dict)

    def jobs(self) -> Any:
        return Job.objects.filter(task=self.task, scope=self.scope)

    def is_done(self) -> bool:
        return bool(self.jobs().filter(state=Job.State.DONE).exists())


class Command(BaseCommand):
    """Load the demo books, score them and replay their past. Goes on where it was stopped.

    The work is done by jobs, so a worker must be running.
    """

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--only", choices=BOOKS, help="load one book only")
        parser.add_argument("--small", action="store_true", help="a few hundred accounts, for tests")

    def handle(self, *args: Any, only: str | None, small: bool, **options: Any) -> None:
        books = (only,) if only else BOOKS
        waiting = [step for step in _steps(books, small=small) if not step.is_done()]
        if not waiting:
            self.stdout.write("The demo books are loaded.")
            return
        self._wait_for_a_worker()
        for step in waiting:
            self._follow(step, self._start(step))

    def _start(self, step: Step) -> Job:
        return enqueue(task=step.task, scope=step.scope, params=step.params, coalesces=True)

    def _follow(self, step: Step, job: Job) -> None:
        """Print how the job comes along until it ends."""
        started, said = time.monotonic(), ""
        while True:
            job.refresh_from_db()
            if job.state not in {Job.State.QUEUED, Job.State.RUNNING}:
                break
            if (line := _progress(job)) != said:
                self.stdout.write(f"  {step.title}: {line}")
                said = line
            time.sleep(LOOK_SECONDS)
        if job.state != Job.State.DONE:
            raise CommandError(
                f"{step.title} {job.state}: {job.error}. See the job's page, or run it again: "
                "it goes on where it stopped."
            )
        self.stdout.write(f"  {step.title}: done in {time.monotonic() - started:.0f} s")

    def _wait_for_a_worker(self) -> None:
        deadline = time.monotonic() + WORKER_SECONDS
        while time.monotonic() < deadline:
            alive = WorkerHeartbeat.objects.filter(heartbeat_at__gt=Now() - timedelta(seconds=60))
            if alive.aggregate(last=Max("heartbeat_at"))["last"]:
                return
            time.sleep(LOOK_SECONDS)
        raise CommandError("No worker is running. Start one with: celery -A config worker")


def _steps(books: tuple[str, ...], *, small: bool) -> list[Step]:
    titles = {"wholesale": "Wholesale book", "bank": "Bank book"}
    imports = [
        Step(
            f"{titles[book]}, import",
            "crm.import_book",
            f"book:{book}",
            {"limit": SMALL[book]} if small else {},
        )
        for book in books
    ]
    # A book that is loaded later gets its people then: what stands already is left alone.
    people = Step(
        "Simulated people and work",
        "crm.simulate_people",
        f"books:{','.join(books)}",
        {"books": list(books)},
    )
    scores = [
        Step(f"{titles[book]}, scores", "analytics.prepare_demo", f"book:{book}", {"book": book})
        for book in books
    ]
    check = Step("Data-quality check", "crm.check_quality", f"books:{','.join(books)}")
    return [*imports, people, check, *scores]


def _progress(job: Job) -> str:
    if job.state == Job.State.QUEUED:
        return "waiting for a worker"
    if job.total:
        return f"{job.phase} {job.done:,} of {job.total:,}"
    return job.phase or "started"
