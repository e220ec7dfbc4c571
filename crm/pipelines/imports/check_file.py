"""The check: every row read, resolved and judged, and nothing written but what will become of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Identifier

from crm.models import Import, QuarantinedRow
from crm.pipelines.imports.attempts import import_of, reporting_failure, run_of
from crm.pipelines.imports.contracts import check_staged
from crm.pipelines.imports.kinds import SPECS
from crm.pipelines.imports.kinds.spec import FileRun, KindSql, Range
from crm.pipelines.imports.quarantine import quarantine_rows, refused_when_checked
from crm.pipelines.imports.reading import open_rows
from crm.pipelines.imports.staging import stage_rows
from crm.services.file_imports import path_of, start_commit
from crm.services.imports import mark_checked
from crm.services.jobs import RunningJob
from crm.services.refusals import verdict_table

ROWS_A_BATCH = 50_000
SHOWN_VERDICTS = 1_000  # of the first rows, refused or not
VERDICTS = ("create", "update", "skip", "refuse")
CHECKABLE = (Import.State.MAPPED, Import.State.VALIDATED, Import.State.FAILED)


def run(job: RunningJob, specs: Mapping[str, KindSql] = SPECS) -> dict[str, Any]:
    """Judge every row of the file. Checking again forgets what was found before."""
    source_import = import_of(job)
    if source_import.state not in CHECKABLE or source_import.through_row:
        return {"import": source_import.pk, "unchanged": True}
    with reporting_failure(source_import) as outcome:
        outcome.update(_check(job, run_of(source_import), specs[source_import.layout]))
        if job.params.get("goes_on"):
            start_commit(source_import=source_import, by=source_import.owner)
    return {"import": source_import.pk, **outcome}


def _check(job: RunningJob, run: FileRun, spec: KindSql) -> dict[str, Any]:
    job.progress("reading")
    rows = open_rows(path_of(run.source_import), reading=run.source_import.reading)
    read = stage_rows(run, spec, rows, on_rows=lambda done: job.progress(done=done))
    job.progress("checking", done=0, total=read)
    if job.params.get("goes_on"):  # whoever looks at it decides about it
        check_staged(run)
    counts: Counter[str] = Counter()
    make_verdict_table(run)
    resolve(run, spec)
    for batch in ranges(run):
        with transaction.atomic(), connection.cursor() as cursor:
            prepare(cursor)
            spec.judge(cursor, run, batch)
            keep_verdicts(cursor, run)
            counts.update(verdicts_of(cursor))
        job.progress(done=counts.total(), errors=counts["refuse"])
    QuarantinedRow.objects.filter(source_import=run.source_import).delete()
    quarantine_rows(run, rows, refused=refused_when_checked(run), on_rows=lambda _done: job.progress())
    by_verdict = {verdict: counts[verdict] for verdict in VERDICTS}
    with transaction.atomic():
        mark_checked(run.source_import, rows_read=read, counts={"rows": by_verdict})
        job.fence()
    return {"rows": by_verdict}


def ranges(run: FileRun, *, after: int = 0) -> Iterator[Range]:
    """Yield the batches of the file's rows; those that belong together are in the same."""
    while (through := next_bound(run, after)) is not None:
        yield Range(after, through)
        after = through


def next_bound(run: FileRun, after: int) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            run.sql(
                "SELECT max(at_row) FROM (SELECT at_row FROM {staged} WHERE at_row > %s"
                " ORDER BY at_row LIMIT %s) AS batch"
            ),
            [after, ROWS_A_BATCH],
        )
        found: int | None = cursor.fetchone()[0]
    return found


def resolve(run: FileRun, spec: KindSql) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        spec.resolve(cursor, run)


def prepare(cursor: CursorWrapper) -> None:
    """Let the planner prefer indexes: a batch is small, and what it is held against is not.

    Of the tables that a batch makes and drops, 3,000 rows tell enough; reading 30,000 takes longer than
    some of the statements that are planned with it.
    """
    cursor.execute("SET LOCAL random_page_cost = 1.1; SET LOCAL work_mem = '64MB'; SET LOCAL jit = off")
    cursor.execute("SET LOCAL default_statistics_target = 10")


def make_verdict_table(run: FileRun) -> None:
    table = Identifier(verdict_table(run.source_import))
    with connection.cursor() as cursor:
        cursor.execute(SQL("DROP TABLE IF EXISTS {}").format(table))
        cursor.execute(
            SQL("CREATE UNLOGGED TABLE {} (n bigint PRIMARY KEY, verdict text, errors jsonb)").format(table)
        )


def keep_verdicts(cursor: CursorWrapper, run: FileRun) -> None:
    """Keep the verdicts of the first rows, and of refused rows why."""
    cursor.execute(
        SQL("""
            INSERT INTO {} (n, verdict, errors) SELECT n, verdict, problems FROM import_batch
            WHERE verdict = 'refuse' OR n <= {}
            ON CONFLICT (n) DO UPDATE SET verdict = excluded.verdict, errors = excluded.errors
        """).format(Identifier(verdict_table(run.source_import)), SHOWN_VERDICTS)
    )


def forget_refusals(cursor: CursorWrapper, run: FileRun) -> None:
    """Take back what was said of rows that were refused when they were checked and are fine by now."""
    cursor.execute(
        SQL(
            "DELETE FROM {} AS said USING import_batch WHERE said.n = import_batch.n"
            " AND said.verdict = 'refuse' AND import_batch.verdict <> 'refuse'"
        ).format(Identifier(verdict_table(run.source_import)))
    )
    cursor.execute(
        "DELETE FROM crm_quarantinedrow AS kept USING import_batch WHERE kept.row_number = import_batch.n"
        " AND kept.source_import_id = %s AND kept.state = 'waiting' AND import_batch.verdict <> 'refuse'",
        [run.source_import.pk],
    )


def verdicts_of(cursor: CursorWrapper) -> dict[str, int]:
    cursor.execute("SELECT verdict, count(*) FROM import_batch GROUP BY verdict")
    return dict(cursor.fetchall())
