"""What each source sent of each kind on each day: its volume, and what it left out.

Whoever stores rows that came from outside says so in the same transaction, as its last statement: the
day's row stays locked until the commit. What nobody sent for a day has no row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection

from crm.models import Import

# Shares are weighed by their rows; a field that one side does not know was missing in all of them.
_RECORD = """
    INSERT INTO crm_sourceday AS kept (book_id, source, kind, on_date, rows, missing, last_at)
    SELECT %(book)s, %(source)s, %(kind)s, (now() AT TIME ZONE coalesce(
               (SELECT time_zone FROM crm_organisation LIMIT 1), 'Europe/London'))::date,
           %(rows)s, %(missing)s, now()
    ON CONFLICT (book_id, source, kind, on_date) DO UPDATE SET rows = kept.rows + excluded.rows,
        last_at = excluded.last_at, missing = (
            SELECT coalesce(jsonb_object_agg(field, (
                coalesce((kept.missing ->> field)::float, 1) * kept.rows
                + coalesce((excluded.missing ->> field)::float, 1) * excluded.rows
            ) / greatest(kept.rows + excluded.rows, 1)), '{}')
            FROM jsonb_object_keys(kept.missing || excluded.missing) AS field
        )
"""


def record(*, book_id: int, source: str, kind: str, rows: int, missing: Mapping[str, float]) -> None:
    """Add to today's row of a source, in the transaction that wrote the rows."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD,
            {
                "book": book_id,
                "source": source[:60],
                "kind": kind,
                "rows": rows,
                "missing": json.dumps(dict(missing)),
            },
        )


def record_source_day(source_import: Import, *, rows: int, missing: Mapping[str, float]) -> None:
    """Add an imported file to the day of the system that it came from."""
    record(
        book_id=source_import.book_id,
        source=source_import.source,
        kind=source_import.layout,
        rows=rows,
        missing=missing,
    )


def missing_shares(rows: Iterable[Any], fields: Sequence[str]) -> dict[str, float]:
    """Return for each field the share of the rows (objects with attributes) that leave it empty."""
    values = [[getattr(row, field) for field in fields] for row in rows]
    if not values:
        return {}
    return {
        field: sum(row[place] in (None, "") for row in values) / len(values)
        for place, field in enumerate(fields)
    }
