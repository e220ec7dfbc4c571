from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from analytics.models import ModelPolicy, ModelVersion, Run
from analytics.selectors.model_checks import Health, get_health, limits_of, parts_of
from crm.models import AttributeDefinition, Book, Reliability, Score
from crm.models.access import Principal

LIGHT = ("artifact",)  # megabytes that no page shows


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One kind of model of one book: what is live, and how many versions there have been."""

    live: ModelVersion | None
    latest: ModelVersion
    health: Health

    @property
    def shown(self) -> ModelVersion:
        return self.live or self.latest


@dataclass(frozen=True, slots=True)
class ModelPage:
    version: ModelVersion
    versions: list[ModelVersion]
    held: list[Reliability]
    runs: list[Run]
    health: Health
    policy: ModelPolicy
    labels: dict[str, str]  # of custom attributes, by the code of their reason

    @property
    def is_score(self) -> bool:
        return self.version.kind in Score.Kind.values

    @property
    def parts(self) -> list[dict[str, Any]]:
        """Return the error by part: of predictions that came due, else of the test period."""
        return parts_of(self.version, self.health)

    @property
    def limits(self) -> list[dict[str, Any]]:
        return limits_of(self.version, self.health)

    @property
    def gate(self) -> dict[str, Any]:
        return dict(self.version.metrics.get("gate", {}))

    @property
    def calibration(self) -> list[dict[str, Any]]:
        """The hold-out's bins, as the calibration plot wants them."""
        return [
            {
                "predicted": band["mean_predicted"],
                "observed": band["share"],
                "low": band["ci_low"],
                "high": band["ci_high"],
                "n": band["n"],
            }
            for band in self.version.metrics.get("reliability", [])
            if band["n"]
        ]

    @property
    def held_points(self) -> list[dict[str, Any]]:
        """What was predicted then against what has happened since."""
        return [
            {
                "predicted": band.mean_predicted,
                "observed": band.happened / band.accounts,
                "low": band.interval_low,
                "high": band.interval_high,
                "n": band.accounts,
            }
            for band in self.held
            if band.accounts
        ]


def list_models(principal: Principal) -> list[tuple[Book, list[ModelRow]]]:
    """Return every kind of model by book, the live version first."""
    versions = (
        ModelVersion.objects.visible_to(principal)
        .defer(*LIGHT)
        .select_related("book")
        .order_by("book__name", "kind", "-pk")
    )
    books: dict[int, Book] = {}
    groups: dict[tuple[int, str], list[ModelVersion]] = {}
    for version in versions:
        books[version.book_id] = version.book
        groups.setdefault((version.book_id, version.kind), []).append(version)
    health = get_health([_live(group) or group[0] for group in groups.values()], principal)
    rows: dict[int, list[ModelRow]] = {}
    for (book_id, _kind), group in groups.items():
        shown = _live(group) or group[0]
        rows.setdefault(book_id, []).append(ModelRow(_live(group), group[0], health[shown.version]))
    return [(books[book_id], rows[book_id]) for book_id in rows]


def get_model_page(version: ModelVersion, principal: Principal) -> ModelPage:
    siblings: QuerySet[ModelVersion] = (
        ModelVersion.objects.visible_to(principal)
        .filter(book=version.book_id, kind=version.kind)
        .defer(*LIGHT)
        .select_related("state_changed_by")
        .order_by("-pk")[:30]
    )
    held = Reliability.objects.filter(book=version.book_id, kind=version.kind, group="untouched")
    runs = Run.objects.filter(book=version.book_id, model_version=version.version).order_by("-pk")
    policy = ModelPolicy.objects.filter(book=version.book_id, kind=version.kind).first()
    return ModelPage(
        version,
        list(siblings),
        list(held.order_by("low")),
        list(runs[:10]),
        get_health([version], principal)[version.version],
        policy or ModelPolicy(book=version.book, kind=version.kind),
        {f"attribute:{key}": label for key, label in AttributeDefinition.objects.values_list("key", "label")},
    )


def _live(versions: list[ModelVersion]) -> ModelVersion | None:
    return next((v for v in versions if v.state == ModelVersion.State.LIVE), None)
