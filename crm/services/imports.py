"""The life of an import: one row that says which file was read and what became of it."""

from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from crm.models import Book, Import
from crm.services.feed import record_change

State = Import.State
UNFINISHED = (State.UPLOADED, State.MAPPED, State.VALIDATED, State.COMMITTING, State.FAILED)


class ImportStateError(RuntimeError):
    """The import is not in a state from which this may happen."""


@transaction.atomic
def open_import(
    *, book: Book, layout: str, columns: list[str], file_name: str, sha256: str, job_id: int
) -> Import:
    """Return the import of this file: the finished one, else the one to go on with, else a new one."""
    same = Import.objects.select_for_update().filter(book=book, layout=layout, sha256=sha256)
    if done := same.filter(state=State.DONE).first():
        return done
    unfinished = same.filter(state__in=UNFINISHED).order_by("-id").first()
    found = unfinished or Import(book=book, layout=layout, file_name=file_name, sha256=sha256)
    found.state, found.job_id = State.MAPPED, job_id  # a layout of ours needs no mapping by hand
    found.columns = columns
    found.save()
    Import.objects.filter(pk=found.pk).update(started_at=Now(), finished_at=None)
    return found


def mark_validated(source_import: Import, *, rows_read: int) -> None:
    _move(source_import, State.VALIDATED, allowed=[State.MAPPED], rows_read=rows_read)


def mark_checked(source_import: Import, *, rows_read: int, counts: dict[str, Any]) -> None:
    """Remember what would become of each row. A check may be repeated until something is committed."""
    checkable = [State.MAPPED, State.VALIDATED, State.FAILED]
    _move(source_import, State.VALIDATED, allowed=checkable, rows_read=rows_read, counts=counts)


def mark_refused(source_import: Import, *, problem: dict[str, Any]) -> None:
    """Remember why a file as a whole can't be read."""
    _move(source_import, State.FAILED, allowed=[*UNFINISHED], problem=problem, finished_at=Now())


def mark_committing(source_import: Import) -> None:
    _move(source_import, State.COMMITTING, allowed=[State.VALIDATED])


def mark_failed(source_import: Import) -> None:
    """Remember that the import broke. Nothing of it stands, and it may be run again."""
    _move(source_import, State.FAILED, allowed=[*UNFINISHED], finished_at=Now())


def mark_done(source_import: Import, *, counts: dict[str, Any]) -> None:
    """Close the import, in the transaction that wrote its facts, and tell the change feed."""
    _move(source_import, State.DONE, allowed=[State.COMMITTING], counts=counts, finished_at=Now())
    record_change(
        kind="import.committed",
        object_id=source_import.pk,
        data={"book": source_import.book.code, "layout": source_import.layout},
    )


def _move(source_import: Import, state: Import.State, *, allowed: list[Import.State], **fields: Any) -> None:
    moved = Import.objects.filter(pk=source_import.pk, state__in=allowed).update(state=state, **fields)
    if not moved:
        raise ImportStateError(f"Import {source_import.pk} cannot become {state} now.")
    source_import.state = state
