"""The life of a file that is evaluated: received, read, run with the columns named, forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from analytics.models import Evaluation
from crm.models import Job, User
from crm.services.jobs import enqueue
from crm.services.stored_files import folder_of, remove_file, store_file

KEEP_FILES_DAYS = 30
FOLDER = "evaluations"
# Made beside the file once it is evaluated: what somebody downloads.
FILES = {"json": "result.json", "predictions": "predictions.csv", "pdf": "report.pdf"}
State = Evaluation.State


class EvaluationStateError(Exception):
    """It is at work, or its file is gone."""


def receive_evaluation(*, kind: str, name: str, chunks: Iterable[bytes], owner: User) -> Evaluation:
    """Store a file and start looking for its columns.

    :raises FileTooBigError: when there is more of it than `IMPORT_MAX_BYTES`; nothing is kept.
    """
    stored = store_file(kind=FOLDER, name=name, chunks=chunks)
    with transaction.atomic():
        made = Evaluation.objects.create(
            owner=owner, kind=kind, file_name=name[-255:], stored_name=stored.name, size_bytes=stored.size
        )
        _start(made, step="read", by=owner)
    return made


@transaction.atomic
def start_evaluation(*, evaluation: Evaluation, options: Mapping[str, Any], by: User) -> Job:
    """Start evaluating with these columns; done once, it may be done again with others.

    :raises EvaluationStateError: when its file is gone, is not read, or a job is at work on it.
    """
    kept = Evaluation.objects.select_for_update(of=("self",)).get(pk=evaluation.pk)
    if not is_ready(kept):
        raise EvaluationStateError(f"Evaluation {kept.pk} cannot be started now.")
    kept.options, kept.problem, kept.result, kept.state = dict(options), None, {}, State.RUNNING
    kept.save(update_fields=["options", "problem", "result", "state"])
    return _start(kept, step="run", by=by)


def is_ready(evaluation: Evaluation) -> bool:
    at_work = evaluation.job is not None and evaluation.job.is_live
    return bool(evaluation.stored_name and evaluation.columns) and not at_work


def path_of(evaluation: Evaluation, what: str = "") -> Path:
    """Return where its file is, or one of those made beside it."""
    path = folder_of(FOLDER) / evaluation.stored_name
    return path.with_name(FILES[what]) if what else path


def forget_old_evaluations() -> int:
    """Remove the files of evaluations that are a month old; their figures stay. Return how many."""
    past = Now() - timedelta(days=KEEP_FILES_DAYS)
    old = list(Evaluation.objects.filter(created_at__lt=past).exclude(stored_name=""))
    for evaluation in old:
        remove_file(kind=FOLDER, name=evaluation.stored_name)
        Evaluation.objects.filter(pk=evaluation.pk).update(stored_name="")
    return len(old)


def _start(evaluation: Evaluation, *, step: str, by: User) -> Job:
    job = enqueue(
        task="analytics.evaluate",
        scope=f"evaluation:{evaluation.pk}",
        params={"evaluation": evaluation.pk, "step": step},
        owner=by,
        coalesces=True,
    )
    Evaluation.objects.filter(pk=evaluation.pk).update(job=job)
    evaluation.job = job
    return job
