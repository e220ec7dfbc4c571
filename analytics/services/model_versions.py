"""The life of a model: trained → evaluated → live → retired, or rejected with the reasons."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models.functions import Now

from analytics.models import ModelPolicy, ModelVersion
from crm.models import Book, User
from crm.services.feed import record_change
from crm.services.job_runs import RunningJob, fence

if TYPE_CHECKING:  # web processes promote and retire versions, and carry no numeric libraries
    from analytics.artifacts import Artifact

State = ModelVersion.State


class ModelStateError(ValueError):
    """The move is not allowed from the state that the version is in."""


@dataclass(frozen=True, slots=True)
class Training:
    """What was trained, on what, and how it did on later data."""

    book: Book
    kind: str
    horizon_days: int
    as_of: datetime
    artifact: "Artifact"
    feature_names: list[str]
    trained_from: datetime | None = None
    trained_to: datetime | None = None
    metrics: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def admit(
    *,
    training: Training,
    passed: bool,
    reasons: list[dict[str, Any]],
    in_shadow: bool | None = None,
    job: RunningJob | None = None,
) -> ModelVersion:
    """Store a version with what the gate said of it, both or neither.

    Killed in between, the version would wait for its verdict for ever and the next attempt make another.
    """
    version = store_version(training=training)
    judge(version=version, passed=passed, reasons=reasons, in_shadow=in_shadow)
    fence(job)
    version.refresh_from_db(fields=["state", "verdict"])
    return version


@transaction.atomic
def store_version(*, training: Training) -> ModelVersion:
    """Store a trained model under the next number of its kind."""
    number = _next_number(training.book, training.kind)
    return ModelVersion.objects.create(
        book=training.book,
        kind=training.kind,
        version=f"{training.book.code}-{training.kind.replace('_', '-')}-{number}",
        horizon_days=training.horizon_days,
        as_of=training.as_of,
        trained_from=training.trained_from,
        trained_to=training.trained_to,
        feature_names=training.feature_names,
        library_versions=training.artifact.library_versions,
        metrics=training.metrics,
        artifact=training.artifact.data,
        sha256=training.artifact.sha256,
    )


@transaction.atomic
def judge(
    *, version: ModelVersion, passed: bool, reasons: list[dict[str, Any]], in_shadow: bool | None = None
) -> None:
    """Write down what the gate said; a version that passed is live from now on.

    It waits in shadow instead where the model's policy says so, or as `in_shadow` says.
    """
    _move(version, {State.TRAINED}, State.EVALUATED if passed else State.REJECTED, None)
    ModelVersion.objects.filter(pk=version.pk).update(verdict={"passed": passed, "reasons": reasons})
    if not passed:
        return
    if in_shadow is None:
        in_shadow = policy_of(version.book, version.kind).waits_in_shadow
    if in_shadow:
        enter_shadow(version=version, by=None)
    else:
        promote(version=version, by=None)


@transaction.atomic
def enter_shadow(*, version: ModelVersion, by: User | None) -> None:
    """Have this version predict beside the live one, unpublished; one that did so far steps back.

    :raises ModelStateError: unless the gate has let it through and it has not been live.
    """
    _lock(version.book_id, version.kind)
    version.refresh_from_db(fields=["state"])
    others = ModelVersion.objects.filter(book=version.book_id, kind=version.kind, state=State.SHADOW)
    for other in others.exclude(pk=version.pk):
        _move(other, {State.SHADOW}, State.EVALUATED, by)
    _move(version, {State.EVALUATED}, State.SHADOW, by)


def policy_of(book: Book, kind: str) -> ModelPolicy:
    """Return what a model may do by itself; the defaults, unsaved, where nobody has said."""
    policy = ModelPolicy.objects.filter(book=book, kind=kind).first()
    return policy or ModelPolicy(book=book, kind=kind)


@transaction.atomic
def set_policy(
    *, book: Book, kind: str, waits_in_shadow: bool, recalibrates_itself: bool, by: User
) -> ModelPolicy:
    """Say what a model may do by itself. Saying it again changes nothing but who said it last."""
    policy, _made = ModelPolicy.objects.update_or_create(
        book=book,
        kind=kind,
        defaults={
            "waits_in_shadow": waits_in_shadow,
            "recalibrates_itself": recalibrates_itself,
            "changed_by": by,
            "changed_at": Now(),
        },
    )
    return policy


@transaction.atomic
def promote(*, version: ModelVersion, by: User | None) -> None:
    """Make this version the live one of its book and kind; the live one so far retires.

    :raises ModelStateError: if it is live already, was never evaluated, or was rejected.
    """
    _lock(version.book_id, version.kind)
    version.refresh_from_db(fields=["state"])
    live = ModelVersion.objects.filter(book=version.book_id, kind=version.kind, state=State.LIVE)
    if version.state not in {State.EVALUATED, State.SHADOW, State.RETIRED}:
        raise ModelStateError(f"{version.version} is {version.state} and can't go live.")
    for former in live:
        _move(former, {State.LIVE}, State.RETIRED, by)
    _move(version, {State.EVALUATED, State.SHADOW, State.RETIRED}, State.LIVE, by)
    record_change(kind="model.promoted", object_id=version.pk, data={"version": version.version})


@transaction.atomic
def roll_back(*, version: ModelVersion, by: User | None) -> ModelVersion:
    """Put the version that was live before this one back into service and return it.

    :raises ModelStateError: if this one is live no more, or there has been no other live version.
    """
    _lock(version.book_id, version.kind)
    version.refresh_from_db(fields=["state"])
    if version.state != State.LIVE:
        raise ModelStateError(f"{version.version} is {version.state}: it has been rolled back already.")
    former = former_version(version)
    if former is None:
        raise ModelStateError(f"There is no earlier live version of {version.kind} to go back to.")
    promote(version=former, by=by)
    return former


def former_version(version: ModelVersion) -> ModelVersion | None:
    """Return the version that was live last before the present one."""
    retired = ModelVersion.objects.filter(book=version.book_id, kind=version.kind, state=State.RETIRED)
    return retired.order_by("-state_changed_at", "-pk").first()


def _move(version: ModelVersion, allowed: set[State], to: State, by: User | None) -> None:
    moved = ModelVersion.objects.filter(pk=version.pk, state__in=allowed).update(
        state=to, state_changed_at=Now(), state_changed_by=by
    )
    if not moved:
        raise ModelStateError(f"{version.version} can't become {to} from its present state.")
    version.state = to


def _next_number(book: Book, kind: str) -> int:
    _lock(book.pk, kind)
    versions = ModelVersion.objects.filter(book=book, kind=kind).values_list("version", flat=True)
    return 1 + max((model_number(name) for name in versions), default=0)


def model_number(version: str) -> int:
    """Return the running number at the end of a version's name.

    >>> model_number("wholesale-churn-12")
    12
    """
    match = re.search(r"-(\d+)$", version)
    return int(match.group(1)) if match else 0


def _lock(book_id: int, kind: str) -> None:
    """Let one transaction at a time change which version of a kind is live."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [kind, book_id])
