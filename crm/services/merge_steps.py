"""The steps of a merge and the way back, inside PostgreSQL: amounts and moments keep their last digit.

A row is still as the merge left it when a digest of its content says so. Neither `revision` nor
`changed_xid` could say that here: the row may have been carried on by a later merge and brought
back by its undoing, and both stamps would have moved without anybody having edited anything.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.db.models import Model

from crm.models import ChangedRows, ChangeSet
from crm.models.base import Fact

# Set by the database whenever it writes a row.
STAMPS = ("revision", "updated_at", "changed_xid", "known_at")


def table_of(model: type[Model]) -> str:
    return model._meta.db_table


def model_of(table: str) -> type[Model]:
    """Return the model of a table, wherever in the product it stands."""
    return next(model for model in apps.get_models() if model._meta.db_table == table)


def columns_of(model: type[Model]) -> list[str]:
    return [str(field.column) for field in model._meta.concrete_fields]


def move(
    change_set: ChangeSet, model: type[Model], column: str, *, old: int, new: int, only: str = "true"
) -> int:
    """Let all rows of `old` hang on `new`, remember each, and return how many there were."""
    revision = "revision" if "revision" in columns_of(model) else "NULL::int"
    return _run(
        f"""
        WITH moved AS (
            UPDATE {table_of(model)} AS t SET {column} = %(new)s WHERE {column} = %(old)s AND {only}
            RETURNING t.id, {revision} AS revision, {_digest('%(ignored)s')} AS digest
        )
        INSERT INTO crm_changedrows (change_set_id, table_name, action, row_ids, revisions, old_rows)
        SELECT %(change_set)s, %(table)s, 'updated', array_agg(id ORDER BY id),
               CASE WHEN count(revision) > 0 THEN array_agg(revision ORDER BY id) END,
               jsonb_agg(jsonb_build_object(%(column)s::text, %(old)s, 'digest', digest) ORDER BY id)
        FROM moved HAVING count(*) > 0
        RETURNING cardinality(row_ids)
        """,
        change_set, model, ignored=[*STAMPS, column], column=column, old=old, new=new,
    )  # fmt: skip


def remember_row(change_set: ChangeSet, model: type[Model], pk: int) -> None:
    """Remember a row that is about to be edited. `remember_edit` then keeps what became of it."""
    _run(
        f"""
        INSERT INTO crm_changedrows (change_set_id, table_name, action, row_ids, old_rows)
        SELECT %(change_set)s, %(table)s, 'updated', ARRAY[id], jsonb_build_array(to_jsonb(t))
        FROM {table_of(model)} AS t WHERE id = %(id)s RETURNING 1
        """,
        change_set, model, id=pk,
    )  # fmt: skip


def remember_edit(change_set: ChangeSet, model: type[Model], pk: int) -> None:
    """Keep of the row remembered last the fields that changed, each with a digest of its new value."""
    step = ChangedRows.objects.filter(change_set=change_set, table_name=table_of(model)).latest("pk")
    _execute(
        f"""
        UPDATE crm_changedrows AS s SET revisions = ARRAY[t.revision], old_rows = coalesce((
            SELECT jsonb_build_array(
                jsonb_object_agg(was.key, was.value)
                || jsonb_build_object('written', jsonb_object_agg(was.key, md5(became.value::text))))
            FROM jsonb_each(s.old_rows -> 0) AS was JOIN jsonb_each(to_jsonb(t)) AS became USING (key)
            WHERE was.value IS DISTINCT FROM became.value AND key <> ALL(%s) HAVING count(*) > 0
        ), '[{{"written": {{}}}}]')
        FROM {table_of(model)} AS t WHERE s.id = %s AND t.id = %s
        """,
        [list(STAMPS), step.pk, pk],
    )


def remember_updated(
    change_set: ChangeSet, model: type[Model], ids: Collection[int], old: dict[str, Any]
) -> int:
    """Remember rows that were just written, with what these columns held before in each of them."""
    return _run(
        f"""
        INSERT INTO crm_changedrows (change_set_id, table_name, action, row_ids, old_rows)
        SELECT %(change_set)s, %(table)s, 'updated', array_agg(id ORDER BY id),
               jsonb_agg(%(old)s::jsonb || jsonb_build_object('digest', {_digest('%(ignored)s')}) ORDER BY id)
        FROM {table_of(model)} AS t WHERE id = ANY(%(ids)s) HAVING count(*) > 0
        RETURNING cardinality(row_ids)
        """,
        change_set, model, ignored=[*STAMPS, *old], ids=list(ids), old=json.dumps(old),
    )  # fmt: skip


def remember_inserted(change_set: ChangeSet, model: type[Model], ids: Collection[int]) -> int:
    return _run(
        f"""
        INSERT INTO crm_changedrows (change_set_id, table_name, action, row_ids, old_rows)
        SELECT %(change_set)s, %(table)s, 'inserted', array_agg(id ORDER BY id),
               jsonb_agg(jsonb_build_object('digest', {_digest('%(ignored)s')}) ORDER BY id)
        FROM {table_of(model)} AS t WHERE id = ANY(%(ids)s) HAVING count(*) > 0
        RETURNING cardinality(row_ids)
        """,
        change_set, model, ignored=list(STAMPS), ids=list(ids),
    )  # fmt: skip


def remove(change_set: ChangeSet, model: type[Model], ids: Collection[int]) -> int:
    """Delete rows and keep them whole in the change set; return how many."""
    removed = _run(
        f"""
        INSERT INTO crm_changedrows (change_set_id, table_name, action, row_ids, old_rows)
        SELECT %(change_set)s, %(table)s, 'deleted', array_agg(id ORDER BY id),
               jsonb_agg(to_jsonb(t) ORDER BY id)
        FROM {table_of(model)} AS t WHERE id = ANY(%(ids)s) HAVING count(*) > 0
        RETURNING cardinality(row_ids)
        """,
        change_set, model, ids=list(ids),
    )  # fmt: skip
    _execute(f"DELETE FROM {table_of(model)} WHERE id = ANY(%s)", [list(ids)])
    return removed


def take_back(step: ChangedRows) -> list[dict[str, Any]]:
    """Undo one step where the rows are still as it left them; return what stays as it was edited."""
    model = model_of(step.table_name)
    old = (step.old_rows or [{}])[0]
    if "written" in old:
        kept = _restore_fields(step, model, old["written"])
        return [{"table": step.table_name, "id": step.row_ids[0], "field": name} for name in kept]
    undo = {
        ChangedRows.Action.UPDATED: _restore_columns,
        ChangedRows.Action.INSERTED: _delete_inserted,
        ChangedRows.Action.DELETED: _insert_deleted,
    }[ChangedRows.Action(step.action)]
    kept_ids = sorted(set(step.row_ids) - set(undo(step, model)))
    return [{"table": step.table_name, "id": pk} for pk in kept_ids]


# What a step remembers of each of its rows.
_KEPT = """
    WITH kept AS (
        SELECT r.id, o.old FROM crm_changedrows AS s
        CROSS JOIN LATERAL unnest(s.row_ids) WITH ORDINALITY AS r (id, n)
        JOIN LATERAL jsonb_array_elements(s.old_rows) WITH ORDINALITY AS o (old, n) ON o.n = r.n
        WHERE s.id = %(step)s
    )
"""


def _restore_columns(step: ChangedRows, model: type[Model]) -> list[int]:
    columns = sorted(set((step.old_rows or [{}])[0]) - {"digest"})
    return _ids(
        f"""{_KEPT} UPDATE {table_of(model)} AS t SET {_old_values(model, columns)} FROM kept
            WHERE t.id = kept.id AND {_digest("%(ignored)s")} = kept.old ->> 'digest' RETURNING t.id""",
        {"step": step.pk, "ignored": [*STAMPS, *columns, *_later_columns(step, model)]},
    )


def _restore_fields(step: ChangedRows, model: type[Model], written: dict[str, str]) -> list[str]:
    """Restore the fields of one row that nobody edited since; return the names of the others."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT key FROM {table_of(model)} AS t, jsonb_each(to_jsonb(t)) AS now (key, value)
                JOIN jsonb_each_text(%s::jsonb) AS ours (key, digest) USING (key)
                WHERE t.id = %s AND md5(now.value::text) = ours.digest""",
            [json.dumps(written), step.row_ids[0]],
        )
        unchanged = sorted(name for (name,) in cursor.fetchall())
    if unchanged:
        _ids(
            f"""{_KEPT} UPDATE {table_of(model)} AS t SET {_old_values(model, unchanged)} FROM kept
                WHERE t.id = kept.id RETURNING t.id""",
            {"step": step.pk},
        )
    return sorted(set(written) - set(unchanged))


def _old_values(model: type[Model], columns: Sequence[str]) -> str:
    """Return the SQL that gives columns their old values; whoever is gone is nobody's owner."""
    values = {name: f"(jsonb_populate_record(NULL::{table_of(model)}, kept.old)).{name}" for name in columns}
    for field, target in _keys(model):
        if field.column in values and field.null:
            values[field.column] = f"(SELECT id FROM {table_of(target)} WHERE id = {values[field.column]})"
    return ", ".join(f"{name} = {value}" for name, value in values.items())


def _delete_inserted(step: ChangedRows, model: type[Model]) -> list[int]:
    return _ids(
        f"""{_KEPT} DELETE FROM {table_of(model)} AS t USING kept
            WHERE t.id = kept.id AND {_digest("%(ignored)s")} = kept.old ->> 'digest' RETURNING t.id""",
        {"step": step.pk, "ignored": [*STAMPS, *_later_columns(step, model)]},
    )


def _insert_deleted(step: ChangedRows, model: type[Model]) -> list[int]:
    """Insert the rows whose neighbours still exist; a key that may be empty is emptied instead."""
    renewed = {"changed_xid": "pg_current_xact_id()::text"} if "changed_xid" in columns_of(model) else {}
    if issubclass(model, Fact):
        renewed["known_at"] = "clock_timestamp()"
    wanted, emptied = [], {}
    for field, target in _keys(model):
        found = f"(SELECT id FROM {table_of(target)} WHERE id = (old ->> '{field.column}')::bigint)"
        if field.null:
            emptied[str(field.column)] = found
        else:
            wanted.append(f"{found} IS NOT NULL")
    changes = ", ".join(f"'{column}', {value}" for column, value in {**renewed, **emptied}.items())
    return _ids(
        f"""{_KEPT} INSERT INTO {table_of(model)} OVERRIDING SYSTEM VALUE
            SELECT (jsonb_populate_record(NULL::{table_of(model)}, old || jsonb_build_object({changes}))).*
            FROM kept WHERE {" AND ".join(wanted) or "true"} RETURNING id""",
        {"step": step.pk},
    )


def _keys(model: type[Model]) -> Iterator[tuple[models.Field[Any, Any], type[Model]]]:
    for field in model._meta.concrete_fields:
        if isinstance(field, models.ForeignKey) and is_enforced(field):
            yield field, field.related_model


def is_enforced(field: models.Field[Any, Any]) -> bool:
    """Say whether the database keeps this key. Those of the audit's tables it does not."""
    return bool(getattr(field, "db_constraint", False))


def _later_columns(step: ChangedRows, model: type[Model]) -> list[str]:
    """Return the columns that the table has been given since the step."""
    known = step.change_set.data.get("columns", {}).get(step.table_name)
    return sorted(set(columns_of(model)) - set(known)) if known else []


def _digest(ignored: str) -> str:
    return f"md5((to_jsonb(t) - {ignored}::text[])::text)"


def _run(sql: str, change_set: ChangeSet, model: type[Model], **parameters: Any) -> int:
    """Run a statement that writes one step, and return of how many rows; 0 where there were none."""
    table = table_of(model)
    change_set.data.setdefault("columns", {})[table] = columns_of(model)
    found = _ids(sql, {"change_set": change_set.pk, "table": table, **parameters})
    return found[0] if found else 0


def _ids(sql: str, parameters: dict[str, Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [row[0] for row in cursor.fetchall()]


def _execute(sql: str, parameters: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
