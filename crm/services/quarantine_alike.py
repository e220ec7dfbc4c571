"""Refused rows that are wrong in the same way: one value, mended in all of them at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from crm.models import Import

SHOWN = 10
LOOKED_AT = 10_000  # of the rows that wait: many more are wrong in few ways, and the page is not to wait
# An error keeps the first characters of its cell; a cell that was mended is no longer what it says.
_FOUND = """
    SELECT error ->> 'column', cells ->> (error ->> 'column') AS value, min(error::text), count(*)
    FROM (
        SELECT cells, errors FROM crm_quarantinedrow
        WHERE source_import_id = %(import)s AND state = 'waiting' ORDER BY row_number LIMIT %(looked_at)s
    ) AS waiting CROSS JOIN LATERAL jsonb_array_elements(errors) AS error
    WHERE error ->> 'code' <> 'doubled_in_file'
        AND left(cells ->> (error ->> 'column'), 200) = coalesce(error ->> 'value', '')
    GROUP BY error ->> 'column', error ->> 'code', cells ->> (error ->> 'column') HAVING count(*) > 1
    ORDER BY count(*) DESC, 1, 2 LIMIT %(shown)s
"""
_MENDED = """
    UPDATE crm_quarantinedrow SET changed_at = now(),
        cells = jsonb_set(cells, ARRAY[%(column)s::text], to_jsonb(%(text)s::text))
    WHERE source_import_id = %(import)s AND state = 'waiting' AND cells ->> %(column)s::text = %(value)s
        AND errors @> jsonb_build_array(
            jsonb_build_object('column', %(column)s::text, 'code', %(code)s::text)
        )
"""


@dataclass(frozen=True, slots=True)
class Alike:
    """A value that was refused for one reason in several rows that wait."""

    column: str
    value: str
    error: Mapping[str, Any]
    rows: int


def find_alike(source_import: Import) -> list[Alike]:
    """Return the values that most of the waiting rows are refused for."""
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, {"import": source_import.pk, "looked_at": LOOKED_AT, "shown": SHOWN})
        found = cursor.fetchall()
    return [Alike(column, value, json.loads(error), rows) for column, value, error, rows in found]


def mend_alike(*, source_import: Import, column: str, code: str, value: str, text: str) -> int:
    """Write another text for this value wherever it waits, refused for this reason; return in how many rows.

    What they were refused for stays until they are sent again. A second time nothing is found.
    """
    if column not in source_import.columns or value == text:
        return 0
    asked: dict[str, Any] = {
        "import": source_import.pk,
        "column": column,
        "code": code,
        "value": value,
        "text": text,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MENDED, asked)
        return int(cursor.rowcount)
