"""What became of the rows of a file: the first ones for a look, and all that were refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from psycopg.sql import SQL, Identifier

from crm.models import Import, QuarantinedRow
from crm.selectors.import_words import refusal_words
from crm.services.csv_export import neutral

PREVIEW_ROWS = 20


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One of the first rows. `errors` are codes with the column and the value concerned."""

    number: int
    cells: Sequence[Any]
    verdict: str  # create, update, skip or refuse; empty before the check
    errors: Sequence[dict[str, Any]]

    def errors_of(self, column: str) -> list[dict[str, Any]]:
        return [error for error in self.errors if error["column"] == column]


def verdict_table(source_import: Import) -> str:
    """Return the table that keeps the verdicts of the first rows and of those refused."""
    return f"crm_verdict_{source_import.pk}"


def preview_of(source_import: Import) -> list[PreviewRow]:
    """Return the first rows as they stand in the file, with what will become of each."""
    sample = source_import.reading.get("sample", [])[:PREVIEW_ROWS]
    numbers = source_import.reading.get("sample_numbers") or range(1, len(sample) + 1)
    verdicts = _verdicts(source_import, list(numbers))
    rows = []
    for number, cells in zip(numbers, sample, strict=False):
        verdict, errors = verdicts.get(number, ("", []))
        named = dict(zip(source_import.columns, cells, strict=False))
        shown = [{**error, "value": named.get(error["column"], error["value"])} for error in errors]
        rows.append(PreviewRow(number, cells, verdict, shown))
    return rows


def _verdicts(source_import: Import, numbers: list[int]) -> dict[int, tuple[str, list[dict[str, Any]]]]:
    table = verdict_table(source_import)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
        if not cursor.fetchone()[0]:
            return {}
        cursor.execute(
            SQL("SELECT n, verdict, coalesce(errors, '[]') FROM {} WHERE n = ANY(%s)").format(
                Identifier(table)
            ),
            [numbers],
        )
        return {n: (verdict, json.loads(errors)) for n, verdict, errors in cursor.fetchall()}


def refusals_csv(source_import: Import) -> Iterator[str]:
    """Yield the lines of a CSV file: an error a line, with row, column, value and reason."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow([_("Row"), _("Column"), _("Value"), _("Reason")])
    rows = QuarantinedRow.objects.filter(source_import=source_import).order_by("row_number")
    for number, errors in rows.values_list("row_number", "errors").iterator(chunk_size=2_000):
        for error in errors:
            value = neutral(str(error.get("value") or ""))
            yield writer.writerow([number, neutral(str(error["column"])), value, refusal_words(error)])


class _Echo:
    """A file that hands back each line instead of keeping it."""

    def write(self, line: str) -> str:
        return line
