"""How many events each site sent, and what was missing in them, for the habits of sources.

Of its events a page sends one or two at a time: counting them with each would lock a row with each.
"""

from __future__ import annotations

from datetime import date

from django.db import connection

# Counted by their keys, which say who sent them and when. Files are counted by their import, and what
# a partner sends with each batch.
_COUNT = """
INSERT INTO crm_sourceday AS kept (book_id, source, kind, on_date, rows, missing, last_at)
SELECT sender.book_id, sender.name, 'events', received.day, received.rows, '{}', received.last_at
FROM (
    SELECT source, (at AT TIME ZONE %(zone)s)::date AS day, count(*) AS rows, max(at) AS last_at
    FROM crm_eventkey
    WHERE at >= ((now() AT TIME ZONE %(zone)s)::date - 1)::timestamp AT TIME ZONE %(zone)s
      AND source LIKE 'site:%%'
    GROUP BY 1, 2
) AS received
JOIN (
    SELECT 'site:' || id AS source, book_id, left(name, 50) || ' #' || id AS name FROM crm_trackedsite
) AS sender USING (source)
ORDER BY sender.book_id, sender.name, received.day
ON CONFLICT (book_id, source, kind, on_date) DO UPDATE
SET rows = excluded.rows, last_at = excluded.last_at
WHERE (kept.rows, kept.last_at) IS DISTINCT FROM (excluded.rows, excluded.last_at)
"""
_MISSING = """
UPDATE crm_sourceday AS kept SET missing = seen.missing
FROM (
    SELECT site.book_id, left(site.name, 50) || ' #' || site.id AS source, jsonb_build_object(
               'account', avg((event.account_id IS NULL)::int), 'page', avg((event.page = '')::int),
               'source', avg((event.source = '' AND event.medium = '')::int)) AS missing
    FROM crm_event AS event
    JOIN crm_visitor AS visitor ON visitor.key = event.visitor
    JOIN crm_trackedsite AS site ON site.id = visitor.site_id
    WHERE event.at >= %(day)s::timestamp AT TIME ZONE %(zone)s AND NOT event.is_bot
      AND event.at < (%(day)s::date + 1)::timestamp AT TIME ZONE %(zone)s
    GROUP BY site.id
) AS seen
WHERE kept.book_id = seen.book_id AND kept.source = seen.source AND kept.kind = 'events'
  AND kept.on_date = %(day)s
"""


def count_senders(*, zone: str) -> int:
    """Write down what was received, and return how many days of senders have changed."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"zone": zone})
        return int(cursor.rowcount)


def measure_missing(*, day: date, zone: str) -> int:
    """Write down what the events of a day left out, and return of how many senders."""
    with connection.cursor() as cursor:
        cursor.execute(_MISSING, {"day": day, "zone": zone})
        return int(cursor.rowcount)
