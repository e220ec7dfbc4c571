"""The job of a file that was handed in: look for its columns, or evaluate with those that were named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from analytics.models import Evaluation
from analytics.pipelines.evaluation.pdf import write_pdf
from analytics.pipelines.evaluation.reading import BadInput, Table, read_table
from analytics.pipelines.evaluation.running import run_evaluation
from analytics.services.evaluations import path_of
from crm.services.job_runs import RunningJob

State = Evaluation.State
METHODS = 7  # ours and those beside it: so far does the bar go


def run(job: RunningJob) -> dict[str, Any]:
    """Do the step that the job was made for. Done twice, it leaves the same."""
    evaluation = Evaluation.objects.get(pk=job.params["evaluation"])
    job.progress("reading")
    try:
        table = read_table(path_of(evaluation))
        changes = _columns(table) if job.params["step"] == "read" else _evaluated(job, evaluation, table)
    except BadInput as error:
        changes = {"state": State.FAILED, "problem": {"code": error.code, "data": _plain(error.data)}}
    Evaluation.objects.filter(pk=evaluation.pk).update(**changes)
    return {"evaluation": str(evaluation.public_id), "state": str(changes["state"])}


def _columns(table: Table) -> dict[str, Any]:
    return {"state": State.READ, "columns": [str(name) for name in table.frame.columns], "problem": None}


def _evaluated(job: RunningJob, evaluation: Evaluation, table: Table) -> dict[str, Any]:
    seen: list[str] = []

    def progress(what: str, done: int, total: int) -> None:
        if what not in seen:
            seen.append(what)
        share = done / total if total else 0.0
        job.progress("evaluating", done=round(100 * (len(seen) - 1 + share)), total=100 * METHODS)

    result, predictions = run_evaluation(evaluation.kind, table, evaluation.options, progress=progress)
    job.progress(done=100 * METHODS, total=100 * METHODS)
    _write(evaluation, result, predictions)
    return {"state": State.DONE, "result": result, "problem": None}


def _write(evaluation: Evaluation, result: dict[str, Any], predictions: pd.DataFrame | None) -> None:
    text = json.dumps(result, ensure_ascii=False, allow_nan=False, indent=1)
    path_of(evaluation, "json").write_text(text, encoding="utf-8")
    if predictions is not None:
        predictions.to_csv(path_of(evaluation, "predictions"), index=False)
    write_pdf(path_of(evaluation, "pdf"), evaluation.kind, evaluation.file_name, result)


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    """Return what a column of JSON can hold; of the server's own paths only the name."""
    shown = {name: value.name if isinstance(value, Path) else value for name, value in data.items()}
    return {
        name: [str(part) for part in value] if isinstance(value, list | tuple) else str(value)
        for name, value in shown.items()
    }
