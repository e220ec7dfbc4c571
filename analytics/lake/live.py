"""The tables of the lake as views over PostgreSQL itself, for installations without a copy.

The columns are those of the Parquet files, so every feature runs on them unchanged, only slower.
"""

import ibis
import ibis.expr.types as ir
import psycopg
from ibis.backends import BaseBackend
from psycopg import sql

from analytics.lake.extracting import conninfo
from analytics.lake.tables import TABLES, Table

INSTANT = "(extract(epoch FROM {}) * 1000000)::int8"
# A version begins no earlier than the one before it ended, as in the files. Rows that were never
# changed, which are nearly all, are spared the sorting.
KNOWN_FROM = """greatest({known_at_us}, lag({known_to_us}) OVER (
    PARTITION BY id ORDER BY {known_to_us} NULLS LAST))"""
VERSIONS = """
    SELECT {plain} FROM ({present}) AS version
    WHERE NOT EXISTS (SELECT FROM {past} AS p WHERE p.id = version.id)
    UNION ALL
    SELECT {ordered} FROM (
        {old} UNION ALL {present} WHERE EXISTS (SELECT FROM {past} AS p WHERE p.id = {table}.id)
    ) AS version
"""
# The planner can't guess how many rows a moment leaves, and then walks through millions one by one.
FOR_ANALYSIS = """
    SET TIME ZONE 'UTC'; SET enable_nestloop = off; SET jit = off; SET work_mem = '128MB'
"""


def connect_live() -> BaseBackend:
    link = psycopg.connect(conninfo(), autocommit=True)
    link.execute(FOR_ANALYSIS)
    return ibis.postgres.from_connection(link)


def live_tables(connection: BaseBackend) -> dict[str, ir.Table]:
    """Make the views, which last as long as the connection, and return them by name."""
    for table in TABLES:
        view = sql.SQL("CREATE OR REPLACE TEMPORARY VIEW {} AS {}")
        with connection.con.cursor() as cursor:
            cursor.execute(view.format(sql.Identifier(f"lake_{table.name}"), view_query(table)))
    return {table.name: connection.table(f"lake_{table.name}") for table in TABLES}


def view_query(table: Table) -> sql.Composed:
    if not table.fact:
        plain = _columns(table, known_from="{known_at_us}")
        return sql.SQL("SELECT {} FROM ({}) AS version").format(plain, table.select())
    return sql.SQL(VERSIONS).format(
        plain=_columns(table, known_from="{known_at_us}"),
        ordered=_columns(table, known_from=KNOWN_FROM),
        present=table.select(),
        old=table.select(past=True),
        past=sql.Identifier(f"{table.fact}_past"),
        table=sql.Identifier(table.fact),
    )


def _columns(table: Table, *, known_from: str) -> sql.Composed:
    known = {name: _instant(name) for name in ("known_at_us", "known_to_us")}
    columns = {name: _column(name) for name in table.columns()}
    if "known_from_us" in columns:
        columns["known_from_us"] = sql.SQL(known_from).format(**known)
    named = (sql.SQL("{} AS {}").format(column, sql.Identifier(name)) for name, column in columns.items())
    return sql.SQL(", ").join(named)


def _column(name: str) -> sql.Composable:
    return _instant(name) if name.endswith("_us") else sql.Identifier(name)


def _instant(name: str) -> sql.Composed:
    return sql.SQL(INSTANT).format(sql.Identifier(name))
