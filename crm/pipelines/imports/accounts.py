"""Accounts of an import: found again by what the other system calls them, or made."""

from django.db.backends.utils import CursorWrapper
from psycopg.sql import Literal

from crm.pipelines.imports.layout import Run

# `import_accounts` has value, kind, name, industry, country, since_at,
# owner_id, team_id and attributes.
_IDS = """
    CREATE TEMPORARY TABLE import_account_ids AS
    SELECT wanted.value, known.row_id IS NULL AS is_new,
        coalesce(known.row_id, nextval(pg_get_serial_sequence('crm_account', 'id'))) AS account_id
    FROM import_accounts AS wanted
    LEFT JOIN crm_externalid AS known
        ON known.source = {source} AND known.kind = 'account' AND known.value = wanted.value
"""
_ACCOUNTS = """
    INSERT INTO crm_account (id, public_id, book_id, kind, name, industry, country, currency,
        stage, customer_since, owner_id, team_id, attributes)
    SELECT account_id, uuidv7(), {book}, kind, name, industry, country, {currency}, 'customer',
        (since_at AT TIME ZONE {zone})::date, owner_id, team_id, attributes
    FROM import_accounts JOIN import_account_ids USING (value) WHERE is_new ORDER BY account_id
"""
_EXTERNAL_IDS = """
    INSERT INTO crm_externalid (source, kind, value, row_id)
    SELECT {source}, 'account', value, account_id FROM import_account_ids WHERE is_new
"""
_EARLIER = """
    UPDATE crm_account AS kept SET customer_since = (since_at AT TIME ZONE {zone})::date
    FROM import_accounts JOIN import_account_ids USING (value)
    WHERE kept.id = account_id AND NOT is_new AND since_at IS NOT NULL
        AND (kept.customer_since IS NULL OR kept.customer_since > (since_at AT TIME ZONE {zone})::date)
"""


def write_accounts(cursor: CursorWrapper, run: Run, *, source: str) -> dict[str, int]:
    """Make the accounts that are new to us, leaving those that people may have edited alone.

    `import_account_ids` then leads from the source's value to our id.
    """
    cursor.execute(run.sql(_IDS, source=Literal(source)))
    cursor.execute("ANALYZE import_account_ids")
    cursor.execute(run.sql(_ACCOUNTS))
    inserted = cursor.rowcount
    cursor.execute(run.sql(_EXTERNAL_IDS, source=Literal(source)))
    cursor.execute(run.sql(_EARLIER))
    return {"inserted": inserted, "updated": cursor.rowcount}
