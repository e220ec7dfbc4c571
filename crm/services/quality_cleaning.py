"""Cleaning what a rule caught, for the few rules whose answer is the same for every row.

Everything is written through a change set and can be taken back for 30 days. Cleaning twice finds
nothing the second time: a row that was cleaned is not caught any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Identifier, Literal

from crm.models import ChangedRows, ChangeSet, Job, User
from crm.services.change_sets import open_change_set, record_updated
from crm.services.feed import record_changes
from crm.services.jobs import enqueue
from crm.services.matching import store_keys
from crm.services.phone_prefixes import CALLING_CODES
from crm.services.quality_rules import TABLES
from crm.services.quality_tables import Rule, Table

BATCH = 5_000
SHOWN = 20
# Islands that share a large country's code are told from it by nobody who wrote no country.
_MAINLANDS = {"44": "GB", "39": "IT"}


def _countries() -> str:
    """Return calling code and country as SQL rows, but for codes that several countries share."""
    bearers = Counter(CALLING_CODES.values())
    single = {code: country for country, code in CALLING_CODES.items() if bearers[code] == 1}
    pairs = sorted({**single, **_MAINLANDS}.items())
    return ", ".join(f"('{code}', '{country}')" for code, country in pairs)


# How the number begins decides: the longest code that fits. No per cent sign may stand in what is
# written while the audit log adds its own parameters.
_COUNTRY = (
    "(SELECT country FROM (VALUES " + _countries() + ") AS dialled (code, country)"
    " WHERE starts_with(regexp_replace(account.phone, '[^0-9]', '', 'g'), code)"
    " ORDER BY length(code) DESC LIMIT 1)"
)
_TIDY_NAME = r"regexp_replace(btrim({0}.name), '\s+', ' ', 'g')"


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What becomes of a row: its column, and the SQL of the value that it gets."""

    database_table: str
    column: str
    value: str
    possible: str = "true"  # SQL: of which of the caught rows the answer is known
    also: Mapping[str, str] = field(default_factory=dict)  # further columns
    owner: str = "account_id"  # the column that leads to the account


CLEANINGS: dict[tuple[str, str], Cleaning] = {
    ("accounts", "email_untidy"): Cleaning(
        "crm_account", "email", "lower(btrim(account.email))", owner="id"
    ),
    ("accounts", "name_with_spaces"): Cleaning(
        "crm_account", "name", _TIDY_NAME.format("account"), "btrim(account.name) <> ''", owner="id"
    ),
    ("accounts", "no_country"): Cleaning(
        "crm_account", "country", _COUNTRY, r"account.phone ~ '^\s*\+' AND " + _COUNTRY + " IS NOT NULL",
        owner="id",
    ),
    ("contacts", "email_untidy"): Cleaning("crm_contact", "email", "lower(btrim(contact.email))"),
    ("contacts", "name_with_spaces"): Cleaning(
        "crm_contact", "name", _TIDY_NAME.format("contact"), "btrim(contact.name) <> ''"
    ),
    ("tickets", "open_for_long"): Cleaning(
        "crm_ticket", "state", "'closed'::varchar", also={"solved_at": "now()"}
    ),
}  # fmt: skip

_CAUGHT = """
    SELECT {name}.id, {column} AS before, {value} AS after FROM {rows} {joins}
    WHERE {where} AND ({condition}) AND ({possible})
"""
# Materialised: a join that reads it again and again would go on to further rows.
_BATCH = """
    (WITH locked AS MATERIALIZED ({} LIMIT {} FOR UPDATE OF {}) SELECT * FROM locked) AS cleaned
    WHERE t.id = cleaned.id
"""


@dataclass(frozen=True, slots=True)
class Preview:
    rows: int
    first: list[tuple[int, str, str]]  # id, before, after


def find_cleaning(table: str, code: str) -> tuple[Table, Rule, Cleaning] | None:
    """Return a rule with what cleans it, or None when that is for people to decide."""
    cleaning = CLEANINGS.get((table, code))
    rule = TABLES[table].rule(code) if cleaning else None
    return (TABLES[table], rule, cleaning) if rule and cleaning else None


def preview(*, table: Table, rule: Rule, cleaning: Cleaning) -> Preview:
    """Say how many rows would be cleaned now, and what the first of them would become."""
    caught = _caught(table, rule, cleaning)
    with connection.cursor() as cursor:
        cursor.execute(SQL("SELECT count(*) FROM ({}) AS caught").format(caught))
        rows = cursor.fetchone()[0]
        cursor.execute(SQL("{} ORDER BY {}.id LIMIT {}").format(caught, Identifier(table.name), SHOWN))
        return Preview(rows, cursor.fetchall())


def start_cleaning(*, table: str, code: str, by: User) -> Job:
    """Clean in the background; pressed twice, it is one job."""
    params = {"table": table, "code": code}
    return enqueue(
        task="crm.clean_rows", scope=f"rule:{table}.{code}", params=params, owner=by, coalesces=True
    )


@transaction.atomic
def change_set_of(*, job_id: int, table: str, code: str, by: User | None) -> ChangeSet:
    """Return the change set of a job's cleaning, made by its first attempt."""
    known = ChangeSet.objects.filter(kind=ChangeSet.Kind.BULK_EDIT, data__job=job_id).first()
    data: dict[str, Any] = {"edit": "clean", "table": table, "code": code, "job": job_id}
    return known or open_change_set(kind=ChangeSet.Kind.BULK_EDIT, owner=by, data=data)


@transaction.atomic
def clean_batch(*, change_set: ChangeSet, table: Table, rule: Rule, cleaning: Cleaning) -> int:
    """Clean the next rows as a step of the change set; return how many, 0 at the end.

    They are locked as they are read, so that nobody's edit of the moment is overwritten.
    """
    source = SQL(_BATCH).format(_caught(table, rule, cleaning), Literal(BATCH), Identifier(table.name))
    values: dict[str, Composable] = {name: SQL(value) for name, value in cleaning.also.items()}
    with connection.cursor() as cursor:
        cleaned = record_updated(
            cursor,
            change_set_id=change_set.pk,
            table=cleaning.database_table,
            assignments={cleaning.column: SQL("cleaned.after"), **values},
            source=source,
            is_record=True,
        )
    if cleaned:
        _tell(change_set, cleaning)
    return cleaned


def _caught(table: Table, rule: Rule, cleaning: Cleaning) -> Composable:
    joins = [SQL(sql) for name, sql in table.joins.items() if name in rule.needs]
    column = Identifier(table.name, cleaning.column)
    return SQL(_CAUGHT).format(
        name=Identifier(table.name), column=column, value=SQL(cleaning.value),
        rows=SQL(table.rows), joins=SQL(" ").join(joins), where=SQL(table.where),
        condition=SQL(rule.condition), possible=SQL(cleaning.possible),
    )  # fmt: skip


def _tell(change_set: ChangeSet, cleaning: Cleaning) -> None:
    """Bring what follows from the rows up to date: the accounts' keys, and whoever reads the feed."""
    ids = ChangedRows.objects.filter(change_set=change_set).latest("pk").row_ids
    named = (Identifier(cleaning.owner), Identifier(cleaning.database_table))
    found = SQL("SELECT DISTINCT {} FROM {} WHERE id = ANY(%s) ORDER BY 1").format(*named)
    with connection.cursor() as cursor:
        cursor.execute(found.as_string(cursor.connection), [ids])
        accounts = [pk for (pk,) in cursor.fetchall()]
    if cleaning.database_table != "crm_ticket":
        store_keys(accounts)
    record_changes(kind="account.updated", pairs=[(pk, pk) for pk in accounts])
