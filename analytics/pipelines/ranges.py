"""Score one range of a book's accounts: the part of the nightly work that workers share.

The job of the book (`scoring`) has copied the data and learnt what speaks of the whole book; what
speaks of single accounts is computed here. Workers share the database and `FILES_ROOT`, nothing else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from analytics.lake import open_lake
from analytics.pipelines.scoring import score_book
from crm.models import Account, Book
from crm.services.job_runs import RunningJob


def run(job: RunningJob) -> dict[str, Any]:
    """Score the accounts `low` to `high` of book `params["book"]`. Twice leaves the same rows."""
    book = Book.objects.get(code=job.params["book"])
    within = Account.objects.filter(book=book, pk__range=(job.params["low"], job.params["high"]))
    ids = list(within.order_by("pk").values_list("pk", flat=True))
    if not ids:  # all of them were deleted meanwhile
        return {}
    with open_lake() as lake:
        return score_book(
            lake,
            book,
            datetime.fromisoformat(job.params["as_of"]),
            account_ids=ids,
            weekly=frozenset(job.params["weekly"]),
            job=job,
        )
