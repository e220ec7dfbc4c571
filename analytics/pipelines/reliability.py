"""Hold what was predicted then against what has happened since."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.lake import Lake, open_lake, refresh
from analytics.ml.metrics import ReliabilityBin, reliability
from analytics.models import Prediction
from analytics.pipelines.moments import moment_of
from analytics.pipelines.specs import ScoreSpec, specs_of
from campaigns.models import Enrolment
from crm.models import Book, Reliability
from crm.services.job_runs import RunningJob
from crm.services.publish import publish_reliability

EDGES = np.linspace(0, 1, 11)
GROUP = "untouched"


def run(job: RunningJob) -> dict[str, Any]:
    """Publish, for each book and kind, how the newest settled predictions came true."""
    job.progress("extract")
    refresh(progress=job.progress)
    held: dict[str, int] = {}
    with open_lake() as lake:
        for book in Book.objects.order_by("pk"):
            for spec in specs_of(book):
                job.progress("hold")
                held[f"{book.code}.{spec.kind}"] = hold(lake, book, spec, moment_of(lake, book))
    return {"accounts": held}


def hold(lake: Lake, book: Book, spec: ScoreSpec, as_of: datetime) -> int:
    """Compare one kind and return how many accounts were compared; 0 when no horizon has passed.

    Each account counts once, with its prediction of the newest date whose horizon has passed.
    Accounts that were acted on meanwhile are left out: what became of them is not the score's
    doing alone.
    """
    newest = (
        Prediction.objects.filter(
            book=book,
            kind=spec.kind,
            occasion=Prediction.Occasion.WEEKLY,
            as_of__lte=as_of - timedelta(days=spec.horizon_days),
        )
        .order_by("-as_of")
        .values_list("as_of", flat=True)
        .first()
    )
    if newest is None:
        return 0
    ids, predicted, versions = _predictions(book, spec, newest)
    known_ids, happened = spec.label(lake, book, newest, as_of)
    touched = _touched(book, newest, newest + timedelta(days=spec.horizon_days))
    both, here, there = np.intersect1d(ids, known_ids, assume_unique=True, return_indices=True)
    free = ~np.isin(both, touched)
    if not free.any():
        return 0
    bins = reliability(happened[there][free], predicted[here][free], EDGES)
    bands = [_band(book, spec, newest, versions, part) for part in bins if part.n]
    publish_reliability(book=book, kind=spec.kind, group=GROUP, bands=bands)
    return int(free.sum())


def _predictions(
    book: Book, spec: ScoreSpec, as_of: datetime
) -> tuple[NDArray[np.int64], NDArray[np.float64], list[str]]:
    rows = list(
        Prediction.objects.filter(book=book, kind=spec.kind, as_of=as_of, occasion=Prediction.Occasion.WEEKLY)
        .order_by("account_id", "pk")
        .values_list("account_id", "value", "model_version")
    )
    last = {account: (value, version) for account, value, version in rows}
    ids = np.fromiter(last, dtype=np.int64, count=len(last))
    values = np.fromiter((value for value, _ in last.values()), dtype=float, count=len(last))
    return ids, values, sorted({version for _, version in last.values()})


def _touched(book: Book, since: datetime, until: datetime) -> NDArray[np.int64]:
    """Return the accounts that somebody acted on, or a real campaign treated, in that time."""
    acted = Prediction.objects.filter(
        book=book,
        occasion=Prediction.Occasion.ACTED,
        predicted_at__gte=since,
        predicted_at__lt=until,
    ).values_list("account_id", flat=True)
    treated = Enrolment.objects.filter(
        campaign__book=book,
        campaign__is_simulated=False,
        arm=Enrolment.Arm.TREATED,
        enrolled_at__gte=since,
        enrolled_at__lt=until,
    ).values_list("account_id", flat=True)
    return np.array(sorted({*acted, *treated}), dtype=np.int64)


def _band(
    book: Book, spec: ScoreSpec, as_of: datetime, versions: list[str], part: ReliabilityBin
) -> Reliability:
    return Reliability(
        book=book,
        kind=spec.kind,
        group=GROUP,
        low=part.low,
        high=part.high,
        accounts=part.n,
        happened=part.positives,
        mean_predicted=part.mean_predicted or 0.0,
        interval_low=part.ci_low,
        interval_high=part.ci_high,
        predicted_from=as_of,
        predicted_to=as_of,
        model_versions=versions,
    )
