"""The demo books, small, loaded through their own pipelines into the test database."""

from typing import Any

from django.test import override_settings

from crm.models import Book, Job
from crm.pipelines.imports import books
from crm.services.jobs import Pipeline, run_job

SMALL = {"wholesale": 400, "bank": 2_000}


def run_pipeline(pipeline: Pipeline, *, task: str, scope: str = "", **params: Any) -> Job:
    """Run a pipeline in this process as a job of its own, and return the finished row."""
    job = Job.objects.create(task=task, scope=scope, params=params)
    # The heartbeat has a connection of its own, which does not see the row of a test's transaction.
    with override_settings(JOB_HEARTBEAT_SECONDS=3_600):
        run_job(job.pk, pipeline)
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.error
    return job


def load_book(code: str, *, limit: int | None = None) -> Job:
    params = {} if limit is None else {"limit": limit}
    return run_pipeline(books.run, task="crm.import_book", scope=f"book:{code}", **params)


def load_small_books() -> dict[str, Book]:
    """Load about 400 wholesale customers and 2,000 of the bank's; return both books by code."""
    for code, limit in SMALL.items():
        load_book(code, limit=limit)
    return {book.code: book for book in Book.objects.filter(code__in=SMALL)}
