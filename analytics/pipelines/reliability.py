"""Hold what was predicted then against what has happened since."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from analytics.lake import Lake
from analytics.ml.metrics import ReliabilityBin, reliability
from analytics.ml.monitoring import Finding as Warned
from analytics.ml.monitoring import describe_outcomes, judge_base_rate, judge_calibration
from analytics.models import ModelCheck, ModelVersion
from analytics.pipelines.breakdown import error_by_part, opinions
from analytics.pipelines.settled import Group, Occasion, Settled, read_settled
from analytics.pipelines.specs import ScoreSpec
from analytics.services.model_checks import Finding, record_check
from crm.models import Book, Reliability
from crm.services.publish import publish_reliability

EDGES = np.linspace(0, 1, 11)
PUBLISHED = (Group.UNTOUCHED, Group.HOLDOUT)  # what the pages of accounts say of a score


def hold(lake: Lake, book: Book, spec: ScoreSpec, as_of: datetime) -> int:
    """Publish and write down how the newest settled predictions of a kind came true.

    Returns how many accounts that nobody had acted on were compared; 0 when no horizon has passed.
    """
    settled = read_settled(lake, book, spec, as_of)
    if settled is None or not settled.account_ids.size:
        return 0
    for group in PUBLISHED:
        bands = _bands(book, spec, settled, group)
        publish_reliability(book=book, kind=spec.kind, group=group, bands=bands)
    write_down(book, spec, settled)
    return int(settled.rows(Group.UNTOUCHED).sum())


def hold_shadow(lake: Lake, book: Book, spec: ScoreSpec, version: str, as_of: datetime) -> int:
    """Write down how the predictions came true that a version made in shadow; nothing is published."""
    settled = read_settled(lake, book, spec, as_of, occasion=Occasion.SHADOW, version=version)
    if settled is None or not settled.account_ids.size:
        return 0
    write_down(book, spec, settled)
    return int(settled.rows(Group.UNTOUCHED).sum())


def write_down(book: Book, spec: ScoreSpec, settled: Settled) -> None:
    """Keep figures of everybody, and of each group by what was done, with what is wrong."""
    version = settled.versions[0]
    for group in Group:
        rows = settled.rows(group)
        figures = describe_outcomes(settled.happened[rows], settled.predicted[rows])
        warnings: list[Warned] = []
        if group in PUBLISHED:
            warnings = [*judge_calibration(figures), *_base_rate(version, figures)]
        if group == Group.EVERYBODY:
            figures |= {"parts": _parts(book, settled), "opinions": opinions(book, spec.kind, settled)}
        record_check(
            finding=Finding(
                book=book,
                kind=spec.kind,
                model_version=version,
                topic=ModelCheck.Topic.OUTCOMES,
                as_of=settled.as_of,
                known_at=settled.known_at,
                figures=figures,
                findings=warnings,
                group=group,
            )
        )


def _parts(book: Book, settled: Settled) -> list[dict[str, Any]]:
    """Return the error by part. Of those acted on nothing is counted: what was prevented is no error."""
    free = ~settled.acted
    return error_by_part(book, settled.account_ids[free], settled.happened[free], settled.predicted[free])


def _base_rate(version: str, figures: dict[str, Any]) -> list[Warned]:
    """Compare how often it happened with the period on which the version was tested."""
    trained = ModelVersion.objects.filter(version=version).values_list("metrics", flat=True).first() or {}
    tested = trained.get("gate", {})
    if not tested.get("n") or not figures["n"]:
        return []
    moved = judge_base_rate(tested["positives"], tested["n"], figures["positives"], figures["n"])
    return [{"code": "base_rate_moved", **moved}] if moved["level"] != "steady" else []


def _bands(book: Book, spec: ScoreSpec, settled: Settled, group: Group) -> list[Reliability]:
    rows = settled.rows(group)
    if not rows.any():
        return []
    bins = reliability(settled.happened[rows], settled.predicted[rows], EDGES)
    return [_band(book, spec, settled, group, part) for part in bins if part.n]


def _band(book: Book, spec: ScoreSpec, settled: Settled, group: Group, part: ReliabilityBin) -> Reliability:
    return Reliability(
        book=book,
        kind=spec.kind,
        group=group,
        low=part.low,
        high=part.high,
        accounts=part.n,
        happened=part.positives,
        mean_predicted=part.mean_predicted or 0.0,
        interval_low=part.ci_low,
        interval_high=part.ci_high,
        predicted_from=settled.as_of,
        predicted_to=settled.as_of,
        model_versions=sorted(settled.versions),
    )
