"""A file's rows as an unlogged table of typed columns, with what could not be read beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Identifier

from crm.pipelines.imports.columns import (
    NULL,
    Column,
    Options,
    OutcomeColumn,
    attribute_columns,
    columns_of,
    error_of,
    outcome_columns,
    outcomes_json,
    sql_type,
)
from crm.pipelines.imports.kinds.spec import FileRun, KindSql
from crm.pipelines.imports.reading import BadRow, Row, Rows
from crm.pipelines.imports.values import CellError
from crm.selectors.import_kinds import Kind
from crm.services.refusals import verdict_table

ROWS_A_COPY = 20_000  # progress is told in between: not while a COPY has the connection
ROWS_A_WRITE = 500
CHARACTERS_A_WRITE = 1_000_000
EXTRA = ("attributes", "outcomes")

_STAGE = """
    CREATE UNLOGGED TABLE {staged} AS
    SELECT numbered.*, {at_row} AS at_row,
        CASE WHEN errors IS NULL AND doubled IS NOT NULL
            THEN min(n) FILTER (WHERE errors IS NULL) OVER (PARTITION BY doubled) END AS first_row
    FROM (SELECT s.*, {key} AS doubled FROM {read} AS s) AS numbered
"""


class Line:
    """Makes a line of `COPY` of each row of the file."""

    def __init__(self, kind: Kind, rows: Rows, mapping: dict[str, Any], options: Options) -> None:
        self.fields = columns_of(kind, rows.columns, mapping, options)
        self.plan = [(column.place, column.known) for column in self.fields.values()]
        self.attributes = attribute_columns(rows.columns, mapping, options)
        self.outcomes: list[OutcomeColumn] = outcome_columns(rows.columns, mapping, options)
        self.has_extra = kind.takes_attributes
        self.names = ["n", "errors", *self.fields, *(EXTRA if self.has_extra else ())]

    def of(self, row: Row | BadRow) -> str:
        if isinstance(row, BadRow):
            return self._refused(row.n, [row.error])
        n, cells = row
        try:
            texts = [
                known[cells[place]] if cells[place].__class__ is str else known.of(cells[place])
                for place, known in self.plan
            ]
            if self.has_extra:
                texts += [self._attributes(cells), outcomes_json(self.outcomes, cells)]
        except CellError:
            return self._with_errors(n, cells)
        return "\t".join((str(n), NULL, *texts)) + "\n"

    def _attributes(self, cells: list[Any]) -> str:
        members = (_text(column, cells) for column in self.attributes)
        text = ", ".join(member for member in members if member != NULL)
        return f"{{{text}}}" if text else NULL

    def _with_errors(self, n: int, cells: list[Any]) -> str:
        """Return the row with all that is wrong with it, and with what could be read."""
        errors: list[dict[str, Any]] = []
        texts = [_tried(column, cells, errors) for column in self.fields.values()]
        if self.has_extra:
            for column in self.attributes:
                _tried(column, cells, errors)
            for outcome in self.outcomes:
                try:
                    outcomes_json([outcome], cells)
                except CellError as error:
                    errors.append(error_of(outcome.name, cells[outcome.place], error))
            texts += [NULL, NULL]
        return "\t".join((str(n), _json(errors), *texts)) + "\n"

    def _refused(self, n: int, errors: list[dict[str, Any]]) -> str:
        nothing = [NULL] * (len(self.names) - 2)
        return "\t".join((str(n), _json(errors), *nothing)) + "\n"


def _text(column: Column, cells: list[Any]) -> str:
    cell = cells[column.place]
    return column.known[cell] if isinstance(cell, str) else column.known.of(cell)


def _tried(column: Column, cells: list[Any], errors: list[dict[str, Any]]) -> str:
    try:
        return _text(column, cells)
    except CellError as error:
        errors.append(error_of(column.name, cells[column.place], error))
        return NULL


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str).replace("\\", "\\\\")


def stage_rows(run: FileRun, spec: KindSql, rows: Rows, *, on_rows: Callable[[int], None]) -> int:
    """Read the whole file into the import's staging table and return the number of its last row."""
    options = run.source_import.reading
    line = Line(
        run.kind,
        rows,
        run.source_import.mapping,
        Options(options.get("decimal"), options.get("date_order"), ZoneInfo(run.zone)),
    )
    forget_staging(run)
    read = Identifier(f"crm_read_{run.source_import.pk}")
    with connection.cursor() as cursor:
        cursor.execute(SQL("CREATE UNLOGGED TABLE {} ({})").format(read, _definitions(run.kind)))
    _copy(read, line, rows, on_rows)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '128MB'")
        cursor.execute(run.sql(_STAGE, read=read, key=SQL(spec.key or "NULL::text"), at_row=SQL(spec.at_row)))
        cursor.execute(run.sql("CREATE INDEX ON {staged} (at_row)"))
        cursor.execute(SQL("DROP TABLE {}").format(read))
        cursor.execute(run.sql("ANALYZE {staged}"))
        cursor.execute(run.sql("SELECT count(*) FROM {staged}"))
        return int(cursor.fetchone()[0])


def _copy(
    table: Identifier, line: Line, rows: Iterable[Row | BadRow], on_rows: Callable[[int], None]
) -> None:
    names = SQL(", ").join(map(Identifier, line.names))
    command = SQL("COPY {} ({}) FROM STDIN").format(table, names)
    coming, done = iter(rows), 0
    while (first := next(coming, None)) is not None:
        with connection.cursor() as cursor, cursor.copy(command) as copy:
            copied = 1
            copy.write(line.of(first))
            for text, count in _pieces(line, islice(coming, ROWS_A_COPY - 1)):
                copy.write(text)
                copied += count
        done += copied
        on_rows(done)


def _pieces(line: Line, rows: Iterable[Row | BadRow]) -> Iterator[tuple[str, int]]:
    """Yield the lines of some rows at a time, with their number: fewer of them when they are long."""
    some, size = [], 0
    for text in map(line.of, rows):
        some.append(text)
        size += len(text)
        if len(some) == ROWS_A_WRITE or size > CHARACTERS_A_WRITE:
            yield "".join(some), len(some)
            some, size = [], 0
    if some:
        yield "".join(some), len(some)


def _definitions(kind: Kind) -> Composable:
    fields = [SQL("{} {}").format(Identifier(field.name), SQL(sql_type(field))) for field in kind.fields]
    extra = [SQL("attributes jsonb, outcomes jsonb")] if kind.takes_attributes else []
    return SQL(", ").join([SQL("n bigint, errors jsonb"), *fields, *extra])


def forget_staging(run: FileRun, *, with_verdicts: bool = False) -> None:
    """Drop what the import staged; the verdicts of what was not committed stay for its page."""
    names = [f"crm_read_{run.source_import.pk}", run.staged]
    names += [verdict_table(run.source_import)] if with_verdicts else []
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(SQL("DROP TABLE IF EXISTS {}").format(Identifier(name)))
