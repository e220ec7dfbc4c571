"""Accounts: found again by what the source calls them, with custom attributes and outcomes."""

from dataclasses import replace
from datetime import date

from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Literal

from crm.pipelines.imports.kinds.one_table import one_table
from crm.pipelines.imports.kinds.spec import Check, Counts, FileRun, KindSql, Link, Target
from crm.services.change_sets import record_inserted, record_updated

LONG_AGO = date(2000, 1, 1)  # before the first of any account whose beginning nobody says

ACCOUNT = Target(
    table="crm_account",
    row_id="linked.row_id",
    joins="""
        LEFT JOIN crm_user AS owner ON owner.username = s.owner
        LEFT JOIN crm_account AS standing ON standing.id = linked.row_id
    """,
    found={
        "owner_id": "owner.id",
        "owner_team": "owner.team_id",
        "standing_book": "standing.book_id",
    },
    values={
        "name": "coalesce(found.name, kept.name)",
        "kind": "coalesce(found.kind, kept.kind, 'organisation')",
        "industry": "coalesce(found.industry, kept.industry, '')",
        "country": "coalesce(found.country, kept.country, '')",
        "currency": "coalesce(found.currency, kept.currency, {currency})",
        "stage": "coalesce(found.stage, kept.stage, 'customer')",
        "customer_since": "coalesce(found.customer_since, kept.customer_since)",
        "website": "coalesce(found.website, kept.website, '')",
        "tax_id": "coalesce(found.tax_id, kept.tax_id, '')",
        "email": "coalesce(found.email, kept.email, '')",
        "phone": "coalesce(found.phone, kept.phone, '')",
        "owner_id": "coalesce(found.owner_id, kept.owner_id)",
        "team_id": "CASE WHEN found.owner_id IS DISTINCT FROM kept.owner_id"
        " THEN coalesce(found.owner_team, kept.team_id) ELSE kept.team_id END",
        "attributes": "coalesce(kept.attributes, '{{}}') || coalesce(found.attributes, '{{}}')",
    },
    always={"book_id": "{book}"},
    checks=(
        Check("unknown_owner", "owner", "found.owner IS NOT NULL AND found.owner_id IS NULL"),
        Check("account_of_another_book", "external_id", "found.standing_book <> {book}"),
    ),
    link=Link("account"),
)

# The values that the file says, of accounts that had another one or none. The first one that history
# tells held from the account's beginning on. When a later one replaced it nobody says: at the import.
_CHANGED = """
    CREATE TEMPORARY TABLE import_values AS
    SELECT coalesce(b.row_id, b.new_id) AS account_id, definition.id AS attribute_id, said.value,
        standing.id AS standing_id,
        CASE WHEN {is_history} AND NOT EXISTS (
            SELECT FROM crm_attributevalue AS earlier
            WHERE earlier.account_id = b.row_id AND earlier.attribute_id = definition.id
        ) THEN (
            SELECT least(coalesce(customer_since, {long_ago})::timestamp AT TIME ZONE {zone}, now())
            FROM crm_account WHERE id = coalesce(b.row_id, b.new_id)
        ) END AS holds_from
    FROM import_batch AS b CROSS JOIN LATERAL jsonb_each(b.attributes) AS said (key, value)
    JOIN crm_attributedefinition AS definition USING (key)
    LEFT JOIN crm_attributevalue AS standing ON standing.account_id = b.row_id
        AND standing.attribute_id = definition.id AND standing.valid_to IS NULL
    WHERE b.verdict IN ('create', 'update') AND standing.value IS DISTINCT FROM said.value
"""
_VALUES = """
    INSERT INTO crm_attributevalue (account_id, attribute_id, value, valid_from, known_at)
    SELECT account_id, attribute_id, value, coalesce(holds_from, clock_timestamp()),
        coalesce(holds_from, statement_timestamp()) FROM import_values
    ORDER BY account_id, attribute_id RETURNING id
"""
# What stands is left alone: an outcome once recorded is only ever corrected.
_OUTCOMES = """
    CREATE TEMPORARY TABLE import_outcomes AS
    SELECT coalesce(b.row_id, b.new_id) AS account_id, said.kind, said.happened,
        said.on_date::timestamp AT TIME ZONE {zone} AS cutoff_at,
        (said.on_date + said.horizon_days)::timestamp AT TIME ZONE {zone} AS observed_at,
        standing.id AS standing_id, standing.happened AS standing_happened
    FROM import_batch AS b
    CROSS JOIN LATERAL jsonb_to_recordset(b.outcomes)
        AS said (kind text, happened boolean, on_date date, horizon_days integer)
    LEFT JOIN crm_outcome AS standing ON standing.account_id = b.row_id AND standing.kind = said.kind
        AND standing.cutoff_at = said.on_date::timestamp AT TIME ZONE {zone}
    WHERE b.verdict <> 'refuse'
"""
_NEW_OUTCOMES = """
    INSERT INTO crm_outcome (account_id, kind, happened, cutoff_at, observed_at, known_at)
    SELECT account_id, kind, happened, cutoff_at, observed_at, {known_at}
    FROM import_outcomes WHERE standing_id IS NULL ORDER BY account_id RETURNING id
"""
# An account whose own columns stand may still have an outcome to come.
_OUTCOME_DIFFERS = """OR EXISTS (
    SELECT FROM jsonb_to_recordset(outcomes) AS said (kind text, happened boolean, on_date date)
    WHERE NOT EXISTS (
        SELECT FROM crm_outcome AS standing WHERE standing.account_id = row_id
            AND standing.kind = said.kind AND standing.happened = said.happened
            AND standing.cutoff_at = said.on_date::timestamp AT TIME ZONE {zone}
    )
)"""


def _write(cursor: CursorWrapper, run: FileRun) -> Counts:
    counts = _ROWS.write(cursor, run)
    return {**counts, **_write_attributes(cursor, run), **_write_outcomes(cursor, run)}


def _write_attributes(cursor: CursorWrapper, run: FileRun) -> Counts:
    cursor.execute("DROP TABLE IF EXISTS import_values")
    cursor.execute(run.sql(_CHANGED, is_history=Literal(run.is_history), long_ago=Literal(LONG_AGO)))
    updated = record_updated(
        cursor,
        change_set_id=run.change_set_id,
        table="crm_attributevalue",
        assignments={"valid_to": SQL("greatest(clock_timestamp(), t.valid_from + interval '1 microsecond')")},
        source=SQL("import_values WHERE t.id = standing_id"),
        is_record=False,
    )
    inserted = record_inserted(
        cursor, change_set_id=run.change_set_id, table="crm_attributevalue", ids=SQL(_VALUES)
    )
    return {"crm_attributevalue": {"inserted": inserted, "updated": updated}} if inserted else {}


def _write_outcomes(cursor: CursorWrapper, run: FileRun) -> Counts:
    cursor.execute("DROP TABLE IF EXISTS import_outcomes")
    cursor.execute(run.sql(_OUTCOMES))
    inserted = record_inserted(
        cursor,
        change_set_id=run.change_set_id,
        table="crm_outcome",
        ids=run.sql(_NEW_OUTCOMES, known_at=run.known_at("observed_at")),
    )
    updated = record_updated(
        cursor,
        change_set_id=run.change_set_id,
        table="crm_outcome",
        assignments={"happened": SQL("said.happened")},
        source=SQL("import_outcomes AS said WHERE t.id = standing_id AND standing_happened <> said.happened"),
        is_record=False,
    )
    return {"crm_outcome": {"inserted": inserted, "updated": updated}} if inserted or updated else {}


_ROWS = one_table(
    "accounts",
    ACCOUNT,
    key="external_id",
    blamed="external_id",
    also_differs=_OUTCOME_DIFFERS,
    carried=("attributes", "outcomes"),
)
ACCOUNTS: KindSql = replace(
    _ROWS, write=_write, tables=("crm_account", "crm_externalid", "crm_attributevalue")
)
