"""Erasing an account for good: what deleting leaves, so that it can be taken back or learnt from.

Deleting keeps the rows in the bin, and their old versions, by number only, for models that would
otherwise forget the customers who left. Erasing ends both.
"""

from __future__ import annotations

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from crm.models import Bin, DeletedKey
from crm.models.base import Fact
from crm.services.feed import record_change
from crm.services.jobs import enqueue
from crm.services.merges import forget_merges, merged_into

# Tables into which triggers copy what people edit; the row that was edited is `pgh_obj_id`.
AUDITED = """
    SELECT table_name::text FROM information_schema.columns
    WHERE table_schema = current_schema() AND column_name = 'pgh_obj_id'
"""
# What imports and bulk edits would put back. An empty object in its place is put back nowhere.
STEPS = """
    UPDATE crm_changedrows AS step SET old_rows = (
        SELECT jsonb_agg(CASE WHEN
            (CASE step.table_name WHEN 'crm_account' THEN was ->> 'id' ELSE was ->> 'account_id' END)::bigint
                = ANY(%(ids)s) THEN '{}' ELSE was END ORDER BY place)
        FROM jsonb_array_elements(step.old_rows) WITH ORDINALITY AS each (was, place)
    )
    WHERE EXISTS (SELECT FROM unnest(%(ids)s::bigint[]) AS gone (id)
        WHERE step.old_rows @> jsonb_build_array(jsonb_build_object(
            CASE step.table_name WHEN 'crm_account' THEN 'id' ELSE 'account_id' END, gone.id)))
"""


@transaction.atomic
def erase_account(*, entry: Bin) -> None:
    """Erase what is left of an account in the bin, and have the files of analysis written anew.

    Doing it twice is harmless. There is no way back.
    """
    account_id = entry.object_id
    ids = [account_id, *merged_into(account_id)]  # what was merged into it was the same customer
    with connection.cursor() as cursor:
        _erase_audit(cursor, entry)
        cursor.execute("DELETE FROM crm_accountevent WHERE pgh_obj_id = ANY(%s)", [ids])
        _erase_visitors(cursor, entry)
        for pk in ids:
            _erase_past(cursor, pk)
        cursor.execute(STEPS, {"ids": ids})
    forget_merges(ids)
    DeletedKey.objects.filter(table_name="crm_account", row_id__in=ids).delete()
    Bin.objects.filter(pk=entry.pk).delete()
    record_change(kind="account.erased", object_id=account_id, account_id=account_id)
    enqueue(task="analytics.forget", scope=f"account:{account_id}", params={"accounts": ids})


def _erase_audit(cursor: CursorWrapper, entry: Bin) -> None:
    cursor.execute(AUDITED)
    for (audit,) in cursor.fetchall():
        cursor.execute(
            f"""DELETE FROM {connection.ops.quote_name(audit)} WHERE pgh_obj_id IN (
                    SELECT (item -> 'row' ->> 'id')::bigint
                    FROM crm_bin, jsonb_array_elements(rows) AS item
                    WHERE crm_bin.id = %s AND (item ->> 'table') || 'event' = %s)""",
            [entry.pk, audit],
        )


def _erase_visitors(cursor: CursorWrapper, entry: Bin) -> None:
    """Forget the browsers that did something for the account, unless they are another one's by now."""
    cursor.execute(
        """SELECT array_agg(visitor.id), array_agg(visitor.key) FROM crm_visitor AS visitor
           WHERE account_id IS NULL AND key IN (
               SELECT item -> 'row' ->> 'visitor' FROM crm_bin, jsonb_array_elements(rows) AS item
               WHERE crm_bin.id = %s AND item ->> 'table' = 'crm_event')""",
        [entry.pk],
    )
    ids, keys = cursor.fetchone()
    cursor.execute("DELETE FROM crm_websession WHERE visitor_id = ANY(%s)", [ids or []])
    cursor.execute("DELETE FROM crm_visitor WHERE id = ANY(%s)", [ids or []])
    cursor.execute("DELETE FROM crm_event_past WHERE visitor = ANY(%s)", [keys or []])


def _erase_past(cursor: CursorWrapper, account_id: int) -> None:
    cursor.execute(
        """DELETE FROM crm_orderline_past WHERE order_id IN
               (SELECT id FROM crm_order_past WHERE account_id = %(account)s)
           AND order_id NOT IN (SELECT id FROM crm_order)""",
        {"account": account_id},
    )
    for model in Fact.__subclasses__():
        if any(field.name == "account" for field in model._meta.fields):
            past = connection.ops.quote_name(f"{model._meta.db_table}_past")
            cursor.execute(f"DELETE FROM {past} WHERE account_id = %s", [account_id])
