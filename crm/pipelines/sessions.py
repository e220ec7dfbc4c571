"""Sessions: what a visitor did without a gap of half an hour, and where it had come from.

Each run takes the visitors whose events have changed and computes their sessions again from the
first that this can touch. Running it twice leaves the same rows.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from crm.pipelines.event_sources import count_senders
from crm.services.feed import record_changes
from crm.services.job_runs import RunningJob
from crm.services.schedules import local_zone

READER = "crm.sessionise"
GAP_MINUTES = 30
BOT_EVENTS_A_MINUTE = 60

# Rows of transactions that still run are read next time: the cursor stops short of them, and what
# is read twice comes out the same.
SINCE = """
SELECT coalesce((SELECT xid FROM crm_feedcursor WHERE reader = %s), '0')::text,
       pg_snapshot_xmin(pg_current_snapshot())::text
"""
ADVANCE = """
INSERT INTO crm_feedcursor (reader, xid, change_id) VALUES (%s, %s, 0)
ON CONFLICT (reader) DO UPDATE SET xid = excluded.xid
"""
TOUCHED = """
CREATE TEMPORARY TABLE touched ON COMMIT DROP AS
SELECT seen.id, seen.key, coalesce(session.started_at, seen.first_at) AS from_at
FROM (
    SELECT visitor.id, visitor.key, min(event.at) AS first_at
    FROM crm_event AS event JOIN crm_visitor AS visitor ON visitor.key = event.visitor
    WHERE event.changed_xid >= %(since)s::xid8 AND event.visitor <> ''
    GROUP BY visitor.id, visitor.key
) AS seen
LEFT JOIN LATERAL (
    SELECT started_at FROM crm_websession
    WHERE visitor_id = seen.id AND started_at <= seen.first_at
      AND ended_at >= seen.first_at - make_interval(mins => %(gap)s)
    ORDER BY started_at DESC LIMIT 1
) AS session ON true
"""
# No person does this many things in a minute.
FIND_BOTS = """
UPDATE crm_visitor SET is_bot = true
WHERE NOT is_bot AND id IN (
    SELECT id FROM (
        SELECT touched.id, event.at - lag(event.at, %(many)s)
            OVER (PARTITION BY touched.id ORDER BY event.at, event.id) AS within
        FROM touched JOIN crm_event AS event ON event.visitor = touched.key AND event.at >= touched.from_at
        WHERE event.at >= %(from)s
    ) AS pace
    WHERE within < interval '1 minute'
)
RETURNING key, account_id
"""
MARK_BOTS = "UPDATE crm_event SET is_bot = true WHERE visitor = ANY(%s) AND NOT is_bot"
# Whoever reads a page for an hour is heard of when leaving it: what lasted began when it began.
SESSIONS = """
CREATE TEMPORARY TABLE computed ON COMMIT DROP AS
WITH steps AS (
    SELECT touched.id AS visitor_id, event.*,
           event.at - make_interval(secs => coalesce(event.duration_seconds, 0))
           - lag(event.at) OVER (PARTITION BY touched.id ORDER BY event.at, event.id) AS pause
    FROM touched JOIN crm_event AS event ON event.visitor = touched.key AND event.at >= touched.from_at
    WHERE event.at >= %(from)s
), numbered AS (
    SELECT *, count(*) FILTER (WHERE pause IS NULL OR pause > make_interval(mins => %(gap)s))
        OVER (PARTITION BY visitor_id ORDER BY at, id) AS number,
        source <> '' OR medium <> '' OR campaign_code <> '' AS says_whence
    FROM steps
)
SELECT visitor_id, min(at) AS started_at, max(at) AS ended_at, count(*)::integer AS events,
       coalesce((array_agg(source ORDER BY at, id) FILTER (WHERE says_whence))[1], '') AS source,
       coalesce((array_agg(medium ORDER BY at, id) FILTER (WHERE says_whence))[1], '') AS medium,
       coalesce((array_agg(campaign_code ORDER BY at, id) FILTER (WHERE says_whence))[1], '')
           AS campaign_code,
       coalesce((array_agg(page ORDER BY at, id) FILTER (WHERE page <> ''))[1], '') AS landing_path,
       bool_or(is_bot) AS is_bot
FROM numbered GROUP BY visitor_id, number
"""
WRITE = """
INSERT INTO crm_websession AS kept (visitor_id, started_at, ended_at, events, source, medium,
                                    campaign_code, landing_path, is_bot)
SELECT visitor_id, started_at, ended_at, events, source, medium, campaign_code, landing_path, is_bot
FROM computed ORDER BY visitor_id, started_at
ON CONFLICT (visitor_id, started_at) DO UPDATE SET
    ended_at = excluded.ended_at, events = excluded.events, source = excluded.source,
    medium = excluded.medium, campaign_code = excluded.campaign_code,
    landing_path = excluded.landing_path, is_bot = excluded.is_bot
WHERE (kept.ended_at, kept.events, kept.source, kept.medium, kept.campaign_code, kept.landing_path,
       kept.is_bot)
    IS DISTINCT FROM (excluded.ended_at, excluded.events, excluded.source, excluded.medium,
                      excluded.campaign_code, excluded.landing_path, excluded.is_bot)
"""
# An event that came late may have joined two sessions.
FORGET = """
DELETE FROM crm_websession AS session USING touched
WHERE session.visitor_id = touched.id AND session.started_at >= touched.from_at
  AND NOT EXISTS (SELECT FROM computed WHERE computed.visitor_id = session.visitor_id
                  AND computed.started_at = session.started_at)
"""


def run(job: RunningJob) -> dict[str, Any]:
    """Bring the sessions up to the events."""
    job.progress("sessions")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SINCE, [READER])
        since, until = cursor.fetchone()
        cursor.execute("DROP TABLE IF EXISTS pg_temp.touched, pg_temp.computed")
        cursor.execute(TOUCHED, {"since": since, "gap": GAP_MINUTES})
        cursor.execute("SELECT count(*), min(from_at) FROM touched")
        visitors, first = cursor.fetchone()
        given = {"from": first, "gap": GAP_MINUTES, "many": BOT_EVENTS_A_MINUTE}
        result = {"visitors": visitors, "sessions": 0, "bots": 0}
        if visitors:
            cursor.execute("ANALYZE touched")
            cursor.execute(FIND_BOTS, given)
            result["bots"] = _mark(cursor.fetchall())
            cursor.execute(SESSIONS, given)
            cursor.execute(WRITE)
            result["sessions"] = cursor.rowcount
            cursor.execute(FORGET)
        count_senders(zone=local_zone().key)
        cursor.execute(ADVANCE, [READER, until])
        job.fence()
    return result


def _mark(bots: list[tuple[str, int | None]]) -> int:
    """Mark what the bots did, and tell whoever had counted it for an account."""
    if bots:
        with connection.cursor() as cursor:
            cursor.execute(MARK_BOTS, [[key for key, _account in bots]])
        accounts = sorted({account for _key, account in bots if account})
        record_changes(kind="event.received", pairs=[(None, account) for account in accounts])
    return len(bots)
