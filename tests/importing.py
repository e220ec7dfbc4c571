"""Files on their way in, as a test sees them: written, received, mapped, checked, committed, undone."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.test import override_settings

import campaigns.tasks
import crm.tasks
from crm.models import ChangeSet, Import, Job, QuarantinedRow
from crm.services.file_imports import receive_file, save_mapping, start_commit, start_undo
from tests.factories import BookFactory

TASKS = {
    task.name: task
    for task in (
        crm.tasks.read_import,
        crm.tasks.check_import,
        crm.tasks.commit_import,
        crm.tasks.undo_change_set,
        campaigns.tasks.check_import,
        campaigns.tasks.commit_import,
    )
}


def csv_bytes(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> bytes:
    text = io.StringIO()
    names = list(columns or rows[0])
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def work(job: Job | None) -> Job:
    """Do a job as a worker would, and return it as it then stands."""
    assert job is not None
    # The heartbeat has a connection of its own, which does not see the row of a test's transaction.
    with override_settings(JOB_HEARTBEAT_SECONDS=3_600):
        TASKS[job.task].run(job_id=job.pk)
    done = Job.objects.get(pk=job.pk)
    assert done.state == Job.State.DONE, done.error
    return done


def received(
    kind: str, content: bytes, *, book: Any = None, name: str = "file.csv", **options: Any
) -> Import:
    made = receive_file(
        book=book or BookFactory(),
        kind=kind,
        source=options.pop("source", "erp"),
        owner=None,
        name=name,
        chunks=[content],
        options=options,
    )
    work(made.job)
    made.refresh_from_db()
    return made


def checked(
    kind: str,
    rows: Iterable[Mapping[str, Any]] | bytes,
    *,
    mapping: Mapping[str, Any] | None = None,
    **more: Any,
) -> Import:
    content = rows if isinstance(rows, bytes) else csv_bytes(list(rows))
    made = received(kind, content, **more)
    assert made.problem is None, made.problem
    work(save_mapping(source_import=made, mapping={**made.mapping, **(mapping or {})}, by=None))
    made.refresh_from_db()
    assert made.problem is None, made.problem
    return made


def committed(kind: str, rows: Iterable[Mapping[str, Any]] | bytes, **more: Any) -> Import:
    made = checked(kind, rows, **more)
    work(start_commit(source_import=made, by=None))
    made.refresh_from_db()
    assert made.state == Import.State.DONE
    return made


def undone(source_import: Import) -> ChangeSet:
    change_set = ChangeSet.objects.get(source_import=source_import)
    work(start_undo(change_set=change_set, by=None))
    change_set.refresh_from_db()
    return change_set


def verdicts(source_import: Import) -> dict[str, int]:
    """Return how many rows of each verdict there are, without those of which there are none."""
    return {verdict: rows for verdict, rows in source_import.counts["rows"].items() if rows}


def refusals(source_import: Import) -> dict[int, list[tuple[str, str, str]]]:
    """Return column, value and code of all that was wrong, by row."""
    rows = QuarantinedRow.objects.filter(source_import=source_import)
    return {
        row.row_number: [(error["column"], error["value"], error["code"]) for error in row.errors]
        for row in rows
    }
