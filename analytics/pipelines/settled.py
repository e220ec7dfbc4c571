"""What had been predicted then, beside what has happened since and what was done meanwhile."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from analytics.lake import Lake
from analytics.models import ModelCheck, Prediction
from analytics.pipelines.specs import ScoreSpec
from campaigns.models import Enrolment
from crm.models import Activity, Book, Task

Group = ModelCheck.Group
Occasion = Prediction.Occasion


@dataclass(frozen=True, slots=True)
class Settled:
    """Predictions of one moment whose horizon has passed; one row an account, shape (n,).

    An account that a campaign held out counts as that, whatever else was done: its arm was drawn,
    what staff did was chosen.
    """

    as_of: datetime
    until: datetime
    known_at: datetime
    versions: list[str]  # the one that predicted most comes first
    account_ids: NDArray[np.int64]
    predicted: NDArray[np.float64]
    happened: NDArray[np.int64]
    acted: NDArray[np.bool_]
    held_out: NDArray[np.bool_]

    def rows(self, group: Group) -> NDArray[np.bool_]:
        """Return which rows are of this group."""
        return {
            Group.EVERYBODY: np.ones(len(self.account_ids), dtype=bool),
            Group.HOLDOUT: self.held_out,
            Group.ACTED: self.acted & ~self.held_out,
            Group.UNTOUCHED: ~self.acted & ~self.held_out,
        }[group]


def read_settled(
    lake: Lake,
    book: Book,
    spec: ScoreSpec,
    known_at: datetime,
    *,
    occasion: Occasion = Occasion.WEEKLY,
    version: str | None = None,
) -> Settled | None:
    """Return the newest predictions whose horizon has passed, or None where there are none yet.

    Each account counts once, with what was kept for it at that moment. Those of which no outcome
    is known (deleted or erased meanwhile) are left out.
    """
    kept = Prediction.objects.filter(book=book, kind=spec.kind, occasion=occasion)
    if version is not None:
        kept = kept.filter(model_version=version)
    newest = kept.filter(as_of__lte=known_at - timedelta(days=spec.horizon_days)).order_by("-as_of")
    as_of = newest.values_list("as_of", flat=True).first()
    if as_of is None:
        return None
    ids, predicted, versions = _predictions(kept.filter(as_of=as_of))
    known, happened = spec.label(lake, book, as_of, known_at)
    both, here, there = np.intersect1d(ids, known, assume_unique=True, return_indices=True)
    until = as_of + timedelta(days=spec.horizon_days)
    return Settled(
        as_of=as_of,
        until=until,
        known_at=known_at,
        versions=versions,
        account_ids=both,
        predicted=predicted[here],
        happened=happened[there],
        acted=np.isin(both, _acted_on(book, as_of, until)),
        held_out=np.isin(both, _held_out(book, as_of, until)),
    )


def _predictions(
    kept: QuerySet[Prediction],
) -> tuple[NDArray[np.int64], NDArray[np.float64], list[str]]:
    rows = kept.order_by("account_id", "pk").values_list("account_id", "value", "model_version")
    last = {account: (value, version) for account, value, version in rows.iterator(chunk_size=50_000)}
    ids = np.fromiter(last, dtype=np.int64, count=len(last))
    values = np.fromiter((value for value, _ in last.values()), dtype=float, count=len(last))
    versions = Counter(version for _, version in last.values())
    return ids, values, [version for version, _n in versions.most_common()]


def _acted_on(book: Book, since: datetime, until: datetime) -> NDArray[np.int64]:
    """Return the accounts that somebody acted on, or a real campaign treated, in that time.

    What the demo books simulate is not counted: nobody called those customers.
    """
    window = (since, until - timedelta(microseconds=1))
    acted = Prediction.objects.filter(book=book, occasion=Occasion.ACTED, predicted_at__range=window)
    activities = Activity.objects.filter(account__book=book, is_simulated=False, at__range=window)
    tasks = Task.objects.filter(account__book=book, is_simulated=False, created_at__range=window)
    found: set[int] = set(acted.values_list("account_id", flat=True))
    found.update(activities.values_list("account_id", flat=True))
    found.update(tasks.values_list("account_id", flat=True))
    found.update(_enrolled(book, Enrolment.Arm.TREATED, window))
    return np.array(sorted(found), dtype=np.int64)


def _held_out(book: Book, since: datetime, until: datetime) -> NDArray[np.int64]:
    window = (since, until - timedelta(microseconds=1))
    return np.array(sorted(set(_enrolled(book, Enrolment.Arm.HOLDOUT, window))), dtype=np.int64)


def _enrolled(book: Book, arm: Enrolment.Arm, window: tuple[datetime, datetime]) -> QuerySet[Enrolment, int]:
    enrolled = Enrolment.objects.filter(
        campaign__book=book, campaign__is_simulated=False, arm=arm, enrolled_at__range=window
    )
    return enrolled.values_list("account_id", flat=True)
