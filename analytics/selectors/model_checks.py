"""What monitoring found, as the pages show it; words are made by the templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from analytics.models import ModelCheck, ModelVersion
from crm.models import Book
from crm.models.access import Principal

Topic, Group = ModelCheck.Topic, ModelCheck.Group

# What a finding says on a badge, and in which order badges stand.
BADGES = {
    "slope_left_range": "miscalibrated",
    "calibration_error": "miscalibrated",
    "base_rate_moved": "drifting",
    "inputs_moved": "drifting",
    "low_coverage": "low_coverage",
    "book_is_quiet": "quiet",
}
ORDER = ("miscalibrated", "drifting", "low_coverage", "quiet")
WIDE_INTERVAL = 0.1  # of an AUC: the test says little


@dataclass(frozen=True, slots=True)
class Health:
    """The newest checks of one version, one of each topic and group."""

    checks: Sequence[ModelCheck] = ()

    @property
    def badges(self) -> list[str]:
        """Return what is wrong, in the order in which it matters."""
        found = {BADGES.get(str(finding.get("code"))) for check in self.checks for finding in check.findings}
        return [badge for badge in ORDER if badge in found]

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Return what is wrong, each thing once; of the inputs only that which moved most."""
        said: dict[str, dict[str, Any]] = {}
        for check in self.checks:
            if check.topic != Topic.RECALIBRATION:
                for finding in check.findings:
                    said.setdefault(str(finding["code"]), finding)
        return list(said.values())

    @property
    def groups(self) -> list[ModelCheck]:
        """Return how predictions came true, by what was done, where there were any accounts."""
        outcomes = {check.group: check for check in self.checks if check.topic == Topic.OUTCOMES}
        return [outcomes[group] for group in Group if group in outcomes and outcomes[group].figures["n"]]

    @property
    def everybody(self) -> ModelCheck | None:
        return next((check for check in self.groups if check.group == Group.EVERYBODY), None)

    @property
    def inputs(self) -> ModelCheck | None:
        return self._of(Topic.INPUTS)

    @property
    def coverage(self) -> ModelCheck | None:
        return self._of(Topic.COVERAGE)

    @property
    def proposal(self) -> ModelCheck | None:
        """Return the proposed recalibration, unless newer outcomes have made it superfluous."""
        proposal, everybody = self._of(Topic.RECALIBRATION), self.everybody
        is_current = everybody is None or (proposal is not None and proposal.as_of >= everybody.as_of)
        return proposal if is_current else None

    def _of(self, topic: str) -> ModelCheck | None:
        return next((check for check in self.checks if check.topic == topic), None)


def get_health(versions: Iterable[ModelVersion], principal: Principal) -> dict[str, Health]:
    """Return the newest checks by the versions' names; a version never checked has none."""
    names = [version.version for version in versions]
    newest = (
        ModelCheck.objects.visible_to(principal)
        .filter(model_version__in=names)
        .exclude(topic=Topic.PROFILE)
        .order_by("model_version", "topic", "group", "-as_of")
        .distinct("model_version", "topic", "group")
    )
    checks: dict[str, list[ModelCheck]] = {name: [] for name in names}
    for check in newest:
        checks[check.model_version].append(check)
    return {name: Health(tuple(found)) for name, found in checks.items()}


def badges_of_book(book: Book) -> Mapping[str, list[str]]:
    """Return, by kind of score, what is wrong with the live model: for those who read its scores."""
    live = ModelVersion.objects.filter(book=book, state=ModelVersion.State.LIVE)
    newest = (
        ModelCheck.objects.filter(book=book, model_version__in=live.values("version"))
        .exclude(topic__in=[Topic.PROFILE, Topic.COVERAGE])
        .order_by("model_version", "topic", "group", "-as_of")
        .distinct("model_version", "topic", "group")
        .only("kind", "topic", "group", "findings")
    )
    kinds: dict[str, list[ModelCheck]] = {}
    for check in newest:
        kinds.setdefault(check.kind, []).append(check)
    return {kind: Health(checks).badges for kind, checks in kinds.items()}


def limits_of(version: ModelVersion, health: Health) -> list[dict[str, Any]]:
    """Return what the version can't be used for, as codes and values."""
    gate = version.metrics.get("gate", {})
    limits: list[dict[str, Any]] = [{"code": f"population_{version.kind}"}, {"code": "foretells_only"}]
    if version.metrics.get("protocol") == "accounts":
        limits.append({"code": "no_later_period"})
    if gate.get("auc_low") is not None and gate["auc_high"] - gate["auc_low"] > WIDE_INTERVAL:
        limits.append({"code": "small_test", "n": gate["n"], "positives": gate["positives"]})
    if recalibrated := version.metrics.get("recalibrated"):
        limits.append({"code": "recalibrated", **recalibrated})
        if recalibrated["uncovered_share"] > 0.0:
            limits.append({"code": "uncovered", "share": recalibrated["uncovered_share"]})
    if health.everybody is None:
        limits.append({"code": "not_due", "from": first_due(version).isoformat()})
    off = [(split, part) for split in parts_of(version, health) for part in split["parts"] if part["is_off"]]
    limits += [
        {"code": "off_for_part", "attribute": split["attribute"], "label": split["label"], **part}
        for split, part in off
    ]
    return limits


def parts_of(version: ModelVersion, health: Health) -> list[dict[str, Any]]:
    """Return the error by part: of predictions that came due, else of the test period."""
    settled = health.everybody.figures.get("parts") if health.everybody else None
    return list(settled or version.metrics.get("parts", []))


def first_due(version: ModelVersion) -> datetime:
    """Return when the first predictions that the version can have made come due."""
    return version.trained_at + timedelta(days=version.horizon_days)
