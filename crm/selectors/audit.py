"""Who changed what: the old rows that triggers kept, beside the rows that replaced them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.apps import apps
from django.db import connection, models

from crm.models import Account
from crm.selectors.words import record_words

IGNORED = {"id", "public_id", "revision"}
LABELS = ("name", "label", "title", "subject", "username")  # what a record is called by
PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class FieldChange:
    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One edit or deletion. `model` is the label of what was changed, e.g. "crm.account"."""

    at: datetime
    table: str
    pk: int
    object_id: int
    action: str  # "update" | "delete"
    actor_id: int | None
    label: str
    changes: list[FieldChange]

    @property
    def model(self) -> type[models.Model]:
        return tracked_models()[self.table][1]

    @property
    def kind(self) -> str:
        return record_words(str(self.model._meta.model_name))


@cache
def tracked_models() -> dict[str, tuple[type[models.Model], type[models.Model]]]:
    """Return the event model and the model it watches, by the event model's table."""
    return {
        model._meta.db_table: (model, model.pgh_tracked_model)
        for model in apps.get_models()
        if hasattr(model, "pgh_tracked_model")
    }


def list_audit(
    *,
    account: Account | None = None,
    table: str = "",
    actor_id: int | None = None,
    older_than: tuple[datetime, str, int] | None = None,
    limit: int = PER_PAGE,
) -> list[AuditEntry]:
    """Return the newest edits, of everything or of one account and its rows, one more than asked."""
    parameters: dict[str, Any] = {"limit": limit + 1, "actor": actor_id}
    if older_than:
        parameters |= dict(zip(("at", "table", "pk"), older_than, strict=True))
    if account:
        parameters["account"] = account.pk
    tables = [name for name in tracked_models() if not table or name == table]
    branches = list(_branches(tables, account=account, actor_id=actor_id, has_edge=older_than is not None))
    if not branches:
        return []
    union = " UNION ALL ".join(branches)
    sql = f"SELECT * FROM ({union}) AS entries ORDER BY 1 DESC, 2 DESC, 3 DESC LIMIT %(limit)s"
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [_entry(row) for row in cursor.fetchall()]


def _branches(
    tables: Iterable[str], *, account: Account | None, actor_id: int | None, has_edge: bool
) -> Iterator[str]:
    for name in tables:
        _event, tracked = tracked_models()[name]
        wanted = []
        if account is not None:
            columns = {field.attname for field in tracked._meta.concrete_fields}
            if tracked is not Account and "account_id" not in columns:
                continue
            column = "pgh_obj_id" if tracked is Account else "account_id"
            wanted.append(f"e.{column} = %(account)s")
        if actor_id is not None:
            wanted.append("(c.metadata ->> 'user')::bigint = %(actor)s")
        if has_edge:
            wanted.append(f"(e.pgh_created_at, '{name}', e.pgh_id) < (%(at)s, %(table)s, %(pk)s)")
        yield _BRANCH.format(event=name, tracked=tracked._meta.db_table, where=" AND ".join(wanted) or "true")


# What replaced an old row is the next old row of the same object, or the object itself.
_BRANCH = """(
    SELECT e.pgh_created_at, '{event}', e.pgh_id, e.pgh_obj_id, e.pgh_label,
           (c.metadata ->> 'user')::bigint, to_jsonb(e),
           CASE WHEN e.pgh_label = 'update' THEN coalesce(
               (SELECT to_jsonb(n) FROM {event} n
                WHERE n.pgh_obj_id = e.pgh_obj_id AND n.pgh_id > e.pgh_id ORDER BY n.pgh_id LIMIT 1),
               (SELECT to_jsonb(t) FROM {tracked} t WHERE t.id = e.pgh_obj_id)
           ) END
    FROM {event} e LEFT JOIN pghistory_context c ON c.id = e.pgh_context_id
    WHERE {where}
    ORDER BY e.pgh_created_at DESC, e.pgh_id DESC LIMIT %(limit)s
)"""


def _entry(row: tuple[Any, ...]) -> AuditEntry:
    at, table, pk, object_id, action, actor_id = row[:6]
    before = json.loads(row[6])  # raw cursors leave JSON alone
    after = json.loads(row[7]) if row[7] else None
    label = next((str(before[name]) for name in LABELS if before.get(name)), "")
    return AuditEntry(at, table, pk, object_id, action, actor_id, label, list(_changes(before, after)))


def _changes(before: Mapping[str, Any], after: Mapping[str, Any] | None) -> Iterator[FieldChange]:
    """Yield what differs; of a deleted row everything it held."""
    for name, old in before.items():
        if name.startswith("pgh_") or name in IGNORED:
            continue
        new = None if after is None else after.get(name)
        if name == "attributes":
            yield from _attribute_changes(old or {}, new or {})
        elif (after is None and old not in (None, "", False)) or (after is not None and old != new):
            yield FieldChange(name, old, new)


def _attribute_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[FieldChange]:
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield FieldChange(f"attributes.{key}", old.get(key), new.get(key))
