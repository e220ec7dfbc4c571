"""What imports keep of an account's rows: refused ones, those that a rule caught, the files themselves.

What an import wrote stands in its change set, which is emptied with the account; undoing the import
needs none of what goes here.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.functions import Now

from crm.models import Import, QuarantinedRow, RuleHit, User
from crm.services.csv_export import neutral
from crm.services.erasure_marks import Finder, Marks
from crm.services.file_imports import SAMPLED, cancel_import, path_of

M = TypeVar("M", bound=Model)
ROWS_AT_ONCE = 2_000
ENDED = (Import.State.DONE, Import.State.CANCELLED, Import.State.UNDONE)


def erase_refused_rows(marks: Marks) -> int:
    """Empty refused rows of files that are about the account, and give up on those that wait."""
    rows = QuarantinedRow.objects.exclude(cells={}, errors=[])
    erased = 0
    for finder, mine in _by_import(marks, rows):
        found = [
            pk
            for pk, cells, errors in mine.values_list("pk", "cells", "errors").iterator(
                chunk_size=ROWS_AT_ONCE
            )
            if finder.is_in(cells.items()) or any(_blames(finder, error) for error in errors)
        ]
        emptied = QuarantinedRow.objects.filter(pk__in=found)
        waiting = emptied.filter(state=QuarantinedRow.State.WAITING)
        waiting.update(state=QuarantinedRow.State.DISMISSED, changed_at=Now())
        erased += emptied.update(cells={}, errors=[])
    return erased


def erase_rule_hits(marks: Marks) -> int:
    """Empty rows that a rule caught; that it caught one stays."""
    erased = 0
    for finder, mine in _by_import(marks, RuleHit.objects.exclude(row={})):
        hits = mine.values_list("pk", "row").iterator(chunk_size=ROWS_AT_ONCE)
        found = [pk for pk, row in hits if finder.is_in(row.items())]
        erased += RuleHit.objects.filter(pk__in=found).update(row={})
    return erased


def erase_samples(marks: Marks) -> int:
    """Forget the first rows of files, kept for a look at them, where they are about the account."""
    erased = 0
    for source in Import.objects.filter(reading__has_key="sample").iterator(chunk_size=ROWS_AT_ONCE):
        finder = Finder(marks, source)
        rows = (zip(source.columns, cells, strict=False) for cells in source.reading["sample"])
        if any(finder.is_in(row) for row in rows):
            erased += Import.objects.filter(pk=source.pk).update(reading=_without_sample(source))
    return erased


@transaction.atomic
def erase_file(*, source_import: Import, by: User | None) -> None:
    """Delete an uploaded file. An import that has not ended is cancelled: what it wrote stands."""
    locked = Import.objects.select_for_update(of=("self",)).get(pk=source_import.pk)
    if locked.state not in ENDED:
        cancel_import(source_import=locked, by=by)
    path = path_of(source_import)
    Import.objects.filter(pk=source_import.pk).update(
        stored_name="", file_erased_at=Now(), reading=_without_sample(source_import)
    )
    settled = source_import.quarantined.exclude(state=QuarantinedRow.State.WAITING)
    settled.update(cells={}, errors=[])
    # Before the commit: a file that no row speaks of any more would stay for ever.
    shutil.rmtree(path.parent, ignore_errors=True)


def stored_files() -> list[Import]:
    """Return the imports whose file is still there."""
    return [source for source in Import.objects.exclude(stored_name="") if path_of(source).exists()]


def erase_exports(names: Collection[str]) -> int:
    """Delete exported lists in which one of these names stands; they can be exported again."""
    wanted = {neutral(name) for name in names}
    found = [path for path in _exports() if _names(path, wanted)]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _exports() -> Iterable[Path]:
    return (Path(settings.FILES_ROOT) / "exports").glob("accounts-*")


def _names(path: Path, wanted: Collection[str]) -> bool:
    with path.open(newline="") as file:
        return any(cell in wanted for row in csv.reader(file) for cell in row)


def _by_import(marks: Marks, rows: QuerySet[M]) -> Iterator[tuple[Finder, QuerySet[M]]]:
    """Yield the rows of each file with what finds the account in them."""
    ids = rows.order_by().values_list("source_import", flat=True).distinct()
    for source in Import.objects.filter(pk__in=list(ids)):
        yield Finder(marks, source), rows.filter(source_import=source)


def _blames(finder: Finder, error: dict[str, Any]) -> bool:
    """Say whether a reason names the account; a row that could not be taken apart stands there whole."""
    column, value = error.get("column", ""), str(error.get("value") or "")
    return finder.is_in([(column, value)]) if column else finder.is_in_text(value)


def _without_sample(source_import: Import) -> dict[str, Any]:
    return {name: value for name, value in source_import.reading.items() if name not in SAMPLED}
