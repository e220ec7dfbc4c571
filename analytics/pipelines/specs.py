"""What each score predicts, about whom, and from which cut-off dates it can be learnt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from analytics import features
from analytics.lake import Lake
from analytics.pipelines.matrices import Matrix
from crm.models import Book, Outcome, Score

Labelled = tuple[NDArray[np.int64], NDArray[np.int64]]  # account ids, outcomes 0 or 1


@dataclass(frozen=True, slots=True)
class ScoreSpec:
    """One kind of score.

    `label(lake, book, cutoff, known_at)` returns who is concerned at the cut-off and what came of
    it; `population(lake, book, matrix, as_of)` who is scored at a moment.
    """

    kind: Score.Kind
    horizon_days: int
    label: Callable[[Lake, Book, datetime, datetime], Labelled]
    population: Callable[[Lake, Book, Matrix, datetime], NDArray[np.int64]]
    cutoffs: Callable[[Book, datetime], list[datetime]]  # newest first, outcomes known
    baseline: tuple[str, str] = ("recency_days", "orders_365")  # what a first model must beat


def _churned(lake: Lake, book: Book, cutoff: datetime, known_at: datetime) -> Labelled:
    return _read(
        features.no_order_within(
            lake.tables, book_id=book.pk, cutoff=cutoff, horizon_days=CHURN_DAYS, known_at=known_at
        )
    )


def _purchased(lake: Lake, book: Book, cutoff: datetime, known_at: datetime) -> Labelled:
    return _read(
        features.order_within(
            lake.tables, book_id=book.pk, cutoff=cutoff, horizon_days=PURCHASE_DAYS, known_at=known_at
        )
    )


def _defaulted(lake: Lake, book: Book, cutoff: datetime, known_at: datetime) -> Labelled:
    return _read(
        features.outcomes(lake.tables, book_id=book.pk, kind="default", cutoff=cutoff, known_at=known_at)
    )


def _read(expression: ir.Table) -> Labelled:
    table = features.collect(expression)
    return table["account_id"].to_numpy(), table["label"].to_numpy(zero_copy_only=False).astype(int)


def _customers(lake: Lake, book: Book, matrix: Matrix, as_of: datetime) -> NDArray[np.int64]:
    """Return the accounts that ordered within a year, which is what `active_accounts` says."""
    return matrix.account_ids[matrix.columns(["orders_365"])[:, 0] > 0]


def _debtors(lake: Lake, book: Book, matrix: Matrix, as_of: datetime) -> NDArray[np.int64]:
    """Return the accounts that were ever billed: of others nothing can be said."""
    return matrix.account_ids[matrix.columns(["invoices"])[:, 0] > 0]


def _spaced(horizon_days: int) -> Callable[[Book, datetime], list[datetime]]:
    """Cut-offs a month apart, back to where a book still had two months of history."""

    def cutoffs(book: Book, as_of: datetime) -> list[datetime]:
        newest = as_of - timedelta(days=horizon_days)
        earliest = (book.starts_at or newest - timedelta(days=MOST_DAYS)) + timedelta(days=LEAST_DAYS)
        steps = max(0, (newest - earliest).days // SPACING_DAYS + 1)
        return [newest - timedelta(days=SPACING_DAYS * i) for i in range(min(steps, MOST_CUTOFFS))]

    return cutoffs


def _labelled(book: Book, as_of: datetime) -> list[datetime]:
    """The cut-offs that outcomes were recorded for and were settled by then."""
    known = Outcome.objects.filter(account__book=book, kind="default", observed_at__lt=as_of)
    return list(known.order_by("-cutoff_at").values_list("cutoff_at", flat=True).distinct())


CHURN_DAYS = 90
PURCHASE_DAYS = 30
RISK_DAYS = 30
SPACING_DAYS = 30
LEAST_DAYS = 60
MOST_DAYS = 730
MOST_CUTOFFS = 5

SPECS: dict[str, ScoreSpec] = {
    spec.kind: spec
    for spec in (
        ScoreSpec(Score.Kind.CHURN, CHURN_DAYS, _churned, _customers, _spaced(CHURN_DAYS)),
        ScoreSpec(Score.Kind.PURCHASE, PURCHASE_DAYS, _purchased, _customers, _spaced(PURCHASE_DAYS)),
        ScoreSpec(
            Score.Kind.PAYMENT_RISK,
            RISK_DAYS,
            _defaulted,
            _debtors,
            _labelled,
            baseline=("paid_share_last", "unpaid_statements_6"),
        ),
    )
}


def specs_of(book: Book) -> Sequence[ScoreSpec]:
    return [SPECS[kind] for kind in book.score_kinds if kind in SPECS]
