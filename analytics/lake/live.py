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
# A version begins no earlier than the one before it ended, as in the files.
KNOWN_FROM = """greatest({known_at_us}, lag({known_to_us}) OVER (
    PARTITION BY id ORDER BY {known_to_us} NULLS LAST))"""


def connect_live() -> BaseBackend:
    link = psycopg.connect(conninfo(), autocommit=True)
    link.execute("SET TIME ZONE 'UTC'")
    return ibis.postgres.from_connection(link)


def live_tables(connection: BaseBackend) -> dict[str, ir.Table]:
    """Make the views, which last as long as the connection, and return them by name."""
    for table in TABLES:
        view = sql.SQL("CREATE OR REPLACE TEMPORARY VIEW {} AS {}")
        with connection.con.cursor() as cursor:
            cursor.execute(view.format(sql.Identifier(f"lake_{table.name}"), view_query(table)))
    return {table.name: connection.table(f"lake_{table.name}") for table in TABLES}


def view_query(table: Table) -> sql.Composed:
    versions = table.select()
    if table.fact:
        versions = sql.SQL("{} UNION ALL {}").format(versions, table.select(past=True))
    columns = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(_column(table, name), sql.Identifier(name)) for name in table.columns()
    )
    return sql.SQL("SELECT {} FROM ({}) AS version").format(columns, versions)


def _column(table: Table, name: str) -> sql.Composable:
    if not name.endswith("_us"):
        return sql.Identifier(name)
    if name == "known_from_us" and table.fact:
        known = {column: _instant(column) for column in ("known_at_us", "known_to_us")}
        return sql.SQL(KNOWN_FROM).format(**known)
    return _instant(name)


def _instant(name: str) -> sql.Composed:
    return sql.SQL(INSTANT).format(sql.Identifier(name))
