"""Erasing a contact for good: one person, while the account and what others said of it stay."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connection, transaction
from django.db.models.functions import Now

from crm.models import Contact, Erasure, ExternalId, Job, User
from crm.services.erasure import forget_visitors
from crm.services.feed import record_change
from crm.services.jobs import enqueue
from crm.services.matching import store_keys

STEPS = """
    UPDATE crm_changedrows AS step SET old_rows = (
        SELECT jsonb_agg(CASE WHEN (was ->> 'id')::bigint = %(id)s THEN '{}' ELSE was END ORDER BY place)
        FROM jsonb_array_elements(step.old_rows) WITH ORDINALITY AS each (was, place)
    )
    WHERE table_name = 'crm_contact'
        AND old_rows @> jsonb_build_array(jsonb_build_object('id', %(id)s::bigint))
"""
THEIRS = "visitor = ANY(%(keys)s) AND (account_id = %(account)s OR account_id IS NULL)"


def start_contact_erasure(*, contact: Contact, by: User | None) -> Job:
    """Erase a contact in the background; asked for twice, it is one job."""
    params, scope = {"contact": contact.pk}, f"contact:{contact.pk}"
    return enqueue(task="crm.erase_account", scope=scope, params=params, owner=by, coalesces=True)


@transaction.atomic
def erase_contact(*, contact: Contact, by: User | None, traces: Mapping[str, int]) -> dict[str, int]:
    """Remove a contact with its old versions and what its browsers did; return how much of what it was.

    Activities and tickets of the account stay, without saying who it was with. There is no way back.
    """
    counts = {"contacts": 1, "events": _erase_behaviour(contact)}
    ExternalId.objects.filter(kind="contact", row_id=contact.pk).delete()
    account_id, pk = contact.account_id, contact.pk
    contact.delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM crm_contactevent WHERE pgh_obj_id = %s", [pk])
        cursor.execute(
            "UPDATE crm_ticket_past SET contact_id = NULL WHERE account_id = %s AND contact_id = %s",
            [account_id, pk],
        )
        cursor.execute(STEPS, {"id": pk})
    store_keys([account_id])
    Erasure.objects.update_or_create(
        public_id=contact.public_id,
        defaults={"erased_at": Now(), "erased_by": by, "counts": {**traces, **counts}},
    )
    record_change(kind="account.updated", object_id=account_id, account_id=account_id)
    enqueue(
        task="analytics.forget", scope=f"account:{account_id}", params={"accounts": [account_id]}, owner=by
    )
    return counts


def _erase_behaviour(contact: Contact) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM crm_visitor WHERE contact_id = %s", [contact.pk])
        keys = [key for (key,) in cursor.fetchall()]
        known: dict[str, int | list[str]] = {"keys": keys, "account": contact.account_id}
        cursor.execute(f"DELETE FROM crm_event WHERE {THEIRS}", known)
        events = int(cursor.rowcount)
        cursor.execute(f"DELETE FROM crm_event_past WHERE {THEIRS}", known)
        forget_visitors(cursor, keys)
    return events
