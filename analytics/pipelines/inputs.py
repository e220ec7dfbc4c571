"""Whether accounts still look like those that a model was trained on, and whether they are scored."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from django.db.models import QuerySet
from django.db.models.functions import TruncDate
from numpy.typing import NDArray

from analytics.artifacts import unpack
from analytics.lake import Lake
from analytics.ml.monitoring import judge_inputs
from analytics.ml.psi import Profile, profile_of
from analytics.models import ModelCheck, ModelVersion
from analytics.pipelines.matrices import load_matrix
from analytics.pipelines.reasons import groups_of
from analytics.pipelines.specs import ScoreSpec
from analytics.services.model_checks import Finding, record_check
from crm.models import Account, Book, Invoice, Order, Payment, Score

SAMPLE = 5_000  # accounts: enough to tell a shift of 0.1 from chance, and as cheap for a million
SCORE = "score"
CLOCKS = {"tenure_days"}
MOST_KEPT = 20  # columns that moved most
LEAST_WEIGHT = 0.1  # of all reasons together, by how far each moves the score
FRESH_FOR = timedelta(days=8)
LOW_COVERAGE = 0.8  # of the accounts that ordered or were billed within a year
QUIET_DAYS = 7
LOOK_BACK_DAYS = 365

Topic = ModelCheck.Topic


def check_inputs(lake: Lake, spec: ScoreSpec, version: ModelVersion, as_of: datetime) -> ModelCheck | None:
    """Write down how far features and scores are from training; None where there is nobody to look at.

    The features of the last training cut-off can be computed again, so nothing need have been kept;
    they are profiled once for each version.
    """
    sample = _sample(version.book)
    profiles = _profiles(lake, spec, version, sample)
    columns = _columns(lake, spec, version, as_of, sample)
    if not profiles or not columns:
        return None
    shifts = judge_inputs(profiles, columns | _as_in_training(version, columns, as_of))
    groups = groups_of(row["name"] for row in shifts)
    for row in shifts:
        row["code"] = SCORE if row["name"] == SCORE else groups[row["name"]]
    return record_check(
        finding=Finding(
            book=version.book,
            kind=version.kind,
            model_version=version.version,
            topic=Topic.INPUTS,
            as_of=as_of,
            known_at=as_of,
            figures={"columns": len(shifts), "shifts": shifts[:MOST_KEPT]},
            findings=[
                {"code": "inputs_moved", "name": row["name"], "what": row["code"], "index": row["index"]}
                for row in shifts
                if row["level"] == "drifting" and _matters(version, row["code"])
            ],
        )
    )


def _matters(version: ModelVersion, code: str) -> bool:
    """Say whether what moved moves the score: the score itself, and reasons of some weight.

    An input that hardly counts is listed with its index and raises no alarm.
    """
    spread = {row["code"]: float(row["spread"]) for row in version.metrics.get("features", [])}
    if code == SCORE or code not in spread:
        return True
    return spread[code] >= LEAST_WEIGHT * sum(spread.values())


def _sample(book: Book) -> list[int]:
    """Return accounts at equal steps through the book, the same from night to night while it stays."""
    ids = np.fromiter(Account.objects.filter(book=book).order_by("pk").values_list("pk", flat=True), np.int64)
    step = max(1, -(-ids.size // SAMPLE))
    return [int(account) for account in ids[::step]]


def _profiles(lake: Lake, spec: ScoreSpec, version: ModelVersion, sample: list[int]) -> dict[str, Profile]:
    kept = ModelCheck.objects.filter(model_version=version.version, topic=Topic.PROFILE).first()
    if kept is not None:
        return {name: Profile(**profile) for name, profile in kept.figures.items()}
    if version.trained_to is None:
        return {}
    columns = _columns(lake, spec, version, version.trained_to, sample)
    profiles = {name: profile_of(values) for name, values in columns.items()}
    if profiles:
        record_check(
            finding=Finding(
                book=version.book,
                kind=version.kind,
                model_version=version.version,
                topic=Topic.PROFILE,
                as_of=version.trained_to,
                known_at=version.trained_to,
                figures={name: profile._asdict() for name, profile in profiles.items()},
            )
        )
    return profiles


def _columns(
    lake: Lake, spec: ScoreSpec, version: ModelVersion, as_of: datetime, sample: list[int]
) -> dict[str, NDArray[np.float64]]:
    """Return features and log-odds of those of the sample who are scored at the moment."""
    book = version.book
    matrix = load_matrix(lake, book=book, as_of=as_of, account_ids=sample, names=version.feature_names)
    ids = np.intersect1d(matrix.account_ids, spec.population(lake, book, matrix, as_of))
    if not ids.size:
        return {}
    X = matrix.rows_of(ids).columns(version.feature_names)
    columns = {name: X[:, at] for at, name in enumerate(version.feature_names)}
    return columns | {SCORE: unpack(version).decision_function(X)}


def _as_in_training(
    version: ModelVersion, columns: dict[str, NDArray[np.float64]], as_of: datetime
) -> dict[str, NDArray[np.float64]]:
    """Return what grows by a day each day as it would have been in training.

    That everybody has been a customer for longer since then is no news; when they came is.
    """
    if version.trained_to is None:
        return {}
    passed_days = (as_of - version.trained_to) / timedelta(days=1)
    return {name: values - passed_days for name, values in columns.items() if name in CLOCKS}


def check_coverage(book: Book, version: ModelVersion, as_of: datetime) -> ModelCheck:
    """Write down how old the newest fact of the book is, and how many accounts have a fresh score."""
    active = Account.objects.filter(book=book, pk__in=_active(version, as_of)).count()
    scores = Score.objects.filter(account__book=book, kind=version.kind)
    scored, fresh = scores.count(), scores.filter(as_of__gte=as_of - FRESH_FOR).count()
    silence = _silence(book, as_of)
    findings: list[dict[str, Any]] = []
    if active and fresh < LOW_COVERAGE * active:
        findings.append({"code": "low_coverage", "scored": fresh, "active": active})
    if silence["days"] is None or silence["days"] > silence["limit_days"]:
        findings.append({"code": "book_is_quiet", **silence})
    return record_check(
        finding=Finding(
            book=book,
            kind=version.kind,
            model_version=version.version,
            topic=Topic.COVERAGE,
            as_of=as_of,
            known_at=as_of,
            figures={"active": active, "scored": scored, "fresh": fresh, **silence},
            findings=findings,
        )
    )


def _active(version: ModelVersion, as_of: datetime) -> QuerySet[Order, int] | QuerySet[Invoice, int]:
    """Return those whom this score is about: one book may have scores of both sorts."""
    book, since = version.book, as_of - timedelta(days=LOOK_BACK_DAYS)
    if version.kind == Score.Kind.PAYMENT_RISK:
        return Invoice.objects.filter(book=book, issued_at__range=(since, as_of)).values_list(
            "account_id", flat=True
        )
    orders = Order.objects.filter(book=book, kind=Order.Kind.SALE, placed_at__range=(since, as_of))
    return orders.values_list("account_id", flat=True)


def _silence(book: Book, as_of: datetime) -> dict[str, Any]:
    """Return days since the newest fact, and how many would be unusual: twice the longest gap of a year."""
    window = (as_of - timedelta(days=LOOK_BACK_DAYS), as_of)
    days = (
        _days(Order.objects.filter(book=book, placed_at__range=window), "placed_at")
        | _days(Invoice.objects.filter(book=book, issued_at__range=window), "issued_at")
        | _days(Payment.objects.filter(account__book=book, paid_at__range=window), "paid_at")
    )
    if not days:
        return {"days": None, "limit_days": QUIET_DAYS}
    ordered = sorted(days)
    longest = max(((later - earlier).days for earlier, later in pairwise(ordered)), default=0)
    silent = (as_of.date() - ordered[-1]).days
    return {"days": silent, "limit_days": max(QUIET_DAYS, 2 * longest)}


def _days(facts: QuerySet[Any], column: str) -> set[date]:
    return set(facts.order_by().annotate(day=TruncDate(column)).values_list("day", flat=True).distinct())
