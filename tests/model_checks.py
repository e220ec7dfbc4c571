"""What monitoring has found of a version that needs looking after."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from analytics.models import ModelCheck, ModelVersion, ReasonTotals

PART = {
    "value": "DE", "n": 60, "happened": 30, "observed": 0.5, "low": 0.34, "high": 0.66,
    "mean_predicted": 0.2, "brier": 0.3, "is_off": True,
}  # fmt: skip
OUTCOMES = {
    "n": 200, "positives": 60, "mean_predicted": 0.2, "observed": 0.3, "brier": 0.19, "log_loss": 0.6,
    "ece": 0.1, "ece_floor_p95": 0.04, "auc": 0.71, "slope": 0.6, "intercept": 0.2,
}  # fmt: skip
LINE = {
    "slope": 0.6, "intercept": 0.4, "basis": "untouched", "n": 150, "positives": 50,
    "uncovered_share": 0.2, "ece_before": 0.1, "ece_after": 0.03,
}  # fmt: skip


def add_check(
    version: ModelVersion,
    topic: str,
    figures: dict[str, Any],
    findings: Sequence[dict[str, Any]] = (),
    *,
    group: str = "",
    as_of: datetime | None = None,
) -> ModelCheck:
    return ModelCheck.objects.create(
        book=version.book, kind=version.kind, model_version=version.version, topic=topic, group=group,
        as_of=as_of or version.as_of, known_at=as_of or version.as_of, figures=figures,
        findings=list(findings),
    )  # fmt: skip


def add_troubled_checks(version: ModelVersion) -> None:
    off = {"code": "slope_left_range", "slope": 0.6, "low": 0.8, "high": 1.2}
    opinions = {"useful": {"n": 4, "happened": 3}}
    parts = [{"attribute": "country", "label": "", "parts": [PART, {**PART, "value": "FR", "is_off": False}]}]
    add_check(version, "outcomes", {**OUTCOMES, "parts": parts, "opinions": opinions}, group="everybody")
    add_check(version, "outcomes", OUTCOMES, [off], group="untouched")
    add_check(version, "outcomes", {"n": 0, "positives": 0}, group="holdout")
    add_check(version, "recalibration", LINE, [off])
    shift = {"name": "recency_days", "code": "recency", "level": "drifting", "index": 0.4, "chance_p95": 0.02}
    moved = {"code": "inputs_moved", "name": "recency_days", "what": "recency", "index": 0.4}
    add_check(version, "inputs", {"columns": 30, "shifts": [shift]}, [moved])
    quiet = {"days": 40, "limit_days": 7}
    add_check(
        version, "coverage", {"active": 100, "scored": 90, "fresh": 10, **quiet},
        [{"code": "low_coverage", "scored": 10, "active": 100}, {"code": "book_is_quiet", **quiet}],
    )  # fmt: skip


def add_reason_totals(version: ModelVersion) -> None:
    """Write down what moved the scores of 900 accounts, as scoring the whole book does."""
    reasons = {
        "recency": [0.4, 0.9], "money": [-0.2, 0.5], "rhythm": [0.1, 0.3], "breadth": [-0.05, 0.2],
        "tenure": [0.02, 0.15], "trend": [0.01, 0.1], "returns": [0.0, 0.04],
    }  # fmt: skip
    segments: dict[str, dict[str | None, int]] = {
        "everybody": {None: 900},
        "country": {"DE": 500, "GB": 300, None: 100},
        "industry": {"": 900},
        "stage": {"customer": 700, "former": 200},
        "kind": {"organisation": 850, "person": 50},
    }
    for split, values in segments.items():
        rows = [
            {"value": value, "accounts": n, "score": 0.3 * n,
             "reasons": {code: [signed * n, size * n] for code, (signed, size) in reasons.items()}}
            for value, n in values.items()
        ]  # fmt: skip
        ReasonTotals.objects.create(
            book=version.book, kind=version.kind, model_version=version.version, as_of=version.as_of,
            part=0, parts=1, split=split, segments=rows,
        )  # fmt: skip
