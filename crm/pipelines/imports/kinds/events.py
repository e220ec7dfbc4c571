"""Events: stored once, known by their number, or else by all that they say."""

from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Literal

from crm.pipelines.imports.kinds.one_table import new_id
from crm.pipelines.imports.kinds.spec import (
    ACCOUNT_CHECKS,
    ACCOUNT_JOIN,
    PRODUCT_CHECK,
    PRODUCT_JOIN,
    Check,
    Counts,
    FileRun,
    KindSql,
    Range,
    problems,
)
from crm.services.change_sets import record_inserted

KEY = """coalesce(key, md5(concat_ws('|', kind, at, 'a' || account, 'v' || visitor, 'p' || product,
    't' || term, 's' || source, 'm' || medium, 'c' || campaign_code, 'd' || duration_seconds,
    'u' || page)))"""
CHECKS = (
    *ACCOUNT_CHECKS,
    PRODUCT_CHECK,
    Check("required", "account", "found.errors IS NULL AND found.account IS NULL AND found.visitor IS NULL"),
    Check("is_negative", "duration_seconds", "found.duration_seconds < 0"),
)
_JUDGE = """
    CREATE TEMPORARY TABLE import_batch AS
    WITH found AS (
        SELECT s.*, account.id AS account_id, account.book_id AS account_book, product.id AS product_id,
            known.id AS known_id
        FROM {staged} AS s {joins}
        LEFT JOIN crm_eventkey AS known ON known.source = {sender} AND known.key = s.doubled
        WHERE s.at_row > {after} AND s.at_row <= {through}
    ), judged AS (
        SELECT *, {problems} AS problems FROM found
    ), decided AS (
        SELECT *, CASE WHEN problems <> '[]' THEN 'refuse'
            WHEN known_id IS NOT NULL OR first_row < n THEN 'skip' ELSE 'create' END AS verdict
        FROM judged
    )
    SELECT *, CASE WHEN verdict = 'create' THEN {new_id} END AS new_id FROM decided
"""
_KEYS = """
    INSERT INTO crm_eventkey (source, key)
    SELECT {sender}, doubled FROM import_batch WHERE verdict = 'create' ORDER BY n RETURNING id
"""
_EVENTS = """
    INSERT INTO crm_event (id, kind, at, account_id, visitor, product_id, term, source, campaign_code,
        duration_seconds, key, page, medium, known_at)
    SELECT new_id, kind, at, account_id, coalesce(visitor, ''), product_id, coalesce(term, ''),
        coalesce(source, ''), coalesce(campaign_code, ''), duration_seconds, doubled, coalesce(page, ''),
        coalesce(medium, ''),
        {known_at}
    FROM import_batch WHERE verdict = 'create' ORDER BY n
"""
_IDS = SQL("SELECT new_id AS id FROM import_batch WHERE verdict = 'create'")


def _sender(run: FileRun) -> Literal:
    return Literal(f"file:{run.source_import.source}"[:60])


def _judge(cursor: CursorWrapper, run: FileRun, rows: Range) -> None:
    cursor.execute("DROP TABLE IF EXISTS import_batch")
    cursor.execute(
        run.sql(
            _JUDGE,
            joins=run.sql(ACCOUNT_JOIN + PRODUCT_JOIN),
            sender=_sender(run),
            after=Literal(rows.after),
            through=Literal(rows.through),
            problems=problems(run, CHECKS, known="found.errors"),
            new_id=new_id("crm_event", rows),
        )
    )


def _write(cursor: CursorWrapper, run: FileRun) -> Counts:
    keys = run.sql(_KEYS, sender=_sender(run))
    record_inserted(cursor, change_set_id=run.change_set_id, table="crm_eventkey", ids=keys)
    cursor.execute(run.sql(_EVENTS, known_at=run.known_at("at")))
    inserted = cursor.rowcount
    record_inserted(cursor, change_set_id=run.change_set_id, table="crm_event", ids=_IDS)
    return {"crm_event": {"inserted": inserted, "updated": 0}}


EVENTS = KindSql(
    "events",
    key=KEY,
    judge=_judge,
    write=_write,
    tables=("crm_event", "crm_eventkey"),
    updated="SELECT NULL::bigint WHERE false",  # an event is never changed
)
