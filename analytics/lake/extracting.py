"""Reading rows out of PostgreSQL as Arrow tables, by binary COPY, in one snapshot."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from adbc_driver_postgresql import dbapi
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

from analytics.lake.tables import Table

IDS_PER_FILE = 500_000
LOCK = (7_311, 1)  # advisory lock of the refresh
NOT_FOR_LIBPQ = {"context", "prepare_threshold", "cursor_factory", "server_side_binding"}

# Only what was finished before this query began is certain to be in the snapshot that follows:
# an open transaction may still commit rows stamped with its own beginning. A second of margin
# covers the instant between a transaction's beginning and its showing here.
COMPLETE_UNTIL = """
SELECT least(clock_timestamp(), min(xact_start)) - interval '1 second' FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
DATABASE = """
SELECT concat_ws('/', system_identifier, (SELECT timeline_id FROM pg_control_checkpoint()),
                 (SELECT oid FROM pg_database WHERE datname = current_database()))
FROM pg_control_system()
"""
# A row out of a dump of another server bears a number that this one may not have reached yet. It
# was read with the first, whole refresh, and nothing is missed by leaving it out until then.
SINCE = "BETWEEN {}::xid8 AND pg_snapshot_xmax(pg_current_snapshot())"
# TRUNCATE and dropping a partition fire no trigger for rows, but both change this list.
STORAGE = """
SELECT oid::regclass::text, pg_relation_filenode(oid)::int8 FROM pg_class
WHERE oid = {table}::regclass AND relkind = 'r'
   OR oid IN (SELECT relid FROM pg_partition_tree({table}) WHERE isleaf) ORDER BY 1
"""


@dataclass(frozen=True)
class Snapshot:
    """A moment of the database, held open by a transaction that only reads."""

    cursor: Any
    bound: int
    taken_at: datetime
    complete_until: datetime
    database: str

    def rows(self, query: sql.Composable) -> pa.Table:
        """Return the rows with instants as integers: microseconds since 1970."""
        self.cursor.execute(query.as_string(None))
        table = self.cursor.fetch_arrow_table()
        return table.cast(pa.schema([_plain(column) for column in table.schema]))

    def storage(self, table: str) -> dict[str, int]:
        self.cursor.execute(sql.SQL(STORAGE).format(table=sql.Literal(table)).as_string(None))
        return dict(self.cursor.fetchall())

    def ranges(self, source: str) -> Iterator[int]:
        """Yield the number of every range of ids that has rows, jumping over gaps."""
        number = -1
        while (found := self._first_id(source, (number + 1) * IDS_PER_FILE)) is not None:
            number = found // IDS_PER_FILE
            yield number

    def _first_id(self, source: str, least: int) -> int | None:
        query = sql.SQL("SELECT min(id) FROM {} WHERE id >= {}").format(sql.SQL(source), sql.Literal(least))
        self.cursor.execute(query.as_string(None))
        found = self.cursor.fetchone()[0]
        return None if found is None else int(found)


def _plain(column: pa.Field) -> pa.Field:
    is_instant = pa.types.is_timestamp(column.type)
    return pa.field(column.name, pa.int64() if is_instant else column.type)


@contextmanager
def open_snapshot(*, alone: bool = True) -> Iterator[Snapshot]:
    """Take a snapshot, and first the lock of those that write files: a second waits for the first."""
    with dbapi.connect(conninfo(), autocommit=True) as link, link.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")  # of dates without one
        if alone:
            cursor.execute(f"SELECT pg_advisory_lock{LOCK}::text")
            cursor.fetchall()
        cursor.execute(COMPLETE_UNTIL)
        complete_until = cursor.fetchone()[0]
        cursor.execute(DATABASE)
        database = cursor.fetchone()[0]
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::int8, now()")
        bound, taken_at = cursor.fetchone()
        yield Snapshot(cursor, bound, taken_at, complete_until, database)
        cursor.execute("COMMIT")


def complete_until() -> datetime:
    """Return the moment up to which the database knows everything by now, as a snapshot would."""
    with connection.cursor() as cursor:
        cursor.execute(COMPLETE_UNTIL)
        moment: datetime = cursor.fetchone()[0]
        return moment


def conninfo() -> str:
    parameters = connection.get_connection_params()
    return make_conninfo(**{k: v for k, v in parameters.items() if k not in NOT_FOR_LIBPQ})


def in_range(number: int) -> sql.Composed:
    low = number * IDS_PER_FILE
    return sql.SQL(" WHERE id >= {} AND id < {}").format(sql.Literal(low), sql.Literal(low + IDS_PER_FILE))


def whole_range(snapshot: Snapshot, table: Table, number: int, *, past: bool = False) -> pa.Table:
    return snapshot.rows(table.select(past=past) + in_range(number))


@dataclass(frozen=True)
class Changed:
    """All versions of what was touched since a bound: the present rows, and the old ones."""

    touched: pa.Table  # ids
    present: pa.Table
    past: pa.Table


def read_changed(
    snapshot: Snapshot, table: Table, lower: int, *, also: Sequence[int] = (), most: int
) -> Changed | None:
    """Return what transactions since the bound have touched and `also` these, or None if it is too much.

    Transactions above this snapshot's own bound are included: reading up to the snapshot keeps
    the old and the new version of a fact, and an order and its lines, together. What is read
    twice replaces itself.

    Nearly all rows carry a stamp since the bound, and one index leads to them, partitions or not.
    The few others, of which only an old version changed or which are asked for anyway, go by number.
    """
    since = sql.SQL(SINCE).format(sql.Literal(str(lower)))
    enough = sql.SQL(" LIMIT {}").format(sql.Literal(most + 1))
    present = snapshot.rows(table.select() + sql.SQL(" WHERE changed_xid {}").format(since) + enough)
    ids = [present["id"].combine_chunks(), pa.array(also, pa.int64())]
    past = present[:0]
    if table.fact:
        past = snapshot.rows(table.select(past=True) + sql.SQL(" WHERE past_xid {}").format(since) + enough)
        ids += [past["id"].combine_chunks(), _deleted(snapshot, table, since)]
    touched = pc.unique(pa.concat_arrays(ids))
    if len(touched) > most:
        return None
    others = touched.filter(pc.invert(pc.is_in(touched, value_set=present["id"])))
    if len(others):
        present = pa.concat_tables([present, snapshot.rows(table.select() + _among(others.to_pylist()))])
    if table.fact:
        older = _among(touched.to_pylist()) + sql.SQL(" AND NOT past_xid {}").format(since)
        past = pa.concat_tables([past, snapshot.rows(table.select(past=True) + older)])
    return Changed(pa.table({"id": touched}), present, past)


def _deleted(snapshot: Snapshot, table: Table, since: sql.Composable) -> pa.Array:
    query = "SELECT row_id AS id FROM crm_deletedkey WHERE table_name = {} AND changed_xid {}"
    return snapshot.rows(sql.SQL(query).format(sql.Literal(table.fact), since))["id"].combine_chunks()


def these(ids: Sequence[int]) -> sql.Composed:
    return sql.SQL("SELECT unnest({}::bigint[])").format(sql.Literal(list(ids)))


def versions(snapshot: Snapshot, table: Table, ids: Sequence[int]) -> tuple[pa.Table, pa.Table]:
    """Return what the database says about these ids: the present rows, and the old versions."""
    rows = snapshot.rows(table.select() + _among(ids))
    return rows, snapshot.rows(table.select(past=True) + _among(ids)) if table.fact else rows[:0]


def _among(ids: Sequence[int]) -> sql.Composed:
    """Return a condition that reaches into a query that is a source, too."""
    listed = "{" + ",".join(map(str, ids)) + "}"
    return sql.SQL(" WHERE id = ANY({}::bigint[])").format(sql.Literal(listed))
