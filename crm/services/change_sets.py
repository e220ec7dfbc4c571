"""Change sets: what an import, bulk edit or merge wrote, step by step, so that it can be taken back.

A step is what one statement did to one table: ids, what the rows were before, and the mark by which
they are known as ours later (`revision` of records, `changed_xid` of facts). `crm.services.undo`
walks the steps backwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.backends.utils import CursorWrapper
from django.db.models.functions import Now
from psycopg.sql import SQL, Composable, Identifier, Literal

from crm.models import ChangedRows, ChangeSet, Import, User

UNDO_DAYS = 30
# Old rows are one JSON value a step, which PostgreSQL keeps below 256 MB.
_CHUNKS = SQL("SELECT *, (row_number() OVER (ORDER BY id) - 1) / 5000 AS chunk FROM written")

_INSERTED = """
    WITH written AS ({ids})
    INSERT INTO crm_changedrows (change_set_id, table_name, action, row_ids)
    SELECT {change_set}, {name}, 'inserted', array_agg(id ORDER BY id) FROM written HAVING count(*) > 0
    RETURNING cardinality(row_ids)
"""
_UPDATED = """
    WITH written AS (
        UPDATE {table} AS t SET {assignments} FROM {source}
        RETURNING t.id, to_jsonb(old.*) AS was, {mark} AS mark
    )
    INSERT INTO crm_changedrows (change_set_id, table_name, action, row_ids, revisions, old_rows)
    SELECT {change_set}, {name}, 'updated', array_agg(id ORDER BY id), {marks}, jsonb_agg(was ORDER BY id)
    FROM ({chunks}) AS chunked GROUP BY chunk ORDER BY chunk
    RETURNING cardinality(row_ids)
"""
_DELETED = """
    WITH written AS (DELETE FROM {table} AS t WHERE {condition} RETURNING t.id, to_jsonb(old.*) AS was)
    INSERT INTO crm_changedrows (change_set_id, table_name, action, row_ids, old_rows)
    SELECT {change_set}, {name}, 'deleted', array_agg(id ORDER BY id), jsonb_agg(was ORDER BY id)
    FROM ({chunks}) AS chunked GROUP BY chunk ORDER BY chunk
    RETURNING cardinality(row_ids)
"""


def open_change_set(
    *,
    kind: ChangeSet.Kind,
    owner: User | None,
    source_import: Import | None = None,
    data: Mapping[str, Any] | None = None,
) -> ChangeSet:
    """Begin a change set that can be undone for 30 days; an import has one and goes on with it."""
    values: dict[str, Any] = {"kind": kind, "owner": owner, "undo_until": Now() + timedelta(days=UNDO_DAYS)}
    values["data"] = dict(data or {})
    if source_import is None:
        return ChangeSet.objects.create(**values)
    return ChangeSet.objects.get_or_create(source_import=source_import, defaults=values)[0]


def forget_expired_steps() -> int:
    """Delete what could take imports back whose time for it is over; return how many steps that were.

    They hold old rows as they were, which is not to be kept longer than it is of use.
    """
    expired = ChangeSet.objects.filter(kind=ChangeSet.Kind.IMPORT, undo_until__lt=Now())
    return ChangedRows.objects.filter(change_set__in=expired).delete()[0]


def record_inserted(cursor: CursorWrapper, *, change_set_id: int, table: str, ids: Composable) -> int:
    """Add a step of inserted rows; `ids` is a query, or an INSERT … RETURNING, whose column is `id`."""
    return _run(cursor, SQL(_INSERTED).format(ids=ids, **_named(change_set_id, table)))


def record_updated(
    cursor: CursorWrapper,
    *,
    change_set_id: int,
    table: str,
    assignments: Mapping[str, Composable],
    source: Composable,
    is_record: bool,
) -> int:
    """Update rows of `t` from `source` and add the step. Return how many."""
    pairs = [SQL("{} = {}").format(Identifier(name), value) for name, value in assignments.items()]
    statement = SQL(_UPDATED).format(
        table=Identifier(table),
        assignments=SQL(", ").join(pairs),
        source=source,
        mark=SQL("t.revision" if is_record else "NULL::int"),
        marks=SQL("array_agg(mark ORDER BY id)" if is_record else "NULL"),
        **_named(change_set_id, table),
    )
    return _run(cursor, statement)


def record_deleted(cursor: CursorWrapper, *, change_set_id: int, table: str, condition: Composable) -> int:
    """Delete rows of `t` and add the step. Return how many."""
    named = _named(change_set_id, table)
    return _run(cursor, SQL(_DELETED).format(table=Identifier(table), condition=condition, **named))


def _named(change_set_id: int, table: str) -> dict[str, Composable]:
    return {"change_set": Literal(change_set_id), "name": Literal(table), "chunks": _CHUNKS}


def _run(cursor: CursorWrapper, statement: Composable) -> int:
    cursor.execute(statement.as_string(cursor.connection))  # as text, for the audit log adds to it
    return sum(rows for (rows,) in cursor.fetchall())
