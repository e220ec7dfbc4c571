"""What the pages of imports show: the list, and the one page that goes along with an import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from crm.models import Account, ChangeSet, Import, Job, QuarantinedRow
from crm.models.access import Principal
from crm.models.imports import ImportQuerySet
from crm.selectors.import_kinds import KINDS
from crm.selectors.import_page_words import STEPS, TABLES, VERDICTS
from crm.selectors.keyset import Column, Order, Page, keyset_page

NEWEST_FIRST = Order("imports", (Column("pk", descending=True),))
BY_ROW = Order("quarantine", (Column("row_number"), Column("pk")))
ROWS_A_PAGE = 20
REFUSED_SHOWN = 100  # of the rows that an undo left alone
State = Import.State
# Where an import is while its job runs, and which step of the five that is.
AT_WORK = {State.UPLOADED: "reading", State.MAPPED: "checking", State.COMMITTING: "committing"}
AT_REST = {
    State.VALIDATED: "preview",
    State.DONE: "report",
    State.UNDONE: "report",
    State.CANCELLED: "cancelled",
    State.FAILED: "failed",
}
STEP_OF = {
    "reading": "columns", "mapping": "columns", "checking": "check", "preview": "check",
    "committing": "import", "undoing": "report", "report": "report",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One of the five steps, and whether it is behind, here or ahead."""

    code: str
    label: str
    is_done: bool
    is_current: bool


@dataclass(frozen=True, slots=True)
class ImportPage:
    """An import, the stage it is at, and the job that works on it."""

    source: Import
    stage: str
    job: Job | None
    change_set: ChangeSet | None
    waiting: int  # rows in quarantine
    sent_from: Import | None  # whose mended rows these are

    @property
    def is_busy(self) -> bool:
        return self.stage in {"reading", "checking", "committing", "undoing"}

    @property
    def is_stopped(self) -> bool:
        return self.stage in {"failed", "cancelled"}

    @property
    def steps(self) -> list[Step]:
        codes = list(STEPS)
        at = codes.index(_step_of(self))
        has_ended = self.stage == "report"
        return [
            Step(code, str(STEPS[code]), place < at or has_ended, place == at)
            for place, code in enumerate(codes)
        ]


def get_imports(principal: Principal) -> ImportQuerySet:
    """Return the imports of files that somebody may see; the demo books are not among them."""
    return Import.objects.visible_to(principal).filter(layout__in=list(KINDS), reads_once=False)


def get_import_of_job(job: Job, principal: Principal) -> Import | None:
    """Return the import that a job works on, if it is one that somebody may see."""
    number = job.params.get("import")
    return get_imports(principal).filter(pk=number).first() if number else None


def list_imports(
    principal: Principal,
    *,
    state: str = "",
    kind: str = "",
    after: str | None = None,
    before: str | None = None,
) -> Page[Import]:
    """Return one page of imports, newest first; an unknown state or kind filters nothing."""
    imports = get_imports(principal).select_related("book", "owner", "job")
    if state in State.values:
        imports = imports.filter(state=state)
    if kind in KINDS:
        imports = imports.filter(layout=kind)
    return keyset_page(imports, order=NEWEST_FIRST, after=after, before=before)


def get_import_page(source: Import) -> ImportPage:
    change_set = ChangeSet.objects.filter(source_import=source).first()
    undo = _job(change_set.job_id) if change_set is not None else None
    job = _live_job(source.job_id)
    stage = stage_of(source, job)
    if change_set is not None and change_set.state == ChangeSet.State.UNDOING and undo and undo.is_live:
        stage, job = "undoing", undo
    sent = QuarantinedRow.objects.filter(sent_in=source).select_related("source_import").first()
    return ImportPage(
        source=source,
        stage=stage,
        job=job,
        change_set=change_set,
        waiting=waiting_rows(source),
        sent_from=sent.source_import if sent else None,
    )


def stage_of(source: Import, job: Job | None) -> str:
    """Return the stage of an import. One whose job broke off without a word has failed."""
    state = State(source.state)
    is_live = job is not None and job.is_live
    if state == State.FAILED and is_live and not source.problem:
        return "committing" if source.counts else "checking" if source.columns else "reading"
    if state in AT_REST:
        return AT_REST[state]
    if is_live:
        return AT_WORK[state]
    return "mapping" if state == State.UPLOADED and source.columns else "failed"


def waiting_rows(source: Import) -> int:
    return source.quarantined.filter(state=QuarantinedRow.State.WAITING).count()


def _step_of(page: ImportPage) -> str:
    """Return the step that a page marks; a broken or cancelled import stays where it was."""
    source = page.source
    if page.stage in STEP_OF:
        return STEP_OF[page.stage]
    if source.through_row:
        return "import"
    return "check" if source.counts or source.state == State.MAPPED else "columns"


def _job(pk: int | None) -> Job | None:
    return Job.objects.with_timing().filter(pk=pk).first() if pk else None


def _live_job(pk: int | None) -> Job | None:
    """Return the import's job, or the one that tries it again."""
    job = _job(pk)
    if job is None or not job.is_retryable:
        return job
    return Job.objects.with_timing().filter(retry_of=job).order_by("-pk").first() or job


@dataclass(frozen=True, slots=True)
class VerdictCount:
    verdict: str
    label: str
    rows: int


def verdict_counts(source: Import) -> list[VerdictCount]:
    """Return how many rows there are of each verdict; empty before the check."""
    rows: Mapping[str, int] = source.counts.get("rows", {})
    return [VerdictCount(code, str(label), rows.get(code, 0)) for code, label in VERDICTS.items() if rows]


def rows_to_write(source: Import) -> int:
    rows: Mapping[str, int] = source.counts.get("rows", {})
    return rows.get("create", 0) + rows.get("update", 0)


@dataclass(frozen=True, slots=True)
class Written:
    label: str
    inserted: int
    updated: int
    deleted: int


def written_rows(source: Import) -> list[Written]:
    """Return what an import wrote into each table."""
    return [
        Written(table_words(table), rows.get("inserted", 0), rows.get("updated", 0), rows.get("deleted", 0))
        for table, rows in source.counts.items()
        if table != "rows"
    ]


def table_words(table: str) -> str:
    return str(TABLES.get(table, table.partition("_")[2].capitalize()))


@dataclass(frozen=True, slots=True)
class Left:
    """A row that an undo left alone."""

    table: str
    name: str
    account: Account | None
    code: str


def rows_left(change_set: ChangeSet, principal: Principal) -> list[Left]:
    """Return the first rows that an undo left alone, with the accounts by name where one may see them."""
    refused: Sequence[Mapping[str, Any]] = change_set.data.get("refused", [])[:REFUSED_SHOWN]
    ids = {one["id"] for one in refused if one["table"] == "crm_account"}
    accounts = {account.pk: account for account in Account.objects.visible_to(principal).filter(pk__in=ids)}
    found = []
    for one in refused:
        account = accounts.get(one["id"]) if one["table"] == "crm_account" else None
        found.append(Left(table_words(one["table"]), f"#{one['id']}", account, one["code"]))
    return found


def list_quarantined(
    source: Import, *, state: str, after: str | None = None, before: str | None = None
) -> Page[QuarantinedRow]:
    """Return one page of refused rows, in the order of the file."""
    rows = source.quarantined.filter(state=state).select_related("sent_in")
    return keyset_page(rows, order=BY_ROW, after=after, before=before, per_page=ROWS_A_PAGE)


def quarantine_counts(source: Import) -> dict[str, int]:
    """Return how many refused rows there are in each state."""
    found = source.quarantined.order_by().values_list("state").annotate(rows=Count("pk"))
    return {**dict.fromkeys(QuarantinedRow.State.values, 0), **dict(found)}
