"""How many events each sender sent today and yesterday, for the habits of sources."""

from __future__ import annotations

from django.db import connection

# Counted by their keys, which say who sent them and when; a sender without keys is not seen here.
# Files are counted by their import.
_COUNT = """
INSERT INTO crm_sourceday AS kept (book_id, source, kind, on_date, rows, missing, last_at)
SELECT sender.book_id, sender.name, 'events', received.day, received.rows, '{}', received.last_at
FROM (
    SELECT source, (at AT TIME ZONE %(zone)s)::date AS day, count(*) AS rows, max(at) AS last_at
    FROM crm_eventkey
    WHERE at >= ((now() AT TIME ZONE %(zone)s)::date - 1)::timestamp AT TIME ZONE %(zone)s
      AND (source LIKE 'site:%%' OR source LIKE 'partner:%%')
    GROUP BY 1, 2
) AS received
JOIN (
    SELECT 'site:' || id AS source, book_id, left(name, 50) || ' #' || id AS name FROM crm_trackedsite
    UNION ALL
    SELECT 'partner:' || public_id, book_id, left(name, 60) FROM crm_partner
) AS sender USING (source)
ORDER BY sender.book_id, sender.name, received.day
ON CONFLICT (book_id, source, kind, on_date) DO UPDATE
SET rows = excluded.rows, last_at = excluded.last_at
WHERE (kept.rows, kept.last_at) IS DISTINCT FROM (excluded.rows, excluded.last_at)
"""


def count_senders(*, zone: str) -> int:
    """Write down what was received, and return how many days of senders have changed."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"zone": zone})
        return int(cursor.rowcount)
