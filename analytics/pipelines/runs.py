from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db.models.functions import Now

from analytics.models import Run
from crm.services.job_runs import RunningJob
from crm.services.publish import Edition


@dataclass(slots=True)
class Timed:
    accounts: int = 0


@contextmanager
def timed_run(kind: str, edition: Edition, job: RunningJob | None) -> Iterator[Timed]:
    """Write down what ran, over how many accounts, and how long; nothing when it failed."""
    timed, started = Timed(), time.monotonic()
    run = Run(
        job_id=job.id if job is not None else None,
        book=edition.book,
        kind=kind,
        as_of=edition.as_of,
        model_version=edition.model_version,
    )
    yield timed
    run.accounts = timed.accounts
    run.seconds = {"all": round(time.monotonic() - started, 3)}
    run.finished_at = Now()
    run.save()
