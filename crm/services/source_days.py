"""What each source sent of each kind on each day: its volume, and what it left out."""

from __future__ import annotations

import json
from collections.abc import Mapping

from django.db import connection

from crm.models import Import

# Shares of a day's files are weighed by their rows.
_RECORD = """
    INSERT INTO crm_sourceday AS kept (book_id, source, kind, on_date, rows, missing, last_at)
    SELECT %(book)s, %(source)s, %(kind)s, (now() AT TIME ZONE time_zone)::date, %(rows)s, %(missing)s, now()
    FROM crm_organisation WHERE id = 1
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
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD,
            {
                "book": book_id,
                "source": source,
                "kind": kind,
                "rows": rows,
                "missing": json.dumps(dict(missing)),
            },
        )


def record_source_day(source_import: Import, *, rows: int, missing: Mapping[str, float]) -> None:
    record(
        book_id=source_import.book_id,
        source=source_import.source,
        kind=source_import.layout,
        rows=rows,
        missing=missing,
    )
