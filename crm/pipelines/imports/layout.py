"""What all imports have in common: read, check, and commit everything or nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Composable, Identifier, Literal

from crm.models import Book, Import
from crm.pipelines.imports.parquet import copy_parquet, sha256_of
from crm.services.books import DemoBook, open_demo_book
from crm.services.demo_staff import ensure_staff
from crm.services.import_rules import Rule, Staging, check_rows, record_hits
from crm.services.imports import mark_committing, mark_done, mark_failed, mark_validated, open_import
from crm.services.jobs import JobLostError, RunningJob
from crm.services.money import rate_expression, require_rates
from crm.services.organisation import ensure_organisation

CHECKED = "checked_rows"


@dataclass(frozen=True, slots=True)
class Run:
    """One reading of a file into a book."""

    book: Book
    source_import: Import
    reporting_currency: str
    zone: str
    limit: int | None  # accounts at most; None is all

    def sql(self, text: str, **more: Composable) -> Composable:
        """Fill in what nearly every statement of an import needs to know."""
        return SQL(text).format(
            book=Literal(self.book.pk),
            currency=Literal(self.book.currency),
            reporting=Literal(self.reporting_currency),
            source_import=Literal(self.source_import.pk),
            zone=Literal(self.zone),
            shift=SQL("interval {}").format(Literal(f"{self.book.shifted_weeks * 7} days")),
            **more,
        )

    def upsert(self, cursor: CursorWrapper, statement: str, **more: Composable) -> dict[str, int]:
        """Run a statement that returns for each row it wrote whether that row is new."""
        cursor.execute(self.sql(statement, **more))
        is_new = [inserted for (inserted,) in cursor.fetchall()]
        return {"inserted": sum(is_new), "updated": len(is_new) - sum(is_new)}

    def rate(self, cursor: CursorWrapper, *, day: Composable) -> Composable:
        """Return the SQL of the exchange rate of a day.

        :raises MissingRateError: when no rate is known when the book begins.
        """
        base, quote = self.book.currency, self.reporting_currency
        first = self.sql("SELECT (starts_at AT TIME ZONE {zone})::date FROM crm_book WHERE id = {book}")
        require_rates(cursor, base=base, quote=quote, days=first)
        return rate_expression(base=Literal(base), quote=Literal(quote), day=day)


@dataclass(frozen=True, slots=True)
class Layout:
    """How one kind of file is read. `candidates` may fill helper tables before it returns its SQL."""

    code: str
    demo: DemoBook
    path: Path
    staging: Staging
    types: str
    rules: Sequence[Rule]
    candidates: Callable[[CursorWrapper, Run], Composable]
    commit: Callable[[CursorWrapper, Run], dict[str, Any]]
    analysed: Sequence[str] = field(default=())  # tables whose statistics are stale after the commit


def import_file(job: RunningJob, layout: Layout) -> dict[str, Any]:
    """Import the layout's file. Running it twice changes nothing; killed, nothing of it stands."""
    limit = job.params.get("limit")
    source_import = open_import(
        book=open_demo_book(layout.demo),
        layout=layout.code if limit is None else f"{layout.code}:{limit}",
        columns=list(layout.staging.columns),
        file_name=layout.path.name,
        sha256=sha256_of(layout.path),
        job_id=job.id,
    )
    if source_import.state == Import.State.DONE:
        return {"import": source_import.pk, "unchanged": True}
    organisation = ensure_organisation()
    ensure_staff()
    run = Run(
        source_import.book, source_import, organisation.reporting_currency, organisation.time_zone, limit
    )
    try:
        return _read_check_commit(job, layout, run)
    except JobLostError:
        raise  # the import now belongs to another attempt
    except Exception:
        mark_failed(source_import)
        raise


def _read_check_commit(job: RunningJob, layout: Layout, run: Run) -> dict[str, Any]:
    _forget_staging()
    job.progress("reading")
    copy_parquet(
        path=layout.path,
        staging=layout.staging,
        types=layout.types,
        on_rows=lambda done, total: job.progress(done=done, total=total),
    )
    job.progress("checking")
    with connection.cursor() as cursor:
        check_rows(cursor, rows=layout.candidates(cursor, run), rules=layout.rules, into=CHECKED)
        cursor.execute(SQL("SELECT count(*) FROM {}").format(Identifier(CHECKED)))
        read = cursor.fetchone()[0]
    mark_validated(run.source_import, rows_read=read)
    mark_committing(run.source_import)
    job.progress("committing")
    counts = _commit(job, layout, run)
    _forget_staging()
    _analyse(layout)
    return {"import": run.source_import.pk, "rows": read, **counts}


@transaction.atomic
def _commit(job: RunningJob, layout: Layout, run: Run) -> dict[str, Any]:
    with connection.cursor() as cursor:
        # Two imports into one book wait for each other; both would number the same new accounts.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"book {run.book.pk}"])
        checked = Staging(CHECKED, layout.staging.columns)
        hits = record_hits(cursor, source_import=run.source_import, staging=checked, rules=layout.rules)
        counts = layout.commit(cursor, run)
    mark_done(run.source_import, counts=counts)
    job.fence()
    return {"written": counts, "rules": hits}


def _forget_staging() -> None:
    """Drop the staging tables, those of an attempt that broke in this session included."""
    with connection.cursor() as cursor:
        cursor.execute("DISCARD TEMP")


def _analyse(layout: Layout) -> None:
    """Let the planner know of the many new rows at once: the next job reads them."""
    with connection.cursor() as cursor:
        for table in layout.analysed:
            cursor.execute(SQL("ANALYZE {}").format(Identifier(table)))
