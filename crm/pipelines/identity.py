"""Find accounts that may be one: keys by `COPY`, then pairs by joining the keys with themselves.

Incremental: an account counts as changed when it or one of its contacts was written since the
transaction that the last run remembered. The first run takes everybody. Running it twice finds the
same pairs; a pair that somebody kept apart is never proposed again. Where the weights come from
stands in `crm.services.matching`.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from crm.services.job_runs import RunningJob
from crm.services.matching import AGAINST, HOLDERS_MOST, SCORE_LEAST, WEIGHTS, store_keys

READER = "crm.find_duplicates"
BATCH = 50_000

# Contacts that moved or went leave keys behind; whatever moves them stores the keys of both accounts.
_CHANGED = """
    SELECT id FROM crm_account WHERE changed_xid >= %(since)s::xid8
    UNION
    SELECT account_id FROM crm_contact WHERE changed_xid >= %(since)s::xid8
    ORDER BY 1
"""
# Every two changed or unchanged accounts of one book that share a key which few have.
_HITS = """
    CREATE TEMPORARY TABLE sextant_hits ON COMMIT DROP AS
    WITH touched AS (
        SELECT DISTINCT kind, key FROM crm_matchkey JOIN sextant_changed AS c ON c.id = account_id
    ), held AS (
        SELECT k.kind, k.key, a.book_id, count(*) AS holders, array_agg(k.account_id) AS ids
        FROM touched JOIN crm_matchkey AS k USING (kind, key) JOIN crm_account AS a ON a.id = k.account_id
        GROUP BY k.kind, k.key, a.book_id HAVING count(*) BETWEEN 2 AND %(most)s
    )
    SELECT one.id AS first_id, two.id AS second_id, kind, min(holders) AS holders
    FROM held, unnest(ids) AS one (id), unnest(ids) AS two (id)
    WHERE one.id < two.id
      AND EXISTS (SELECT FROM sextant_changed AS c WHERE c.id IN (one.id, two.id))
    GROUP BY 1, 2, 3
"""
_SCORED = """
    CREATE TEMPORARY TABLE sextant_pairs ON COMMIT DROP AS
    WITH agreeing AS (
        SELECT first_id, second_id,
               1 - exp(sum(ln(1 - w.weight * least(1.0, 2.0 / holders)))) AS score,
               jsonb_agg(jsonb_build_object('kind', kind, 'holders', holders)
                         ORDER BY w.weight DESC) AS hits,
               bool_or(kind = 'tax_id') AS same_tax
        FROM sextant_hits
        JOIN unnest(%(kinds)s::text[], %(weights)s::float8[]) AS w (kind, weight) USING (kind)
        GROUP BY 1, 2
    ), weighed AS (
        SELECT *, NOT same_tax AND EXISTS (
            SELECT FROM crm_matchkey WHERE account_id = first_id AND kind = 'tax_id'
        ) AND EXISTS (
            SELECT FROM crm_matchkey WHERE account_id = second_id AND kind = 'tax_id'
        ) AS differs
        FROM agreeing
    )
    SELECT first_id, second_id, score * CASE WHEN differs THEN %(against)s ELSE 1 END AS score,
           hits || CASE WHEN differs THEN '[{"kind": "tax_id", "differs": true}]'::jsonb ELSE '[]' END AS hits
    FROM weighed WHERE score * CASE WHEN differs THEN %(against)s ELSE 1 END >= %(least)s
"""
_DROP_OLD = """
    DELETE FROM crm_duplicatepair AS p WHERE p.state = 'proposed'
      AND (p.first_id IN (SELECT id FROM sextant_changed) OR p.second_id IN (SELECT id FROM sextant_changed))
      AND NOT EXISTS (SELECT FROM sextant_pairs AS n
                      WHERE n.first_id = p.first_id AND n.second_id = p.second_id)
"""
_PROPOSE = """
    INSERT INTO crm_duplicatepair AS p (first_id, second_id, score, hits, state)
    SELECT first_id, second_id, score, hits, 'proposed' FROM sextant_pairs ORDER BY first_id, second_id
    ON CONFLICT (first_id, second_id) DO UPDATE SET score = excluded.score, hits = excluded.hits
    WHERE p.state = 'proposed' AND (p.score, p.hits) IS DISTINCT FROM (excluded.score, excluded.hits)
"""


def find(job: RunningJob) -> dict[str, Any]:
    """Keep the keys of all that changed, and propose the pairs that look like one account."""
    since, bound = _bounds()
    ids = _changed(since)
    keys = 0
    job.progress("keys", total=len(ids))
    for start in range(0, len(ids), BATCH):
        with transaction.atomic():
            keys += store_keys(ids[start : start + BATCH])
            job.progress(done=min(start + BATCH, len(ids)))
            job.fence()
    with transaction.atomic():
        job.progress("pairs", total=1)
        proposed = _propose(ids)
        _remember(bound)
        job.fence()
    return {"accounts": len(ids), "keys": keys, "pairs": proposed}


def _bounds() -> tuple[str, str]:
    """Return where the last run began, and where the next one will: before all that is still open."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT coalesce((SELECT xid FROM crm_feedcursor WHERE reader = %s), '0')::text,
                      pg_snapshot_xmin(pg_current_snapshot())::text""",
            [READER],
        )
        since, bound = cursor.fetchone()
    return since, bound


def _changed(since: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, {"since": since})
        return [pk for (pk,) in cursor.fetchall()]


def _propose(ids: list[int]) -> int:
    """Replace the proposals about these accounts; return how many of them stand now."""
    if not ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE sextant_changed (id bigint PRIMARY KEY) ON COMMIT DROP")
        with cursor.copy("COPY sextant_changed FROM STDIN") as copy:
            for pk in ids:
                copy.write_row((pk,))
        cursor.execute("ANALYZE sextant_changed")
        cursor.execute(_HITS, {"most": HOLDERS_MOST})
        cursor.execute("ANALYZE sextant_hits")
        cursor.execute(
            _SCORED,
            {
                "kinds": list(WEIGHTS), "weights": list(WEIGHTS.values()), "against": AGAINST,
                "least": SCORE_LEAST,
            },
        )  # fmt: skip
        cursor.execute("ANALYZE sextant_pairs")
        cursor.execute(_DROP_OLD)
        cursor.execute(_PROPOSE)
        cursor.execute("SELECT count(*) FROM sextant_pairs")
        (proposed,) = cursor.fetchone()
        for table in ("sextant_changed", "sextant_hits", "sextant_pairs"):
            cursor.execute(f"DROP TABLE {table}")
    return int(proposed)


def _remember(bound: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO crm_feedcursor (reader, xid, change_id) VALUES (%s, %s, 0)
               ON CONFLICT (reader) DO UPDATE SET xid = excluded.xid""",
            [READER, bound],
        )
