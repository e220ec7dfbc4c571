"""Propose the line that mends a live model, and make a new version of it through the gate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.model_selection import StratifiedKFold

from analytics.artifacts import pack, unpack
from analytics.lake import Lake, open_lake, refresh
from analytics.ml.calibration import Line
from analytics.ml.gate import judge_challenger
from analytics.ml.metrics import expected_calibration_error, reliability
from analytics.ml.monitoring import FEWEST_OF_A_CLASS, describe_outcomes, judge_calibration
from analytics.ml.recalibration import RecalibratedClassifier, left_alone, recalibrate
from analytics.models import ModelCheck, ModelVersion
from analytics.pipelines.moments import moment_of
from analytics.pipelines.reliability import EDGES
from analytics.pipelines.settled import Group, Settled, read_settled
from analytics.pipelines.specs import SPECS
from analytics.services.model_checks import Finding, record_check
from analytics.services.model_versions import Training, admit
from crm.models import Book
from crm.services.job_runs import RunningJob

FOLDS = 5
SEED = 0
_SMALLEST_P = 1e-9


class NothingToMendError(RuntimeError):
    """The version is not live any more, or too few outcomes of its own predictions are known."""


@dataclass(frozen=True, slots=True)
class Basis:
    """Whose outcomes a line may be learnt from, shape (n,) each."""

    group: Group
    log_odds: NDArray[np.float64]
    happened: NDArray[np.int64]
    weight: NDArray[np.float64]
    uncovered_share: float  # of the accounts, for which none of them can speak


def basis_of(settled: Settled) -> Basis:
    """Return the holdout where it is large enough, else those left alone, weighted."""
    eta = logit(np.clip(settled.predicted, _SMALLEST_P, 1.0 - _SMALLEST_P))
    held = settled.rows(Group.HOLDOUT)
    if _fewest(settled.happened[held]) >= FEWEST_OF_A_CLASS:
        return Basis(Group.HOLDOUT, eta[held], settled.happened[held], np.ones(int(held.sum())), 0.0)
    alone = left_alone(eta, ~settled.acted)
    used = alone.weight > 0.0
    return Basis(
        Group.UNTOUCHED, eta[used], settled.happened[used], alone.weight[used], alone.uncovered_share
    )


def _fewest(y: NDArray[np.int64]) -> int:
    return int(min(y.sum(), y.size - y.sum()))


def propose(book: Book, version: ModelVersion, settled: Settled) -> ModelCheck | None:
    """Write down the line that would mend the version; None while it holds or can't be told.

    Only of a version's own predictions: another one may have learnt from these outcomes already.
    """
    if settled.versions[0] != version.version:
        return None
    basis = basis_of(settled)
    if _fewest(basis.happened) < FEWEST_OF_A_CLASS:
        return None
    why = judge_calibration(describe_outcomes(basis.happened, expit(basis.log_odds)))
    if not why:
        return None
    return record_check(
        finding=Finding(
            book=book,
            kind=version.kind,
            model_version=version.version,
            topic=ModelCheck.Topic.RECALIBRATION,
            as_of=settled.as_of,
            known_at=settled.known_at,
            figures=_figures(basis),
            findings=why,
        )
    )


def _figures(basis: Basis) -> dict[str, Any]:
    line = recalibrate(basis.log_odds, basis.happened, basis.weight)
    before = expected_calibration_error(basis.happened, expit(basis.log_odds))
    after = expected_calibration_error(basis.happened, _cross_fitted(basis))
    return {
        "slope": line.slope,
        "intercept": line.intercept,
        "basis": basis.group.value,
        "n": int(basis.happened.size),
        "positives": int(basis.happened.sum()),
        "uncovered_share": basis.uncovered_share,
        "ece_before": before,
        "ece_after": after,
    }


def _cross_fitted(basis: Basis) -> NDArray[np.float64]:
    """Return each account's mended probability, by a line that had not seen its outcome."""
    mended = np.empty(basis.happened.size)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    for learnt, rest in folds.split(basis.log_odds, basis.happened):
        line = recalibrate(basis.log_odds[learnt], basis.happened[learnt], basis.weight[learnt])
        mended[rest] = expit(line.intercept + line.slope * basis.log_odds[rest])
    return mended


def run(job: RunningJob) -> dict[str, Any]:
    """Make a new version of `params["version"]`, which waits in shadow until somebody promotes it."""
    version = ModelVersion.objects.select_related("book").get(version=job.params["version"])
    job.progress("extract")
    refresh(progress=job.progress)
    with open_lake() as lake:
        known_at = moment_of(lake, version.book, job.params.get("as_of"))
        job.progress("hold")
        mended = mend(lake, version, known_at, in_shadow=True, job=job)
    return {"version": mended.version, "state": mended.state, "reasons": mended.verdict["reasons"]}


def mend(
    lake: Lake,
    version: ModelVersion,
    known_at: datetime,
    *,
    in_shadow: bool,
    job: RunningJob | None = None,
) -> ModelVersion:
    """Store the version seen through its line, and let the gate decide on accounts the line hadn't seen.

    :raises NothingToMendError: if it is not live, or its own predictions have not come due.
    """
    settled = read_settled(lake, version.book, SPECS[version.kind], known_at, version=version.version)
    if version.state != ModelVersion.State.LIVE or settled is None:
        raise NothingToMendError(f"{version.version} is {version.state}, or nothing of it is settled.")
    basis = basis_of(settled)
    if _fewest(basis.happened) < FEWEST_OF_A_CLASS:
        raise NothingToMendError(f"{version.version}: too few of its outcomes are known.")
    line = recalibrate(basis.log_odds, basis.happened, basis.weight)
    tested = _cross_fitted(basis)
    verdict = judge_challenger(basis.happened, tested, expit(basis.log_odds))
    metrics = {
        **version.metrics,
        "gate": {**verdict.metrics, "rival": "live"},
        "reliability": [band._asdict() for band in reliability(basis.happened, tested, EDGES)],
        "protocol": "recalibrated",
        "recalibrated": {"from": version.version, **_figures(basis)},
    }
    return admit(
        training=_training(version, line, known_at, metrics),
        passed=verdict.passed,
        reasons=verdict.reasons,
        in_shadow=in_shadow,
        job=job,
    )


def _training(version: ModelVersion, line: Line, known_at: datetime, metrics: dict[str, Any]) -> Training:
    return Training(
        book=version.book,
        kind=version.kind,
        horizon_days=version.horizon_days,
        as_of=known_at,
        artifact=pack(RecalibratedClassifier(unpack(version), line)),
        feature_names=version.feature_names,
        trained_from=version.trained_from,
        trained_to=version.trained_to,
        metrics=metrics,
    )
