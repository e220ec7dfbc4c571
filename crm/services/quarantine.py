"""Refused rows: mended in the browser and sent again as a file of their own, or let go."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from crm.models import Import, QuarantinedRow, User
from crm.services.file_imports import OPTIONS, ImportStateError, receive_file

State = QuarantinedRow.State
ROWS_AT_ONCE = 2_000
# The field by which rows of a kind belong together: they come whole or not at all.
TOGETHER = {"orders": "number"}


class RowSettledError(RuntimeError):
    """The row was sent again or let go already."""


class NothingToSendError(RuntimeError):
    """No row with cells is waiting."""


@transaction.atomic
def mend_row(*, row: QuarantinedRow, cells: Mapping[str, str]) -> QuarantinedRow:
    """Store other cells for columns of the row; what it was refused for stays until it is sent again.

    :raises RowSettledError: when it doesn't wait any more.
    """
    kept = QuarantinedRow.objects.select_for_update().get(pk=row.pk)
    if kept.state != State.WAITING:
        raise RowSettledError(kept.pk)
    columns = kept.source_import.columns
    kept.cells = {name: str(cells.get(name, kept.cells.get(name, ""))) for name in columns}
    kept.save(update_fields=["cells"])
    QuarantinedRow.objects.filter(pk=kept.pk).update(changed_at=Now())
    return kept


def let_go(*, source_import: Import, row_ids: Sequence[int] | None = None) -> int:
    """Give up on these waiting rows, or on all of them; return how many there were."""
    waiting = _waiting(source_import, row_ids)
    return waiting.update(state=State.DISMISSED, changed_at=Now())


@transaction.atomic
def send_again(*, source_import: Import, by: User, row_ids: Sequence[int] | None = None) -> Import:
    """Import the waiting rows as they stand now, mapped and read as their file was.

    Nobody has to look again: what is still wrong with them is told at the import that this returns.
    Rows that belong together (the lines of an order) go together, whichever of them was asked for.

    :raises NothingToSendError: when no row with cells is waiting.
    :raises ImportStateError: when the import isn't done: what its other rows become is not known yet.
    """
    if source_import.state != Import.State.DONE:
        raise ImportStateError(f"Import {source_import.pk} is not done.")
    wanted = _with_their_own(source_import, row_ids).exclude(cells={})
    ids = list(wanted.select_for_update().values_list("pk", flat=True))
    if not ids:
        raise NothingToSendError
    rows = QuarantinedRow.objects.filter(pk__in=ids).order_by("row_number")
    sent = receive_file(
        book=source_import.book,
        kind=source_import.layout,
        source=source_import.source,
        owner=by,
        name=f"{source_import.file_name.rpartition('.')[0] or source_import.file_name}-mended.csv",
        chunks=_csv(source_import, rows),
        goes_on=True,
        mapping=source_import.mapping,
        options=_options(source_import),
    )
    rows.update(state=State.SENT, sent_in=sent, changed_at=Now())
    return sent


def _waiting(source_import: Import, row_ids: Sequence[int] | None) -> QuerySet[QuarantinedRow]:
    waiting = QuarantinedRow.objects.filter(source_import=source_import, state=State.WAITING)
    return waiting if row_ids is None else waiting.filter(pk__in=row_ids)


def _with_their_own(source_import: Import, row_ids: Sequence[int] | None) -> QuerySet[QuarantinedRow]:
    """Return the waiting rows, and with each all that wait and belong to the same order."""
    wanted = _waiting(source_import, row_ids)
    field = TOGETHER.get(source_import.layout)
    targets = ((column, target or {}) for column, target in source_import.mapping.items())
    column = next((name for name, target in targets if field and target.get("field") == field), None)
    if row_ids is None or column is None:
        return wanted
    keys = {cells.get(column) for cells in wanted.values_list("cells", flat=True)} - {None, ""}
    return _waiting(source_import, [*row_ids, *_of_keys(source_import, column, keys)])


def _of_keys(source_import: Import, column: str, keys: set[str | None]) -> list[int]:
    cells = _waiting(source_import, None).values_list("pk", "cells").iterator(chunk_size=ROWS_AT_ONCE)
    return [pk for pk, row in cells if row.get(column) in keys]


def _options(source_import: Import) -> dict[str, Any]:
    chosen = {name: source_import.reading[name] for name in OPTIONS if name in source_import.reading}
    return {**chosen, "encoding": "utf-8", "delimiter": ",", "quote": '"', "escape": None, "skip": 0}


def _csv(source_import: Import, rows: QuerySet[QuarantinedRow]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.DictWriter(text, source_import.columns, restval="", extrasaction="ignore")
    writer.writeheader()
    for cells in rows.values_list("cells", flat=True).iterator(chunk_size=ROWS_AT_ONCE):
        writer.writerow(cells)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
