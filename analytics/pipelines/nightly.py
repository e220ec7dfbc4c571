"""What runs on a schedule: one job a book, so that any number of workers can share them."""

from __future__ import annotations

from typing import Any

from analytics.lake import refresh
from analytics.pipelines.offers import KIND as RECOMMENDATION
from analytics.pipelines.specs import specs_of
from analytics.pipelines.value import KIND as CUSTOMER_VALUE
from analytics.services.evaluations import forget_old_evaluations
from crm.models import Book, Job
from crm.services.job_runs import RunningJob
from crm.services.jobs import enqueue


def run(job: RunningJob) -> dict[str, Any]:
    """Bring the lake up to date, then have every book scored and every closed campaign measured."""
    job.progress("extract")
    refresh(progress=job.progress)
    parent = Job.objects.get(pk=job.id)
    books = list(Book.objects.order_by("pk"))
    for book in books:
        enqueue(
            task="analytics.score_book",
            scope=f"book:{book.code}",
            params={"book": book.code},
            coalesces=True,
            parent=parent,
        )
    enqueue(task="analytics.measure_lift", scope="campaigns", coalesces=True, parent=parent)
    return {"books": len(books), "forgotten_evaluations": forget_old_evaluations()}


def train_all(job: RunningJob) -> dict[str, Any]:
    """Have every model of every book trained; the gate decides which of them go live."""
    parent = Job.objects.get(pk=job.id)
    started = 0
    for book in Book.objects.order_by("pk"):
        kinds = [spec.kind.value for spec in specs_of(book)]
        for kind in [*kinds, CUSTOMER_VALUE.value, RECOMMENDATION.value]:
            started += 1
            enqueue(
                task="analytics.train",
                scope=f"book:{book.code}:{kind}",
                params={"book": book.code, "kind": kind},
                coalesces=True,
                parent=parent,
            )
    return {"trainings": started}
