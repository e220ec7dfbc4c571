"""Taking back the scores of a kind that a book is not scored for any more. Stopped, it starts again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from crm.models import Account, Book, Score
from crm.services.job_runs import RunningJob
from crm.services.publish import Edition, withdraw_scores

BATCH = 5_000  # accounts


def run(job: RunningJob) -> dict[str, Any]:
    """Withdraw `params["kind"]` in book `params["book"]`, unless it has been taken up again.

    What a scoring that was under way still publishes meanwhile goes with the next scoring of the book.
    """
    book, kind = Book.objects.get(code=job.params["book"]), Score.Kind(job.params["kind"])
    edition = Edition(book=book, as_of=_now(), horizon_days=0, model_version="")
    accounts = Account.objects.filter(book=book).order_by("pk").values_list("pk", flat=True)
    job.progress("withdrawing", done=0, total=accounts.count())
    last = done = withdrawn = 0
    while batch := list(accounts.filter(pk__gt=last)[:BATCH]):
        book.refresh_from_db(fields=["score_kinds"])
        if kind in book.score_kinds:
            break
        withdrawn += withdraw_scores(kind=kind, account_ids=batch, edition=edition, job=job)
        last, done = batch[-1], done + len(batch)
        job.progress(done=done)
    return {"withdrawn": withdrawn}


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    return now
