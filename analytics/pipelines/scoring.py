"""Score a book as of a moment with its live models, and publish what came out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from numpy.typing import NDArray
from scipy.special import expit

from analytics.artifacts import unpack
from analytics.features.known import microseconds
from analytics.lake import Lake, cut, open_lake, refresh
from analytics.ml.classifier import OutcomeClassifier
from analytics.ml.money import expected_loss
from analytics.ml.outcome import add_up
from analytics.models import ModelVersion, Prediction
from analytics.pipelines import offers, products, value
from analytics.pipelines.drivers import EVERYBODY, Explained, Part, largest_segments, sum_reasons
from analytics.pipelines.editions import edition_of, live_version
from analytics.pipelines.matrices import Matrix, load_matrix
from analytics.pipelines.moments import moment_of
from analytics.pipelines.reasons import (
    Values,
    build_reasons,
    group_contributions,
    groups_of,
    values_with_names,
)
from analytics.pipelines.runs import timed_run
from analytics.pipelines.specs import SPECS, ScoreSpec, specs_of
from analytics.services.predictions import keep_weekly
from analytics.services.reason_totals import clear_reason_totals, keep_reason_totals
from crm.models import Account, Book, Job, Organisation, Score, Value
from crm.services.job_runs import RunningJob, fence
from crm.services.jobs import enqueue
from crm.services.publish import (
    Edition,
    NewScore,
    NewValue,
    publish_scores,
    publish_values,
    withdraw_scores,
)

# Nightly runs don't start to the second: half a day of grace keeps the week from slipping to eight days.
A_WEEK = timedelta(days=7) - timedelta(hours=12)


def run(job: RunningJob) -> dict[str, Any]:
    """Score book `params["book"]`, every account of it. Running it twice leaves the same rows.

    A large book is handed out: one job for each range of accounts, to whoever is free.
    """
    book = Book.objects.get(code=job.params["book"])
    job.progress("extract")
    refresh(progress=job.progress)
    ranges = _ranges(book)
    with open_lake() as lake:
        as_of = moment_of(lake, book, job.params.get("as_of"))
        if len(ranges) <= 1:
            return score_book(lake, book, as_of, job=job)
        job.progress("recommend")
        offers.learn(lake, book, as_of)
        job.progress("products")
        products.publish_figures(lake, book, as_of, job=job)
        job.progress("extract")
        parts = cut(lake, book_id=book.pk, moment=microseconds(as_of), ranges=ranges)
    _hand_out(job, book, as_of, ranges, parts)
    return {"as_of": as_of.isoformat(), "ranges": len(ranges)}


def _ranges(book: Book) -> list[tuple[int, int]]:
    """Return the first and last account of each range."""
    ids = np.fromiter(Account.objects.filter(book=book).order_by("pk").values_list("pk", flat=True), np.int64)
    size = settings.ACCOUNTS_PER_RANGE
    return [(int(ids[at]), int(ids[at : at + size][-1])) for at in range(0, ids.size, size)]


@transaction.atomic
def _hand_out(
    job: RunningJob, book: Book, as_of: datetime, ranges: list[tuple[int, int]], parts: str
) -> None:
    """Make the jobs of all ranges, or of none. A second attempt finds them made."""
    parent = Job.objects.get(pk=job.id)
    if Job.objects.filter(parent=parent).exists():
        return
    live = _live_versions(book)
    weekly = _weekly(book, live, as_of)
    segments = largest_segments(book)
    for _spec, version in live:
        clear_reason_totals(edition=edition_of(version, as_of))
    for part, (low, high) in enumerate(ranges):
        enqueue(
            task="analytics.score_range",
            scope=f"book:{book.code}:{low}",
            params={
                "book": book.code,
                "as_of": as_of.isoformat(),
                "low": low,
                "high": high,
                "weekly": weekly,
                "parts": parts,
                "part": part,
                "of": len(ranges),
                "segments": segments,
            },
            parent=parent,
        )
    job.fence()


def score_book(
    lake: Lake,
    book: Book,
    as_of: datetime,
    *,
    account_ids: Sequence[int] | None = None,
    weekly: Collection[str] | None = None,
    part: Part | None = None,
    with_offers: bool = True,
    job: RunningJob | None = None,
) -> dict[str, Any]:
    """Publish scores, values and recommendations of these accounts, or of all; return how many.

    A full scoring is kept as predictions once a week; that of `account_ids` only for the kinds
    that `weekly` names. What drives the scores is summed up for a full one, and for a `part` of it.
    """
    say = job.progress if job is not None else _silent
    say("features")
    live = _live_versions(book)
    if weekly is None:
        weekly = _weekly(book, live, as_of) if account_ids is None else ()
    part = Part(0, 1, largest_segments(book)) if account_ids is None else part
    names = sorted({name for _spec, version in live for name in version.feature_names})
    matrix = load_matrix(lake, book=book, as_of=as_of, account_ids=account_ids, names=names or None)
    counts: dict[str, Any] = {"as_of": as_of.isoformat()}
    for spec, version in live:
        say("score")
        edition = edition_of(version, as_of, is_weekly=spec.kind in weekly)
        scored, left_out = _divide(matrix.account_ids, spec.population(lake, book, matrix, as_of))
        counts[spec.kind] = _score(spec, version, matrix.rows_of(scored), edition, part=part, job=job)
        withdraw_scores(kind=spec.kind, account_ids=left_out.tolist(), edition=edition, job=job)
    _withdraw_removed(book, matrix.account_ids.tolist(), as_of, job)
    if with_offers:
        counts |= _publish_offers(lake, book, as_of, account_ids, job)
    return counts


def _publish_offers(
    lake: Lake, book: Book, as_of: datetime, account_ids: Sequence[int] | None, job: RunningJob | None
) -> dict[str, Any]:
    """Publish values, recommendations, and what is bought together; return how many."""
    counts: dict[str, Any] = {}
    for phase, publish in (
        ("values", value.publish), ("recommend", offers.publish), ("products", products.publish),
    ):  # fmt: skip
        if job is not None:
            job.progress(phase)
        counts |= publish(lake, book, as_of, account_ids=account_ids, job=job)
    return counts


def _divide(
    asked: NDArray[np.int64], population: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which of the asked accounts a score is for, and the others."""
    belongs = np.isin(asked, population)
    return asked[belongs], asked[~belongs]


def _weekly(book: Book, live: list[tuple[ScoreSpec, ModelVersion]], as_of: datetime) -> list[str]:
    return [spec.kind.value for spec, _version in live if _is_week_over(book, spec, as_of)]


def _live_versions(book: Book) -> list[tuple[ScoreSpec, ModelVersion]]:
    pairs = ((spec, live_version(book, spec.kind)) for spec in specs_of(book))
    return [(spec, version) for spec, version in pairs if version is not None]


def _withdraw_removed(book: Book, account_ids: list[int], as_of: datetime, job: RunningJob | None) -> None:
    """Take back what the book is not scored for any more: a scoring that was under way may have left some."""
    for kind in SPECS.keys() - set(book.score_kinds):
        version = live_version(book, kind)
        if version is not None:
            edition = edition_of(version, as_of)
            withdraw_scores(kind=Score.Kind(kind), account_ids=account_ids, edition=edition, job=job)


def _score(
    spec: ScoreSpec,
    version: ModelVersion,
    matrix: Matrix,
    edition: Edition,
    *,
    part: Part | None,
    job: RunningJob | None,
) -> int:
    """Publish one kind of score of these accounts; return how many were written."""
    if matrix.account_ids.size == 0:  # a lead, say, or customers who have all been quiet for a year
        if part is not None:
            _keep_totals(spec, edition, part, {EVERYBODY: []})
        return 0
    with timed_run(f"score.{spec.kind}", edition, job) as timed:
        explained = explain(unpack(version), version.feature_names, matrix)
        scores = new_scores(explained, matrix, values_with_names())
        with transaction.atomic():
            timed.accounts = publish_scores(kind=spec.kind, scores=scores, edition=edition)
            if spec.kind == Score.Kind.PAYMENT_RISK:
                publish_losses(matrix, explained.probability, edition)
            if edition.is_weekly:
                keep_weekly(kind=spec.kind, edition=edition, account_ids=matrix.account_ids.tolist())
            if part is not None:  # of single accounts no sum is kept
                _keep_totals(spec, edition, part, sum_reasons(matrix.account_ids, explained, part.segments))
            fence(job)
    return timed.accounts


def _keep_totals(
    spec: ScoreSpec, edition: Edition, part: Part, segments: dict[str, list[dict[str, Any]]]
) -> None:
    keep_reason_totals(kind=spec.kind, edition=edition, part=part.number, parts=part.of, segments=segments)


def explain(model: OutcomeClassifier, names: list[str], matrix: Matrix) -> Explained:
    """Return each account's score and what moved it, from a model of these features."""
    contributions = model.contributions(matrix.columns(names))
    base = float(model.base_log_odds_)
    probability = expit(add_up(model.base_log_odds_, contributions))
    codes, points = group_contributions(contributions, names, groups_of(names))
    return Explained(base, probability, codes, points)


def new_scores(explained: Explained, matrix: Matrix, values: Values) -> Iterator[NewScore]:
    """Yield each account's score with its reasons.

    It runs while rows are copied into the database, so it must not ask the database anything.
    """
    for i, account_id in enumerate(matrix.account_ids.tolist()):
        yield NewScore(
            account_id,
            float(explained.probability[i]),
            explained.base,
            build_reasons(explained.points[i].tolist(), explained.codes, matrix.row(i), values),
        )


def publish_losses(matrix: Matrix, probability: NDArray[np.float64], edition: Edition) -> None:
    """Expected loss is probability times exposure: what is owed on the last statement."""
    exposure = np.nan_to_num(np.maximum(matrix.columns(["balance_last"])[:, 0], 0.0))
    columns = zip(
        matrix.account_ids.tolist(), expected_loss(probability, exposure).tolist(),
        probability.tolist(), exposure.tolist(), strict=True,
    )  # fmt: skip
    values = (
        NewValue(account_id, loss, details={"probability": p, "exposure": owed})
        for account_id, loss, p, owed in columns
    )
    publish_values(
        kind=Value.Kind.EXPECTED_LOSS, values=values, currency=reporting_currency(), edition=edition
    )


def reporting_currency() -> str:
    return Organisation.objects.get().reporting_currency


def _is_week_over(book: Book, spec: ScoreSpec, as_of: datetime) -> bool:
    """Say whether the last kept predictions are a week old, or of this very moment (a rerun)."""
    kept = Prediction.objects.filter(book=book, kind=spec.kind, occasion=Prediction.Occasion.WEEKLY)
    last = kept.order_by("-as_of").values_list("as_of", flat=True).first()
    return last is None or last == as_of or as_of - last >= A_WEEK


def _silent(*_: object, **__: object) -> None:
    """Report to nobody, for callers without a job."""
