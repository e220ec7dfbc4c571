"""Train one kind of score for one book, test it on later data, and let the gate decide."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from analytics.artifacts import ArtifactMismatchError, pack, unpack
from analytics.features.support import TICKETS
from analytics.lake import Lake, open_lake, refresh
from analytics.ml.classifier import OutcomeClassifier
from analytics.ml.gate import Verdict, judge_challenger, judge_first
from analytics.ml.metrics import reliability
from analytics.ml.outcome import RecencyFrequencyLogistic
from analytics.models import ModelVersion
from analytics.pipelines import offers, value
from analytics.pipelines.breakdown import error_by_part
from analytics.pipelines.drawing import drawn, share_learnt_from
from analytics.pipelines.editions import live_version
from analytics.pipelines.matrices import Examples, Matrix, load_matrix, stack
from analytics.pipelines.moments import moment_of
from analytics.pipelines.reasons import group_contributions, groups_of
from analytics.pipelines.specs import SPECS, ScoreSpec
from analytics.services.model_versions import Training, admit
from crm.models import Book
from crm.services.job_runs import RunningJob

TEST_SHARE = 0.3  # of the accounts, where there is one cut-off only
SEED = 0
LEAST_OUTCOMES = 20  # of either kind in the training rows: fewer can't be fitted, let alone judged
EDGES = np.linspace(0, 1, 11)


class NothingToLearnError(RuntimeError):
    """There are too few known outcomes, of one kind or the other, to learn from yet."""


def run(job: RunningJob) -> dict[str, Any]:
    """Train `params["kind"]` of book `params["book"]` with what was known at `as_of`."""
    book = Book.objects.get(code=job.params["book"])
    job.progress("extract")
    refresh(progress=job.progress)
    with open_lake() as lake:
        as_of = moment_of(lake, book, job.params.get("as_of"))
        try:
            version = train_kind(lake, book, job.params["kind"], as_of, job)
        except NothingToLearnError:  # no fault of the job: a young book is tried again next week
            version = None
    if version is None:
        return {"version": None, "reasons": [{"code": "nothing_to_learn"}]}
    return {"version": version.version, "state": version.state, "reasons": version.verdict["reasons"]}


def train_kind(
    lake: Lake, book: Book, kind: str, as_of: datetime, job: RunningJob | None = None
) -> ModelVersion | None:
    """Train any kind of model; None where the book doesn't have what it takes."""
    if kind == ModelVersion.Kind.CUSTOMER_VALUE:
        return value.train(lake, book, as_of, job)
    if kind == ModelVersion.Kind.RECOMMENDATION:
        return offers.train(lake, book, as_of, job)
    return train(lake, book, SPECS[kind], as_of, job)


def train(
    lake: Lake, book: Book, spec: ScoreSpec, as_of: datetime, job: RunningJob | None = None
) -> ModelVersion:
    """Return the new version, live if the gate let it through, else rejected with the reasons.

    :raises NothingToLearnError: if no outcome is known yet.
    """
    parts, names, customers = _examples(lake, book, spec, as_of)
    if job is not None:
        job.progress("train")
    _check_outcomes(parts, spec)
    train_parts, test, protocol = _split(parts, spec)
    _check_outcomes(train_parts, spec)
    verdict, metrics = _test(book, spec, names, train_parts, test)
    final = _fit(parts, spec, names)
    return admit(
        training=Training(
            book=book,
            kind=spec.kind,
            horizon_days=spec.horizon_days,
            as_of=as_of,
            artifact=pack(final),
            feature_names=names,
            trained_from=parts[-1].cutoff,
            trained_to=parts[0].cutoff,
            metrics={**metrics, "protocol": protocol, **_learnt_from(parts, customers)},
        ),
        passed=verdict.passed,
        reasons=verdict.reasons,
        job=job,
    )


def _learnt_from(parts: list[Examples], customers: int) -> dict[str, Any]:
    """Return how many rows were learnt from, and of how many accounts where these were drawn."""
    rows = {"rows": sum(len(part.y) for part in parts)}
    accounts = len(parts[0].y)
    return rows | ({"drawn": {"accounts": accounts, "of": customers}} if accounts < customers else {})


def _examples(
    lake: Lake, book: Book, spec: ScoreSpec, as_of: datetime
) -> tuple[list[Examples], list[str], int]:
    """Return examples at each cut-off, newest first, their columns, and how many accounts there were."""
    parts: list[Examples] = []
    names: list[str] = []
    share, customers = 1.0, 0
    for cutoff in spec.cutoffs(book, as_of):
        ids, happened = spec.label(lake, book, cutoff, as_of)
        if ids.size == 0:
            continue
        if not parts:  # the same accounts at each cut-off
            share, customers = share_learnt_from(ids.size), ids.size
        kept = drawn(ids, share)
        ids, happened = ids[kept], happened[kept]
        wanted = None if share == 1.0 else ids.tolist()
        matrix = load_matrix(lake, book=book, as_of=cutoff, account_ids=wanted, names=names or None)
        names = names or matrix.names
        parts.append(Examples(cutoff, ids, matrix.rows_of(ids).columns(names), happened))
    if not parts:
        raise NothingToLearnError(f"No outcome of {spec.kind} is known in {book.code} as of {as_of}.")
    return *_without_idle_tickets(parts, names), customers


def _without_idle_tickets(parts: list[Examples], names: list[str]) -> tuple[list[Examples], list[str]]:
    """Leave tickets out where nobody who is learnt from differs in them: they would only add chance."""
    mine = np.array([name.startswith(TICKETS) for name in names])
    if not mine.any():
        return parts, names
    tickets = np.vstack([part.X[:, mine] for part in parts])
    if np.ptp(np.nan_to_num(tickets, nan=-1.0), axis=0).any():
        return parts, names
    kept = [replace(part, X=part.X[:, ~mine]) for part in parts]
    return kept, [name for name, is_ticket in zip(names, mine, strict=True) if not is_ticket]


def _check_outcomes(parts: list[Examples], spec: ScoreSpec) -> None:
    happened = np.concatenate([part.y for part in parts])
    fewest = int(min(happened.sum(), happened.size - happened.sum()))
    if fewest < LEAST_OUTCOMES:
        raise NothingToLearnError(f"{spec.kind}: only {fewest} accounts with one of the outcomes.")


def _split(parts: list[Examples], spec: ScoreSpec) -> tuple[list[Examples], Examples, str]:
    """Hold out the last cut-off; train on those whose outcome was known by then.

    Where there is one cut-off only, hold out accounts instead: weaker, and said so.
    """
    test = parts[0]
    settled = test.cutoff - timedelta(days=spec.horizon_days)
    earlier = [part for part in parts[1:] if part.cutoff <= settled]
    if earlier:
        return earlier, test, "temporal"
    first, second = train_test_split(
        np.arange(len(test.y)), test_size=TEST_SHARE, random_state=SEED, stratify=test.y
    )
    return [_part(test, first)], _part(test, second), "accounts"


def _part(examples: Examples, rows: NDArray[np.int64]) -> Examples:
    return Examples(examples.cutoff, examples.account_ids[rows], examples.X[rows], examples.y[rows])


def _fit(parts: list[Examples], spec: ScoreSpec, names: list[str]) -> OutcomeClassifier:
    """Learn from all cut-offs; an account that stands in several is never in two folds."""
    accounts = np.concatenate([part.account_ids for part in parts])
    is_temporal = len(parts) > 1  # the period that is predicted may have another base than these
    anchor = [names.index(name) for name in spec.baseline] if is_temporal else []
    return OutcomeClassifier(anchor=anchor, random_state=SEED).fit(*stack(parts), groups=accounts)


def _test(
    book: Book, spec: ScoreSpec, names: list[str], train_parts: list[Examples], test: Examples
) -> tuple[Verdict, dict[str, Any]]:
    challenger = _fit(train_parts, spec, names)
    predicted = challenger.predict_proba(test.X)[:, 1]
    rival = _live_prediction(book, spec, names, test)
    if rival is None:
        X, y = stack(train_parts)
        columns = [names.index(name) for name in spec.baseline]
        baseline = RecencyFrequencyLogistic().fit(X[:, columns], y)
        verdict = judge_first(test.y, predicted, baseline.predict_proba(test.X[:, columns])[:, 1])
    else:
        verdict = judge_challenger(test.y, predicted, rival)
    metrics = {
        "gate": {**verdict.metrics, "rival": "recency_frequency" if rival is None else "live"},
        "reliability": [band._asdict() for band in reliability(test.y, predicted, EDGES)],
        "features": _importance(challenger, names, test.X),
        "parts": error_by_part(book, test.account_ids, test.y, predicted),
    }
    return verdict, metrics


def _live_prediction(
    book: Book, spec: ScoreSpec, names: list[str], test: Examples
) -> NDArray[np.float64] | None:
    """Return the live model's predictions for the same accounts, or None where there is none.

    It may have seen these outcomes if it is younger than the cut-off: that favours the live model.
    """
    version = live_version(book, spec.kind)
    if version is None:
        return None
    try:
        model = unpack(version)
        X = Matrix(test.account_ids, names, test.X).columns(version.feature_names)
    except ArtifactMismatchError:
        return None  # it can't be used here any more, so it is no rival
    probability: NDArray[np.float64] = model.predict_proba(X)[:, 1]
    return probability


def _importance(model: OutcomeClassifier, names: list[str], X: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Return the groups of features by the spread of their contributions, unit: log-odds."""
    codes, points = group_contributions(model.contributions(X), names, groups_of(names))
    spread = points.std(axis=0)
    order = np.argsort(-spread, kind="stable")
    return [{"code": codes[i], "spread": float(spread[i])} for i in order]
