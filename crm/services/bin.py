"""Deleting that can be taken back: the record and all it owns move into `Bin` as JSON.

Everything happens inside PostgreSQL, so that amounts and moments come back to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

from crm.models import Account, Bin, Contact, ExternalId, Invoice, Order, User
from crm.models.base import Fact
from crm.services.feed import record_change
from crm.services.owned import Owned, referrers

EXTERNAL_KINDS: dict[str, type[Model]] = {
    "account": Account, "contact": Contact, "order": Order, "invoice": Invoice,
}  # fmt: skip


class RestoreConflictError(Exception):
    """The record can't come back: something else took its place. `constraint` says what."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


class _Binned(Owned):
    """What goes into the bin with a record: its rows, and what other systems call them."""

    def gather_external_ids(self) -> None:
        for kind, model in EXTERNAL_KINDS.items():
            if ids := self.ids.get(model):
                rows = ExternalId.objects.filter(kind=kind, row_id__in=ids)
                self.gather(ExternalId, set(rows.values_list("pk", flat=True)))

    def let_go(self) -> None:
        """Make rows that stay forget those that go, such as a browser whose it was."""
        for model, ids in self.ids.items():
            for other, column in referrers(model):
                staying = other._base_manager.filter(**{f"{column}__in": ids})
                staying.exclude(pk__in=self.ids.get(other, ())).update(**{column: None})


@transaction.atomic
def move_to_bin(*, account: Account, by: User) -> Bin:
    """Delete an account with everything it owns, so that `restore` can put it back."""
    owned = _Binned()
    owned.gather(Account, {account.pk})
    owned.gather_external_ids()
    entry = Bin.objects.create(
        kind="crm.account", object_id=account.pk, label=account.name, rows=[], deleted_by=by
    )
    with connection.cursor() as cursor:
        for model, ids in owned.ids.items():
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(
                f"""UPDATE crm_bin SET rows = rows || (
                        SELECT coalesce(jsonb_agg(jsonb_build_object('table', %s::text, 'row', to_jsonb(t))
                                                  ORDER BY t.id), '[]'::jsonb)
                        FROM {table} AS t WHERE t.id = ANY(%s)
                    ) WHERE id = %s""",
                [model._meta.db_table, list(ids), entry.pk],
            )
        owned.let_go()
        for model, ids in owned.ids.items():
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"DELETE FROM {table} WHERE id = ANY(%s)", [list(ids)])
    record_change(kind="account.deleted", object_id=account.pk, account_id=account.pk)
    return entry


@transaction.atomic
def restore(*, entry: Bin) -> int:
    """Put a deleted record back with all its rows and return the record's id.

    Facts are known again from now on; until now their past versions speak for them.

    :raises RestoreConflictError: naming the constraint that something else took meanwhile.
    """
    facts = {model._meta.db_table for model in _fact_models()}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            for table in _tables_of(entry):
                _insert_rows(cursor, entry, table, is_fact=table in facts)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        raise RestoreConflictError(getattr(diagnosis, "constraint_name", None) or "unknown") from error
    Bin.objects.filter(pk=entry.pk).delete()
    record_change(kind="account.updated", object_id=entry.object_id, account_id=entry.object_id)
    return entry.object_id


def _insert_rows(cursor: CursorWrapper, entry: Bin, table: str, *, is_fact: bool) -> None:
    renewed = {"changed_xid": "pg_current_xact_id()::text"}
    if is_fact:
        renewed["known_at"] = "clock_timestamp()"
    stamps = ", ".join(f"'{column}', {value}" for column, value in renewed.items())
    name = connection.ops.quote_name(table)
    cursor.execute(
        f"""INSERT INTO {name} OVERRIDING SYSTEM VALUE
            SELECT (jsonb_populate_record(NULL::{name}, (item -> 'row') || jsonb_build_object({stamps}))).*
            FROM crm_bin, jsonb_array_elements(rows) AS item
            WHERE crm_bin.id = %s AND item ->> 'table' = %s""",
        [entry.pk, table],
    )


def _tables_of(entry: Bin) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT item ->> 'table' FROM crm_bin, jsonb_array_elements(rows) AS item
               WHERE crm_bin.id = %s""",
            [entry.pk],
        )
        return [table for (table,) in cursor]


def _fact_models() -> Iterator[type[Model]]:
    pending = list(Fact.__subclasses__())
    while pending:
        model = pending.pop()
        pending += model.__subclasses__()
        yield model
