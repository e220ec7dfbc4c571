"""Score one range of a book's accounts: the part of the nightly work that workers share.

The job of the book (`scoring`) has copied the data and learnt what speaks of the whole book; what
speaks of single accounts is computed here. Workers share the database and `FILES_ROOT`, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any

from analytics.lake import Lake, PartMissingError, open_lake, open_part, remove_part
from analytics.pipelines.drivers import Part
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
    with _data(job.params) as lake:
        counts = score_book(
            lake,
            book,
            datetime.fromisoformat(job.params["as_of"]),
            account_ids=ids,
            weekly=frozenset(job.params["weekly"]),
            part=_part(job.params),
            job=job,
        )
    remove_part(job.params["parts"], job.params["part"])
    return counts


def _part(params: dict[str, Any]) -> Part | None:
    """Return which part this is; None for a job that an older version of the product made."""
    return Part(params["part"], params["of"], params["segments"]) if "segments" in params else None


@contextmanager
def _data(params: dict[str, Any]) -> Iterator[Lake]:
    """Open the range's part of the book or, where that is gone, all of it: the numbers are the same."""
    with ExitStack() as stack:
        try:
            lake = stack.enter_context(open_part(params["parts"], params["part"]))
        except PartMissingError:
            lake = stack.enter_context(open_lake())
        yield lake
