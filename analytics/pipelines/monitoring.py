"""Every night after scoring: do the models still hold, and what would mend those that don't?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from django.conf import settings

from analytics.artifacts import is_usable, unpack
from analytics.lake import Lake, open_lake, refresh
from analytics.models import ModelVersion, Prediction
from analytics.pipelines.editions import edition_of, live_version
from analytics.pipelines.inputs import check_coverage, check_inputs
from analytics.pipelines.matrices import load_matrix
from analytics.pipelines.moments import moment_of
from analytics.pipelines.recalibrating import mend, propose
from analytics.pipelines.reliability import hold, hold_shadow
from analytics.pipelines.scoring import A_WEEK
from analytics.pipelines.settled import read_settled
from analytics.pipelines.specs import ScoreSpec, specs_of
from analytics.services.model_versions import policy_of
from analytics.services.predictions import keep_shadow
from crm.models import Account, Book, Job
from crm.services.job_runs import RunningJob
from crm.services.jobs import enqueue


def run(job: RunningJob) -> dict[str, Any]:
    """Look after every score of book `params["book"]`; without one, hand each book to a job of its own.

    Running it twice leaves the same rows.
    """
    if "book" not in job.params:
        return _hand_out(job)
    book = Book.objects.get(code=job.params["book"])
    job.progress("extract")
    refresh(progress=job.progress)
    with open_lake() as lake:
        as_of = moment_of(lake, book, job.params.get("as_of"))
        return {spec.kind.value: look_after(lake, book, spec, as_of, job) for spec in specs_of(book)}


def _hand_out(job: RunningJob) -> dict[str, Any]:
    parent = Job.objects.get(pk=job.id)
    books = list(Book.objects.order_by("pk"))
    for book in books:
        enqueue(
            task="analytics.monitor",
            scope=f"book:{book.code}",
            params={"book": book.code},
            coalesces=True,
            parent=parent,
        )
    return {"books": len(books)}


def look_after(
    lake: Lake, book: Book, spec: ScoreSpec, as_of: datetime, job: RunningJob | None = None
) -> dict[str, Any]:
    """Hold, check and, where it is asked for, mend the live version of a kind; keep shadow company."""
    if job is not None:
        job.progress("hold")
    done: dict[str, Any] = {"held": hold(lake, book, spec, as_of)}
    live = live_version(book, spec.kind)
    if live is not None:
        inputs = check_inputs(lake, spec, live, as_of)
        check_coverage(book, live, as_of)
        done["drifting"] = len(inputs.findings) if inputs is not None else 0
        done |= _mend_if_due(lake, spec, live, as_of, job)
    for version in _in_shadow(book, spec):
        done["shadow"] = _keep_shadow(lake, book, spec, version, as_of)
        hold_shadow(lake, book, spec, version.version, as_of)
    return done


def _mend_if_due(
    lake: Lake, spec: ScoreSpec, live: ModelVersion, as_of: datetime, job: RunningJob | None
) -> dict[str, Any]:
    """Propose a recalibration and, where the policy says so, make it at once."""
    book = live.book
    settled = read_settled(lake, book, spec, as_of, version=live.version)
    if settled is None or propose(book, live, settled) is None:
        return {}
    if not policy_of(book, spec.kind).recalibrates_itself or _was_tried(live):
        return {"proposed": True}
    mended = mend(lake, live, as_of, in_shadow=False, job=job)
    return {"proposed": True, "mended": mended.version, "state": mended.state}


def _was_tried(live: ModelVersion) -> bool:
    """Say whether the gate has refused a repair of this version: it isn't tried again every night."""
    return ModelVersion.objects.filter(
        book=live.book_id, kind=live.kind, metrics__recalibrated__from=live.version
    ).exists()


def _in_shadow(book: Book, spec: ScoreSpec) -> list[ModelVersion]:
    versions = ModelVersion.objects.filter(book=book, kind=spec.kind, state=ModelVersion.State.SHADOW)
    return [version for version in versions.select_related("book") if is_usable(version)]


def _keep_shadow(lake: Lake, book: Book, spec: ScoreSpec, version: ModelVersion, as_of: datetime) -> int:
    """Keep what the version says of everybody, once a week as for the live one. Nothing is published."""
    last = (
        Prediction.objects.filter(
            book=book, kind=spec.kind, occasion=Prediction.Occasion.SHADOW, model_version=version.version
        )
        .order_by("-as_of")
        .values_list("as_of", flat=True)
        .first()
    )
    if last is not None and last != as_of and as_of - last < A_WEEK:
        return 0
    model, kept = unpack(version), 0
    edition = edition_of(version, as_of)
    for ids in _ranges(book):
        matrix = load_matrix(lake, book=book, as_of=as_of, account_ids=ids, names=version.feature_names)
        scored = np.intersect1d(matrix.account_ids, spec.population(lake, book, matrix, as_of))
        if scored.size:
            probability = model.predict_proba(matrix.rows_of(scored).columns(version.feature_names))[:, 1]
            pairs = zip(scored.tolist(), probability.tolist(), strict=True)
            kept += keep_shadow(kind=spec.kind, edition=edition, values=pairs)
    return kept


def _ranges(book: Book) -> list[list[int]]:
    ids = list(Account.objects.filter(book=book).order_by("pk").values_list("pk", flat=True))
    size = settings.ACCOUNTS_PER_RANGE
    return [ids[at : at + size] for at in range(0, len(ids), size)]
