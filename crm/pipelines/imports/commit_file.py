"""The commit: batch by batch, each a transaction that also says how far the import has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Identifier

from crm.models import AttributeDefinition, ChangeSet, Import
from crm.pipelines.imports.attempts import import_of, reporting_failure, run_of
from crm.pipelines.imports.check_file import (
    VERDICTS,
    forget_refusals,
    keep_verdicts,
    make_verdict_table,
    next_bound,
    prepare,
    resolve,
    verdicts_of,
)
from crm.pipelines.imports.kinds import SPECS
from crm.pipelines.imports.kinds.spec import Counts, FileRun, KindSql, Range
from crm.pipelines.imports.quarantine import put_aside, quarantine_rows, refused_when_written
from crm.pipelines.imports.reading import open_rows
from crm.pipelines.imports.staging import forget_staging, stage_rows
from crm.services.change_sets import open_change_set, record_inserted
from crm.services.file_imports import path_of
from crm.services.imports import mark_done
from crm.services.jobs import JobLostError, RunningJob, enqueue
from crm.services.source_days import record_source_day

ATTEMPTS_A_BATCH = 5  # somebody may write the same number at the same moment
ANALYSE_FROM = 1_000  # rows
_STANDING_DEFINITIONS = "SELECT key FROM crm_attributedefinition WHERE key = ANY(%s) FOR KEY SHARE"
NAMING = ("accounts", "contacts")  # kinds that may bring somebody whom the book has already


def run(job: RunningJob, specs: Mapping[str, KindSql] = SPECS) -> dict[str, Any]:
    """Write what the check let through, going on after the batches that an earlier attempt wrote."""
    source_import = import_of(job)
    if source_import.state != Import.State.COMMITTING:
        return {"import": source_import.pk, "unchanged": True}
    with reporting_failure(source_import) as outcome:
        change_set = open_change_set(
            kind=ChangeSet.Kind.IMPORT, owner=source_import.owner, source_import=source_import
        )
        file_run = run_of(source_import, change_set_id=change_set.pk)
        outcome.update(_commit(job, file_run, specs[source_import.layout], change_set))
    return {"import": source_import.pk, **outcome}


def _commit(job: RunningJob, run: FileRun, spec: KindSql, change_set: ChangeSet) -> dict[str, Any]:
    _ensure_staged(job, run, spec)
    resolve(run, spec)
    job.progress("committing", done=run.source_import.through_row, total=run.source_import.rows_read)
    while (through := next_bound(run, run.source_import.through_row)) is not None:
        _write_surely(job, run, spec, change_set, Range(run.source_import.through_row, through, is_real=True))
    counts = change_set.data
    if counts["rows"]["refuse"]:
        _complete_refusals(job, run)
    _analyse(spec, counts)
    with transaction.atomic():
        mark_done(run.source_import, counts=counts)
        record_source_day(run.source_import, missing=_missing(run), rows=sum(counts["rows"].values()))
        job.fence()
    forget_staging(run, with_verdicts=True)
    if run.source_import.layout in NAMING:
        enqueue(task="crm.find_duplicates", coalesces=True)
    return dict(counts)


def _ensure_definitions(cursor: CursorWrapper, run: FileRun) -> None:
    """Define the attributes that the file brings. None of them enters a model before somebody says so.

    They stay for this transaction: the undo of whoever made them would leave values without a name.
    """
    targets = [target or {} for target in run.source_import.mapping.values()]
    wanted = {one["key"]: one for one in (target.get("attribute") for target in targets) if one}
    if not wanted:
        return
    cursor.execute(_STANDING_DEFINITIONS, [list(wanted)])
    known = {key for (key,) in cursor.fetchall()}
    made = [
        AttributeDefinition.objects.create(
            key=key, label=one.get("label") or key, type=one["type"], is_known_before=False
        ).pk
        for key, one in wanted.items()
        if key not in known
    ]
    if made:
        ids = SQL("SELECT unnest({}::bigint[]) AS id").format(made)
        table = "crm_attributedefinition"
        record_inserted(cursor, change_set_id=run.change_set_id, table=table, ids=ids)


def _write_surely(job: RunningJob, run: FileRun, spec: KindSql, change_set: ChangeSet, batch: Range) -> None:
    """Write a batch; whoever wrote one of its numbers in between is seen when it is judged again."""
    for attempt in range(ATTEMPTS_A_BATCH):
        try:
            _write_batch(job, run, spec, change_set, batch)
        except IntegrityError:
            if attempt == ATTEMPTS_A_BATCH - 1:
                raise
        else:
            return


def _write_batch(job: RunningJob, run: FileRun, spec: KindSql, change_set: ChangeSet, batch: Range) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # Imports into one book take turns: both would make the same new rows.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"book {run.book.pk}"])
        prepare(cursor)
        _ensure_definitions(cursor, run)
        spec.judge(cursor, run, batch)
        if _lock_standing(cursor, spec):
            spec.judge(cursor, run, batch)  # as the rows stand now that nobody else may edit them
        keep_verdicts(cursor, run)
        forget_refusals(cursor, run)
        put_aside(cursor, run)
        verdicts = verdicts_of(cursor)
        data = _added(change_set.data, {"rows": verdicts, **spec.write(cursor, run)})
        ChangeSet.objects.filter(pk=change_set.pk).update(data=data)
        _move_on(run, batch)
        done = sum(data["rows"].values())
        job.progress(done=done, errors=data["rows"]["refuse"])
        job.fence()
    change_set.data, run.source_import.through_row = data, batch.through


def _lock_standing(cursor: CursorWrapper, spec: KindSql) -> int:
    """Lock the rows that the batch will update, lest an edit of this moment be lost; return how many."""
    cursor.execute(
        SQL(
            "SELECT count(*) FROM (SELECT FROM {} AS t WHERE id IN ({}) ORDER BY id FOR UPDATE OF t) AS l"
        ).format(Identifier(spec.tables[0]), SQL(spec.updated))
    )
    return int(cursor.fetchone()[0])


def _move_on(run: FileRun, batch: Range) -> None:
    mine = Import.objects.filter(
        pk=run.source_import.pk, state=Import.State.COMMITTING, through_row=batch.after
    )
    if not mine.update(through_row=batch.through):
        raise JobLostError  # cancelled, or another attempt was here


def _added(data: dict[str, Any], more: Counts) -> dict[str, Any]:
    total: dict[str, Any] = {"rows": dict.fromkeys(VERDICTS, 0), **data}
    for name, counts in more.items():
        before = total.get(name, {})
        total[name] = {key: before.get(key, 0) + counts.get(key, 0) for key in {**before, **counts}}
    return total


def _ensure_staged(job: RunningJob, run: FileRun, spec: KindSql) -> None:
    """Read the file again when the staging table is gone: after a crash of the database it is empty."""
    with connection.cursor() as cursor:
        if _count(cursor, run) == run.source_import.rows_read:
            return
    job.progress("reading")
    rows = open_rows(path_of(run.source_import), reading=run.source_import.reading)
    stage_rows(run, spec, rows, on_rows=lambda done: job.progress(done=done))
    make_verdict_table(run)


def _count(cursor: CursorWrapper, run: FileRun) -> int:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [run.staged])
    if not cursor.fetchone()[0]:
        return -1
    cursor.execute(run.sql("SELECT count(*) FROM {staged}"))
    return int(cursor.fetchone()[0])


def _missing(run: FileRun) -> dict[str, float]:
    """Return for each field with a column the share of rows that leave it empty."""
    fields = list(run.columns)
    shares = SQL(", ").join(
        SQL("1 - count({})::float / greatest(count(*), 1)").format(Identifier(field)) for field in fields
    )
    with connection.cursor() as cursor:
        cursor.execute(run.sql("SELECT {shares} FROM {staged}", shares=shares))
        return dict(zip(fields, cursor.fetchone(), strict=True))


def _complete_refusals(job: RunningJob, run: FileRun) -> None:
    """Give the rows that were put aside while they were written their cells as they stand in the file."""
    rows = open_rows(path_of(run.source_import), reading=run.source_import.reading)
    quarantine_rows(run, rows, refused=refused_when_written(run), on_rows=lambda _done: job.progress())


def _analyse(spec: KindSql, counts: Mapping[str, Any]) -> None:
    """Let the planner know of the many new rows at once: the next job reads them."""
    if sum(counts["rows"].values()) < ANALYSE_FROM:
        return
    with connection.cursor() as cursor:
        for table in spec.tables:
            cursor.execute(SQL("ANALYZE {}").format(Identifier(table)))
