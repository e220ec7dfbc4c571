"""Taking a change set back: newest writes first, row by row, and nothing that others changed since.

A row is still ours when its `revision` (records), its `changed_xid` (facts) or its `xmin` (all other
tables) is what the change set left. Rows that hang together go together: an order whose line was
edited since stays whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models.functions import Now
from psycopg.sql import SQL, Composable, Identifier, Literal

from crm.models import ChangeSet, Import
from crm.services.feed import record_change, record_changes
from crm.services.matching import store_keys

REFUSALS_KEPT = 1_000  # of those listed; all are counted
STAMPS = {"id", "revision", "created_at", "updated_at", "changed_xid", "known_at"}
# What is computed from a row goes with it; anything else that leads to it keeps it.
DERIVED = {
    "crm_score", "crm_value", "crm_recommendation", "crm_matchkey", "crm_duplicatepair",
    "crm_productfigures", "crm_productpair", "crm_basket", "analytics_prediction",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Owned:
    """Rows that stand or fall with the row that `column` leads to."""

    table: str
    parent: str
    column: str
    condition: str = "true"


OWNED = (
    Owned("crm_orderline", "crm_order", "order_id"),
    Owned("crm_attributevalue", "crm_account", "account_id"),
    *(
        Owned("crm_externalid", f"crm_{kind}", "row_id", f"child.kind = '{kind}'")
        for kind in ("account", "contact", "subscription", "payment", "ticket")
    ),
)

_ROWS = """
    CREATE TEMPORARY TABLE undo_rows AS
    SELECT step.id AS step_id, step.table_name, step.action, step.xid, touched.row_id, touched.revision,
        NULL::text AS refused,
        step.id = max(step.id) OVER (PARTITION BY step.table_name, touched.row_id) AS is_last
    FROM crm_changedrows AS step
    CROSS JOIN LATERAL unnest(step.row_ids, step.revisions) AS touched (row_id, revision)
    WHERE step.change_set_id = %s AND step.xid = %s::xid8 AND step.id <= %s
"""
_STEPS = """
    SELECT id, table_name, action FROM crm_changedrows
    WHERE change_set_id = %s AND xid = %s::xid8 AND id <= %s ORDER BY id DESC
"""
# Nobody may edit a row, or hang anything on it, between being asked about it and being taken back.
_LOCKED = """
    SELECT count(*) FROM (
        SELECT FROM {table} AS t
        WHERE id IN (SELECT row_id FROM undo_rows WHERE table_name = {name}) ORDER BY id FOR UPDATE OF t
    ) AS locked
"""
_EDITED = """
    UPDATE undo_rows AS mine SET refused = CASE WHEN now_is.id IS NULL THEN 'gone' ELSE 'edited' END
    FROM undo_rows AS same LEFT JOIN {table} AS now_is ON now_is.id = same.row_id
    WHERE mine.table_name = {name} AND mine.is_last AND mine.action <> 'deleted'
        AND same.table_name = {name} AND same.row_id = mine.row_id AND same.is_last
        AND (now_is.id IS NULL OR NOT {is_ours})
"""
_TAKEN = """
    UPDATE undo_rows AS mine SET refused = 'taken' FROM {table} AS now_is
    WHERE mine.table_name = {name} AND mine.is_last AND mine.action = 'deleted' AND now_is.id = mine.row_id
"""
_IN_USE = """
    UPDATE undo_rows AS mine SET refused = 'in_use' FROM {child} AS child
    WHERE mine.table_name = {name} AND mine.action = 'inserted' AND mine.refused IS NULL
        AND child.{column} = mine.row_id AND NOT EXISTS (
            SELECT FROM undo_rows AS ours
            WHERE ours.table_name = {child_name} AND ours.row_id = child.id AND ours.action = 'inserted'
                AND {goes}
        )
"""
_WHOLE = """
    UPDATE undo_rows AS mine SET refused = 'edited'
    FROM undo_rows AS part JOIN {child} AS child ON child.id = part.row_id
    WHERE mine.table_name = {parent} AND mine.refused IS NULL AND part.table_name = {child_name}
        AND part.refused IS NOT NULL AND {condition} AND child.{column} = mine.row_id
"""
# Lines that somebody added to an order that the change set only updated.
_ADDED = """
    UPDATE undo_rows AS mine SET refused = 'edited' FROM {child} AS child
    WHERE mine.table_name = {parent} AND mine.action = 'updated' AND mine.refused IS NULL
        AND child.{column} = mine.row_id AND child.changed_xid > mine.xid
"""
# Bulk edits are of few rows and tell the feed of each account, an import of itself as a whole.
_TOLD = """
    SELECT DISTINCT t.{account} FROM undo_rows JOIN {table} AS t ON t.id = row_id
    WHERE table_name = {name} AND is_last AND refused IS NULL ORDER BY 1
"""
_LEADS_TO_ACCOUNT = {"crm_account": "id", "crm_contact": "account_id", "crm_ticket": "account_id"}
_PARTS = """
    UPDATE undo_rows AS part SET refused = 'edited'
    FROM undo_rows AS mine, crm_changedrows AS step
    CROSS JOIN LATERAL unnest(step.row_ids) WITH ORDINALITY AS touched (row_id, place)
    LEFT JOIN {child} AS child ON child.id = touched.row_id
    WHERE part.table_name = {child_name} AND part.refused IS NULL AND step.id = part.step_id
        AND touched.row_id = part.row_id AND mine.table_name = {parent} AND mine.refused IS NOT NULL
        AND {condition}
        AND mine.row_id = coalesce(
            child.{column}, (step.old_rows -> (place - 1)::int ->> {column_name})::bigint
        )
"""


@dataclass(frozen=True, slots=True)
class Undone:
    """What came of one group of writes, or of all."""

    rows: int
    refused: int


def next_group(change_set: ChangeSet) -> tuple[int, int] | None:
    """Return the transaction of the newest writes that still stand, and its last step."""
    through = change_set.data.get("undone_to")
    steps = change_set.steps.all() if through is None else change_set.steps.filter(pk__lt=through)
    return steps.order_by("-pk").values_list("xid", "pk").first()


def undo_group(
    *, change_set: ChangeSet, group: tuple[int, int], fence: Callable[[], None] = lambda: None
) -> Undone:
    """Take back what one transaction wrote, in one transaction, and remember how far we are."""
    xid, last = group
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS undo_rows")
        cursor.execute("SET LOCAL random_page_cost = 1.1; SET LOCAL work_mem = '64MB'; SET LOCAL jit = off")
        cursor.execute(_ROWS, [change_set.pk, str(xid), last])
        cursor.execute("CREATE INDEX ON undo_rows (table_name, row_id)")
        cursor.execute("ANALYZE undo_rows")
        _refuse(cursor)
        cursor.execute(_STEPS, [change_set.pk, str(xid), last])
        rows, first = 0, last
        for step_id, table, action in cursor.fetchall():
            rows += _UNDO[action](cursor, step_id, table)
            first = step_id
        if change_set.kind == ChangeSet.Kind.BULK_EDIT:
            _tell_accounts(cursor, change_set)
        refused = _remember(cursor, change_set, first=first, rows=rows)
        fence()
    return Undone(rows, refused)


def undo(*, change_set: ChangeSet) -> Undone:
    """Take all of it back in one transaction: for change sets of few rows.

    What was refused is listed in `change_set.data["refused"]`.
    """
    rows = refused = 0
    with transaction.atomic():
        while group := next_group(change_set):
            done = undo_group(change_set=change_set, group=group)
            rows, refused = rows + done.rows, refused + done.refused
        mark_undone(change_set)
    return Undone(rows, refused)


def mark_undone(change_set: ChangeSet) -> None:
    """Close a change set whose steps are all taken back, and tell the change feed."""
    ChangeSet.objects.filter(pk=change_set.pk).update(state=ChangeSet.State.UNDONE, undone_at=Now())
    source = change_set.source_import
    if source is not None:
        Import.objects.filter(pk=source.pk).update(state=Import.State.UNDONE)
        record_change(
            kind="import.undone",
            object_id=source.pk,
            data={"book": source.book.code, "layout": source.layout},
        )


def _refuse(cursor: CursorWrapper) -> None:
    """Mark the rows that are not ours any more, and those that hang together with such."""
    cursor.execute("SELECT DISTINCT table_name FROM undo_rows")
    tables = sorted(table for (table,) in cursor.fetchall())
    for table in tables:
        cursor.execute(SQL(_LOCKED).format(table=Identifier(table), name=Literal(table)))
    for table in tables:
        named = {"table": Identifier(table), "name": Literal(table)}
        cursor.execute(SQL(_EDITED).format(is_ours=SQL(_is_ours(cursor, table)), **named))
        cursor.execute(SQL(_TAKEN).format(**named))
    _refuse_in_use(cursor, tables, goes="true")
    for owned in OWNED:
        if owned.table in tables and owned.parent in tables:
            _refuse_together(cursor, owned)
    cursor.execute("SELECT EXISTS (SELECT FROM undo_rows WHERE refused IS NOT NULL)")
    if cursor.fetchone()[0]:  # what stays needs what it leads to, as a value its attribute
        _refuse_in_use(cursor, tables, goes="ours.refused IS NULL")


def _refuse_in_use(cursor: CursorWrapper, tables: list[str], *, goes: str) -> None:
    """Mark rows that something leads to but what is taken back with them, as far as it `goes`."""
    for table in tables:
        for child, column in _referring(cursor, table):
            if child not in DERIVED:
                named = {
                    "table": Identifier(table),
                    "name": Literal(table),
                    "child": Identifier(child),
                    "child_name": Literal(child),
                    "column": Identifier(column),
                    "goes": SQL(goes),
                }
                cursor.execute(SQL(_IN_USE).format(**named))


def _refuse_together(cursor: CursorWrapper, owned: Owned) -> None:
    named = {
        "child": Identifier(owned.table),
        "child_name": Literal(owned.table),
        "parent": Literal(owned.parent),
        "column": Identifier(owned.column),
        "column_name": Literal(owned.column),
        "condition": SQL(owned.condition),
    }
    cursor.execute(SQL(_WHOLE).format(**named))
    if "changed_xid" in _columns(cursor, owned.table):
        cursor.execute(SQL(_ADDED).format(**named))
    cursor.execute(
        "SELECT EXISTS (SELECT FROM undo_rows WHERE table_name = %s AND refused IS NOT NULL)", [owned.parent]
    )
    if cursor.fetchone()[0]:  # rarely
        cursor.execute(SQL(_PARTS).format(**named))


def _is_ours(cursor: CursorWrapper, table: str) -> str:
    columns = _columns(cursor, table)
    if "revision" in columns:
        return "coalesce(now_is.revision = same.revision, now_is.revision = 1)"
    if "changed_xid" in columns:
        return "now_is.changed_xid = same.xid"
    return "now_is.xmin::text = (same.xid::text::numeric % 4294967296)::text"


def _columns(cursor: CursorWrapper, table: str) -> list[str]:
    cursor.execute(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        [table],
    )
    return [name for (name,) in cursor.fetchall()]


def _referring(cursor: CursorWrapper, table: str) -> list[tuple[str, str]]:
    """Return the tables and columns that lead to a row of this table."""
    cursor.execute(
        """SELECT conrelid::regclass::text, attname::text FROM pg_constraint
           JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
           WHERE confrelid = %s::regclass AND contype = 'f' AND conparentid = 0""",
        [table],
    )
    return [(child, column) for child, column in cursor.fetchall()]


def _undo_inserted(cursor: CursorWrapper, step_id: int, table: str) -> int:
    for child, column in _referring(cursor, table):
        if child in DERIVED:
            cursor.execute(
                SQL("DELETE FROM {} WHERE {} IN ({})").format(
                    Identifier(child), Identifier(column), _rows_of(step_id)
                )
            )
    cursor.execute(SQL("DELETE FROM {} WHERE id IN ({})").format(Identifier(table), _rows_of(step_id)))
    return int(cursor.rowcount)


def _undo_updated(cursor: CursorWrapper, step_id: int, table: str) -> int:
    names = [name for name in _columns(cursor, table) if name not in STAMPS]
    pairs = [SQL("{0} = was.{0}").format(Identifier(name)) for name in names]
    cursor.execute(
        SQL("UPDATE {table} AS t SET {pairs} FROM ({old}) AS was WHERE t.id = was.id").format(
            table=Identifier(table), pairs=SQL(", ").join(pairs), old=_old_rows(step_id, table)
        )
    )
    return int(cursor.rowcount)


def _undo_deleted(cursor: CursorWrapper, step_id: int, table: str) -> int:
    names = _columns(cursor, table)
    stamps = {"changed_xid": "pg_current_xact_id()", "known_at": "clock_timestamp()"}
    values = [SQL(stamps[name]) if name in stamps else Identifier(name) for name in names]
    cursor.execute(
        SQL(
            "INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {values} FROM ({old}) AS was"
        ).format(
            table=Identifier(table),
            names=SQL(", ").join(map(Identifier, names)),
            values=SQL(", ").join(values),
            old=_old_rows(step_id, table),
        )
    )
    return int(cursor.rowcount)


_UNDO: dict[str, Callable[[CursorWrapper, int, str], int]] = {
    "inserted": _undo_inserted,
    "updated": _undo_updated,
    "deleted": _undo_deleted,
}


def _rows_of(step_id: int) -> Composable:
    return SQL("SELECT row_id FROM undo_rows WHERE step_id = {} AND refused IS NULL").format(step_id)


def _old_rows(step_id: int, table: str) -> Composable:
    return SQL("""
        SELECT was.* FROM crm_changedrows AS step
        CROSS JOIN LATERAL jsonb_populate_recordset(NULL::{table}, step.old_rows) AS was
        WHERE step.id = {step_id} AND was.id IN ({rows})
    """).format(table=Identifier(table), step_id=Literal(step_id), rows=_rows_of(step_id))


def _tell_accounts(cursor: CursorWrapper, change_set: ChangeSet) -> None:
    """Tell the change feed of each account, and find its doubles by what it is called again."""
    for table, column in _LEADS_TO_ACCOUNT.items():
        named = {"table": Identifier(table), "name": Literal(table), "account": Identifier(column)}
        cursor.execute(SQL(_TOLD).format(**named))
        accounts = [pk for (pk,) in cursor.fetchall()]
        if accounts and change_set.data.get("edit") == "clean":
            store_keys(accounts)
        record_changes(kind="account.updated", pairs=[(pk, pk) for pk in accounts])


def _remember(cursor: CursorWrapper, change_set: ChangeSet, *, first: int, rows: int) -> int:
    """Store how far the undo has come and what it left alone; return how many rows that were."""
    cursor.execute("SELECT table_name, row_id, refused FROM undo_rows WHERE refused IS NOT NULL AND is_last")
    refused = [
        {"table": table, "id": row_id, "code": code}
        for table, row_id, code in cursor.fetchall()
        if code != "gone"
    ]
    data: dict[str, Any] = dict(change_set.data)
    listed = [*data.get("refused", []), *refused]
    data |= {
        "undone_to": first,
        "undone_rows": data.get("undone_rows", 0) + rows,
        "refused_rows": data.get("refused_rows", 0) + len(refused),
        "refused": listed[:REFUSALS_KEPT],
    }
    ChangeSet.objects.filter(pk=change_set.pk).update(data=data)
    change_set.data = data
    return len(refused)
