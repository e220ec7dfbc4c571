"""Erasing an account for good, whether it stands or was deleted.

Of a standing account the amounts and dates stay, as nobody's: orders, invoices and payments are owed to
the books, and models learn from them. Of a deleted one nothing stays. What is about either in files is
found first (`erasure_traces`), by marks that are gone afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Model
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from crm.models import (
    Account,
    Activity,
    Bin,
    Contact,
    DeletedKey,
    DuplicatePair,
    Erasure,
    ExternalId,
    Job,
    MatchKey,
    Task,
    Ticket,
    User,
)
from crm.models.base import Fact
from crm.models.personal import PERSONAL_COLUMNS
from crm.selectors.audit import tracked_models
from crm.services.feed import record_change
from crm.services.jobs import enqueue
from crm.services.merges import forget_merges, merged_into, seal_merges

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
# What browsers did for the account before it was known whose they are is the account's too, but for
# what they did for another one.
KEYS = """
    SELECT key FROM (
        SELECT key FROM crm_visitor WHERE account_id = ANY(%(ids)s)
        UNION SELECT visitor FROM crm_event WHERE account_id = ANY(%(ids)s) AND visitor <> ''
    ) AS theirs WHERE key NOT IN (SELECT key FROM crm_visitor WHERE account_id <> ALL(%(ids)s))
"""
# Old versions of its tickets say when and of what kind, and no more.
TICKETS = """
    UPDATE crm_ticket_past SET subject = '–', text = '', contact_id = NULL
    WHERE account_id = ANY(%(ids)s) OR id IN (SELECT id FROM crm_ticket WHERE account_id = ANY(%(ids)s))
"""
# Columns of an account that name it or say how to reach it, and custom attributes, which may hold anything.
EMPTIED = {"name": "–", "website": "", "tax_id": "", "email": "", "phone": "", "attributes": {}}
NAMED: dict[str, type[Model]] = {"contact": Contact, "ticket": Ticket}  # by external ids too
REMOVED: dict[str, type[Model]] = {"activities": Activity, "tasks": Task, "contacts": Contact}


def start_erasure(*, account_id: int, by: User | None) -> Job:
    """Erase an account in the background; asked for twice, it is one job."""
    params = {"account": account_id}
    scope = f"account:{account_id}"
    return enqueue(task="crm.erase_account", scope=scope, params=params, owner=by, coalesces=True)


@transaction.atomic
def erase_standing(
    *, account: Account, by: User | None, traces: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Empty everything personal of an account and return how much of what it was.

    :param traces: what was emptied before, of files: it is written down with the erasure.

    Its facts stay with their amounts and dates. Doing it twice is harmless. There is no way back.
    """
    account = Account.objects.select_for_update(of=("self",)).get(pk=account.pk)
    ids = [account.pk, *merged_into(account.pk)]  # what was merged into it was the same customer
    counts = _remove_rows(account, ids)
    Account.objects.filter(pk=account.pk).update(**EMPTIED)
    with connection.cursor() as cursor:
        _erase_audit(cursor, ids)
        cursor.execute("DELETE FROM crm_attributevalue_past WHERE account_id = ANY(%s)", [ids])
        cursor.execute(TICKETS, {"ids": ids})
        cursor.execute(STEPS, {"ids": ids})
    seal_merges(ids)
    # From here on the audit log tells again: by whom, when, and nothing of what was.
    mark = account.public_id.hex[-8:]
    Account.objects.filter(pk=account.pk).update(name=_("Erased account %(mark)s") % {"mark": mark})
    Erasure.objects.update_or_create(
        public_id=account.public_id,
        defaults={"erased_at": Now(), "erased_by": by, "counts": {**(traces or {}), **counts}},
    )
    _tell(account.pk, ids, by)
    record_change(kind="account.updated", object_id=account.pk, account_id=account.pk)  # to be scored anew
    return counts


@transaction.atomic
def erase_account(*, entry: Bin, by: User | None = None, traces: Mapping[str, int] | None = None) -> None:
    """Erase what is left of an account in the bin, and have the files of analysis written anew.

    Doing it twice is harmless. There is no way back.
    """
    account_id = entry.object_id
    ids = [account_id, *merged_into(account_id)]  # what was merged into it was the same customer
    with connection.cursor() as cursor:
        _erase_audit_of_bin(cursor, entry)
        _erase_audit(cursor, ids)
        _erase_visitors_of_bin(cursor, entry)
        for pk in ids:
            _erase_past(cursor, pk)
        cursor.execute(STEPS, {"ids": ids})
    forget_merges(ids)
    DeletedKey.objects.filter(table_name="crm_account", row_id__in=ids).delete()
    Bin.objects.filter(pk=entry.pk).delete()
    for item in entry.rows:
        kind = item["table"].removeprefix("crm_")
        ExternalId.objects.filter(kind=kind, row_id=item["row"].get("id") or 0).delete()
        if item["table"] == Account._meta.db_table:
            Erasure.objects.update_or_create(
                public_id=item["row"]["public_id"],
                defaults={"erased_at": Now(), "erased_by": by, "counts": dict(traces or {})},
            )
    _tell(account_id, ids, by)


def _tell(account_id: int, ids: Sequence[int], by: User | None) -> None:
    record_change(kind="account.erased", object_id=account_id, account_id=account_id)
    enqueue(task="analytics.forget", scope=f"account:{account_id}", params={"accounts": list(ids)}, owner=by)


def _remove_rows(account: Account, ids: Sequence[int]) -> dict[str, int]:
    """Remove what is about people, and return how many rows of each kind there were."""
    counts = {"events": _erase_behaviour(ids)}
    ExternalId.objects.filter(kind="account", row_id=account.pk).delete()
    for kind, model in NAMED.items():
        mine = model._base_manager.filter(account=account).values_list("pk", flat=True)
        ExternalId.objects.filter(kind=kind, row_id__in=list(mine)).delete()
    for name, model in REMOVED.items():
        counts[name] = model._base_manager.filter(account=account).count()
        model._base_manager.filter(account=account).delete()
    tickets = Ticket.objects.filter(account=account)
    counts["tickets"] = tickets.update(subject="–", text="")
    MatchKey.objects.filter(account=account).delete()
    for side in ("first", "second"):
        DuplicatePair.objects.filter(**{side: account}).delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM crm_attributevalue WHERE account_id = %s", [account.pk])
        counts["attribute_values"] = cursor.rowcount
    return counts


def _erase_behaviour(ids: Sequence[int]) -> int:
    """Remove what the account did on sites, with the browsers that did it; return how many events."""
    with connection.cursor() as cursor:
        cursor.execute(KEYS, {"ids": list(ids)})
        keys = [key for (key,) in cursor.fetchall()]
        theirs = "account_id = ANY(%s) OR account_id IS NULL AND visitor = ANY(%s)"
        cursor.execute(f"DELETE FROM crm_event WHERE {theirs}", [list(ids), keys])
        events = int(cursor.rowcount)
        cursor.execute(f"DELETE FROM crm_event_past WHERE {theirs}", [list(ids), keys])
        forget_visitors(cursor, keys)
    return events


def forget_visitors(cursor: CursorWrapper, keys: Sequence[str]) -> None:
    """Forget browsers; what they did is for the caller to remove."""
    known = "SELECT id FROM crm_visitor WHERE key = ANY(%s)"
    cursor.execute(f"DELETE FROM crm_websession WHERE visitor_id IN ({known})", [list(keys)])
    cursor.execute("DELETE FROM crm_visitor WHERE key = ANY(%s)", [list(keys)])


def _erase_audit(cursor: CursorWrapper, ids: Sequence[int]) -> None:
    """Remove old versions of the account and of its rows, of those too that were deleted long ago."""
    for table, (_event, model) in tracked_models().items():
        if model._meta.label not in PERSONAL_COLUMNS:
            continue
        columns = {field.attname for field in model._meta.concrete_fields}
        column = "pgh_obj_id" if model is Account else "account_id"
        if model is Account or "account_id" in columns:
            name = connection.ops.quote_name(table)
            cursor.execute(f"DELETE FROM {name} WHERE {column} = ANY(%s)", [list(ids)])


def _erase_audit_of_bin(cursor: CursorWrapper, entry: Bin) -> None:
    """Remove old versions of everything that was deleted with the account."""
    for table, (_event, model) in tracked_models().items():
        cursor.execute(
            f"""DELETE FROM {connection.ops.quote_name(table)} WHERE pgh_obj_id IN (
                    SELECT (item -> 'row' ->> 'id')::bigint
                    FROM crm_bin, jsonb_array_elements(rows) AS item
                    WHERE crm_bin.id = %s AND item ->> 'table' = %s)""",
            [entry.pk, model._meta.db_table],
        )


def _erase_visitors_of_bin(cursor: CursorWrapper, entry: Bin) -> None:
    """Forget the browsers that did something for the account, unless they are another one's by now."""
    cursor.execute(
        """SELECT DISTINCT item -> 'row' ->> 'visitor' FROM crm_bin, jsonb_array_elements(rows) AS item
           WHERE crm_bin.id = %s AND item ->> 'table' = 'crm_event' AND item -> 'row' ->> 'visitor' <> ''
           AND item -> 'row' ->> 'visitor' NOT IN
               (SELECT key FROM crm_visitor WHERE account_id IS NOT NULL)""",
        [entry.pk],
    )
    keys = [key for (key,) in cursor.fetchall()]
    forget_visitors(cursor, keys)
    cursor.execute("DELETE FROM crm_event WHERE account_id IS NULL AND visitor = ANY(%s)", [keys])
    cursor.execute("DELETE FROM crm_event_past WHERE visitor = ANY(%s)", [keys])


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
