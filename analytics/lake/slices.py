"""The tables of the lake for a few accounts, read from the database just now.

What changed a moment ago is scored without copying what changed elsewhere, and without reading
tables of millions of rows for the sake of some accounts: indexes lead to the rows. The columns,
the versions and the engine are those of the files, so that the same features come out to the bit.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import ibis
import pyarrow as pa
from psycopg import sql

from analytics.lake.extracting import Snapshot, open_snapshot, these, versions
from analytics.lake.folders import engine_limits
from analytics.lake.layers import Merging
from analytics.lake.manifest import Manifest
from analytics.lake.reading import Lake
from analytics.lake.tables import TABLES, Table


@contextmanager
def open_slice(account_ids: Sequence[int], *, memory_limit: str = "1GB", threads: int = 2) -> Iterator[Lake]:
    """Open the tables as far as they speak of these accounts."""
    with open_snapshot(alone=False) as snapshot, Merging() as merging:
        parts = _read(snapshot, merging, account_ids)
    manifest = Manifest(
        layout="slice",
        database=snapshot.database,
        bound=snapshot.bound,
        refreshed_at=snapshot.taken_at,
        complete_until=snapshot.complete_until,
    )
    with engine_limits(memory_limit=memory_limit, threads=threads) as limits:
        connection = ibis.duckdb.connect(**limits)
        try:
            for name, rows in parts.items():
                connection.con.register(f"rows_{name}", rows)
                connection.raw_sql(f"CREATE TABLE lake_{name} AS FROM rows_{name}")
            yield Lake(manifest, connection, {name: connection.table(f"lake_{name}") for name in parts})
        finally:
            connection.disconnect()


def _read(snapshot: Snapshot, merging: Merging, account_ids: Sequence[int]) -> dict[str, pa.Table]:
    found: dict[str, pa.Table] = {}
    for table in TABLES:
        if not table.by_change:
            found[table.name] = snapshot.rows(table.select())
            continue
        ids = _ids(snapshot, table, account_ids, found)
        found[table.name] = merging.in_order(*versions(snapshot, table, ids))
    return found


def _ids(
    snapshot: Snapshot, table: Table, account_ids: Sequence[int], found: dict[str, pa.Table]
) -> Sequence[int]:
    """Return the rows of which any version names one of the accounts."""
    if table.name == "account":
        return account_ids
    column, keys = "account_id", account_ids
    if table.name == "order_line":
        column, keys = "order_id", found["order"]["id"].unique().to_pylist()
    query = sql.SQL(
        "SELECT id FROM {table} WHERE {column} IN ({keys}) "
        "UNION SELECT id FROM {past} WHERE {column} IN ({keys})"
    ).format(
        table=sql.Identifier(table.fact),
        past=sql.Identifier(f"{table.fact}_past"),
        column=sql.Identifier(column),
        keys=these(keys),
    )
    ids: Sequence[int] = snapshot.rows(query)["id"].to_pylist()
    return ids
