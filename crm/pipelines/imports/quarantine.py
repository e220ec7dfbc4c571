"""Refused rows, put aside with their cells as they stand in the file, to be mended and sent again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Composable, Identifier, Literal

from crm.pipelines.imports.kinds.spec import FileRun
from crm.pipelines.imports.reading import BadRow, Rows
from crm.pipelines.imports.values import as_text
from crm.services.refusals import verdict_table

ROWS_AT_ONCE = 2_000
CHARACTERS_AT_ONCE = 4_000_000
SHOWN = 200  # characters of a value

_KEEP = """
    INSERT INTO crm_quarantinedrow AS kept (source_import_id, row_number, cells, errors, state, changed_at)
    SELECT %s, n, cells, errors, 'waiting', now()
    FROM jsonb_to_recordset(%s::jsonb) AS refused (n bigint, cells jsonb, errors jsonb)
    ON CONFLICT (source_import_id, row_number) DO UPDATE SET errors = excluded.errors,
        cells = CASE WHEN kept.cells = '{}' THEN excluded.cells ELSE kept.cells END
"""
# Most of a batch's refusals are known from the check, with their cells.
_PUT_ASIDE = """
    INSERT INTO crm_quarantinedrow AS kept (source_import_id, row_number, cells, errors, state, changed_at)
    SELECT %s, n, '{}', problems, 'waiting', now() FROM import_batch WHERE verdict = 'refuse'
    ON CONFLICT (source_import_id, row_number) DO UPDATE SET errors = excluded.errors
"""
Refusal = tuple[int, list[dict[str, Any]]]


def put_aside(cursor: CursorWrapper, run: FileRun) -> None:
    """Put the refused rows of a batch aside in the transaction that writes its others.

    Their cells stand in the file only, and are read when all is written.
    """
    cursor.execute(_PUT_ASIDE, [run.source_import.pk])


def quarantine_rows(
    run: FileRun, rows: Rows, *, refused: Iterator[Refusal], on_rows: Callable[[int], None]
) -> int:
    """Read the file once more for the cells of what was refused, and return how many rows were."""
    wanted = next(refused, None)
    done, some, size = 0, [], 0
    for row in rows if wanted else ():
        number, cells = (row.n, {}) if isinstance(row, BadRow) else (row[0], row[1])
        if wanted is None:
            break
        if number != wanted[0]:
            continue
        named = dict(zip(rows.columns, map(_kept, cells), strict=False))
        some.append(
            {"n": number, "cells": named, "errors": [_as_written(error, named) for error in wanted[1]]}
        )
        size += sum(map(len, named.values()))
        if len(some) == ROWS_AT_ONCE or size > CHARACTERS_AT_ONCE:
            done += _keep(run, some)
            on_rows(done)
            some, size = [], 0
        wanted = next(refused, None)
    return done + _keep(run, some)


def _as_written(error: dict[str, Any], cells: dict[str, str]) -> dict[str, Any]:
    """Show the cell as it stands in the file, and not as it was understood."""
    return {**error, "value": cells.get(error["column"], error["value"] or "")[:SHOWN]}


def _kept(cell: Any) -> str:
    return as_text(cell).replace("\0", "\ufffd")


def _keep(run: FileRun, some: list[dict[str, Any]]) -> int:
    if some:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_KEEP, [run.source_import.pk, json.dumps(some)])
    return len(some)


def refused_when_checked(run: FileRun) -> Iterator[Refusal]:
    """Yield number and errors of each row that the check refused, in the order of the file."""
    query = SQL("SELECT n, errors FROM {} WHERE verdict = 'refuse' AND n > %s ORDER BY n LIMIT %s")
    return _refusals(query.format(Identifier(verdict_table(run.source_import))))


def refused_when_written(run: FileRun) -> Iterator[Refusal]:
    """Yield the same of each row that is put aside: a crash empties what the check keeps, but not that."""
    query = SQL(
        "SELECT row_number, errors FROM crm_quarantinedrow"
        " WHERE source_import_id = {} AND row_number > %s ORDER BY row_number LIMIT %s"
    )
    return _refusals(query.format(Literal(run.source_import.pk)))


def _refusals(query: Composable) -> Iterator[Refusal]:
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(query, [after, ROWS_AT_ONCE])
            found = cursor.fetchall()
        if not found:
            return
        for number, errors in found:
            yield number, json.loads(errors)
        after = found[-1][0]
