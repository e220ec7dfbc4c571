"""The first look at a file: its format, its columns, a sample, and where its columns may go."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from crm.models import Import, User
from crm.pipelines.imports.attempts import import_of, reporting_failure
from crm.pipelines.imports.reading import Rows, first_rows, open_rows
from crm.pipelines.imports.values import as_text, column_types, guess_formats
from crm.selectors.import_mapping import guess_mapping
from crm.services.file_imports import (
    OPTIONS,
    MappingError,
    kind_of,
    path_of,
    remembered_mapping,
    save_mapping,
)
from crm.services.imports import mark_refused
from crm.services.jobs import RunningJob
from crm.services.refusals import PREVIEW_ROWS

SAMPLE_ROWS = 200  # of which the first 20 are shown
SHOWN = 500  # characters of a cell: every list of imports would carry it along


def run(job: RunningJob) -> dict[str, Any]:
    """Look into the file. Looking twice finds the same."""
    source_import = import_of(job)
    if source_import.state not in (Import.State.UPLOADED, Import.State.FAILED):
        return {"import": source_import.pk, "unchanged": True}
    job.progress("reading")
    with reporting_failure(source_import) as outcome:
        rows = open_rows(path_of(source_import), reading=source_import.reading)
        _remember(job, source_import, rows)
        outcome.update({"format": rows.format, "columns": len(rows.columns)})
        if job.params.get("goes_on"):
            _go_on(job, source_import)
    return {"import": source_import.pk, **outcome}


def _remember(job: RunningJob, source_import: Import, rows: Rows) -> None:
    sample = first_rows(rows, SAMPLE_ROWS)
    cells = [row for _number, row in sample]
    remembered = remembered_mapping(kind=source_import.layout, columns=rows.columns)
    given = {name: value for name, value in source_import.reading.items() if name in OPTIONS}
    options = {
        "is_history": False,
        **guess_formats(cells),
        **(remembered.reading if remembered else {}),
        **given,
    }
    types = column_types(rows.columns, cells, decimal=options["decimal"], date_order=options["date_order"])
    source_import.format, source_import.columns = rows.format, rows.columns
    source_import.reading = {
        **rows.reading,
        **options,
        "types": types,
        "sample": [[as_text(cell)[:SHOWN] for cell in row] for row in cells[:PREVIEW_ROWS]],
        "sample_numbers": [number for number, _row in sample[:PREVIEW_ROWS]],
    }
    if not job.params.get("is_mapped"):
        guessed = guess_mapping(kind_of(source_import), rows.columns)
        source_import.mapping = remembered.mapping if remembered else guessed
    source_import.state, source_import.problem = Import.State.UPLOADED, None
    with transaction.atomic():
        source_import.save(update_fields=["format", "columns", "reading", "mapping", "state", "problem"])
        job.fence()


def _go_on(job: RunningJob, source_import: Import) -> None:
    """Start the check without anybody looking at the mapping."""
    owner = User.objects.filter(pk=job.owner_id or 0).first()
    try:
        save_mapping(source_import=source_import, mapping=source_import.mapping, by=owner, goes_on=True)
    except MappingError as error:
        mark_refused(source_import, problem={"code": "mapping", "data": {"problems": list(error.problems)}})
