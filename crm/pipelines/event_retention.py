"""Forgetting events that have been kept long enough, and everything that was kept because of them."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from crm.models import Event
from crm.selectors.sites import list_retention
from crm.services.job_runs import RunningJob

BATCH = 20_000
# Senders repeat themselves within hours. Keys of imported files last as long as their events.
KEEP_KEYS_DAYS = 90

# The name tells the month; it is over when the next one has begun.
OLD_PARTITIONS = """
SELECT child.relname, to_date(right(child.relname, 7), 'YYYY_MM') FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = 'crm_event'::regclass AND child.relname ~ '_[0-9]{4}_[0-9]{2}$'
AND to_date(right(child.relname, 7), 'YYYY_MM') + interval '1 month' <= now() - make_interval(days => %s)
ORDER BY child.relname
"""
# Dropping fires no trigger: the lake is told here.
REMEMBER = "INSERT INTO crm_deletedkey (table_name, row_id) SELECT 'crm_event', id FROM {}"
FORGET_PAST_OF_MONTH = """
DELETE FROM crm_event_past WHERE at >= %(month)s::date::timestamp AT TIME ZONE 'UTC'
AND at < (%(month)s::date + interval '1 month') AT TIME ZONE 'UTC'
"""
DELETE = """
DELETE FROM crm_event WHERE (id, at) IN (
    SELECT id, at FROM crm_event WHERE kind = %s AND at < now() - make_interval(days => %s) LIMIT %s
)
RETURNING id
"""
FORGET_PAST = "DELETE FROM crm_event_past WHERE id = ANY(%s)"
DELETE_KEYS = """
DELETE FROM crm_eventkey WHERE id IN (
    SELECT id FROM crm_eventkey WHERE at < now() - make_interval(days => %(days)s)
    AND (source LIKE 'site:%%' OR source LIKE 'partner:%%') = %(sent)s LIMIT %(batch)s
)
"""
DELETE_SESSIONS = """
DELETE FROM crm_websession WHERE id IN (
    SELECT id FROM crm_websession WHERE ended_at < now() - make_interval(days => %(days)s) LIMIT %(batch)s
)
"""
DELETE_VISITORS = """
DELETE FROM crm_visitor WHERE id IN (
    SELECT id FROM crm_visitor WHERE last_seen_at < now() - make_interval(days => %(days)s)
    AND NOT EXISTS (SELECT FROM crm_websession WHERE visitor_id = crm_visitor.id) LIMIT %(batch)s
)
"""


def run(job: RunningJob) -> dict[str, Any]:
    """Drop whole months, delete the rest in batches. What a killed run has done stays done."""
    job.progress("forgetting")
    kept = list_retention()
    longest = max(kept.values()) if set(Event.Kind.values) <= kept.keys() else None
    months = _drop_months(job, longest) if longest else 0
    events = sum(_delete_events(job, kind, days) for kind, days in kept.items())
    keys = _delete(job, DELETE_KEYS, days=KEEP_KEYS_DAYS, sent=True)
    if longest:
        keys += _delete(job, DELETE_KEYS, days=longest, sent=False)
        _delete(job, DELETE_SESSIONS, days=longest)
        _delete(job, DELETE_VISITORS, days=longest)
    return {"months": months, "events": events, "keys": keys}


def _drop_months(job: RunningJob, days: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(OLD_PARTITIONS, [days])
        old = cursor.fetchall()
    for name, month in old:
        quoted = connection.ops.quote_name(name)
        with transaction.atomic(), connection.cursor() as cursor:
            # While this waits for readers everybody else waits for it: rather fail, and try tomorrow.
            cursor.execute("SET LOCAL lock_timeout = '10s'")
            cursor.execute(f"LOCK TABLE {quoted} IN ACCESS EXCLUSIVE MODE")
            cursor.execute(REMEMBER.format(quoted))
            cursor.execute(FORGET_PAST_OF_MONTH, {"month": month})
            cursor.execute(f"DROP TABLE {quoted}")
            job.fence()
    return len(old)


def _delete_events(job: RunningJob, kind: str, days: int) -> int:
    """Delete in batches. The trigger keeps a past version of each, which must go too."""
    deleted = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(DELETE, [kind, days, BATCH])
            ids = [pk for (pk,) in cursor.fetchall()]
            cursor.execute(FORGET_PAST, [ids])
            job.fence()
        deleted += len(ids)
        if len(ids) < BATCH:
            return deleted


def _delete(job: RunningJob, statement: str, **given: int) -> int:
    deleted = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, {**given, "batch": BATCH})
            count = int(cursor.rowcount)
            job.fence()
        deleted += count
        if count < BATCH:
            return deleted
