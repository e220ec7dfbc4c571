"""The check of what stands: each table read once, its rules counted by book, and sources' habits.

Running it twice on a day leaves the second's counts. Stopped, the next attempt begins again: each
table's counts are written in a transaction of their own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Identifier, Literal

from crm.models import QualityRule
from crm.pipelines.event_sources import measure_missing
from crm.selectors.source_habits import local_today
from crm.services.job_runs import RunningJob
from crm.services.quality_rules import TABLES, sync_rules
from crm.services.quality_tables import Rule, Table
from crm.services.schedules import local_zone
from crm.services.source_alerts import check_sources

# Examples are the smallest id of each of so many groups of ids: one pass finds them, and few are lost
# when few rows are caught.
GROUPS = 997
EXAMPLES = 200
KEEP_DAYS = 400

# A query of its own, for only what writes nothing is spread over the processors.
_COUNT = """
    WITH judged AS (
        SELECT book_id, id % {groups} AS part, count(*) AS checked, {counts}
        FROM (
            SELECT {name}.id, book.id AS book_id, {conditions} FROM {rows} {joins} WHERE {where} OFFSET 0
        ) AS held
        GROUP BY 1, 2
    )
    SELECT book_id, code, sum(checked)::bigint AS checked, sum(rows)::bigint AS caught,
           to_jsonb((array_agg(example ORDER BY example) FILTER (WHERE example IS NOT NULL))[:{most}])
    FROM judged CROSS JOIN LATERAL (VALUES {results}) AS result (code, rows, example)
    GROUP BY 1, 2
"""
# Books without a row in the table count too: a rule that has nothing to look at caught nothing.
_KEEP = """
    INSERT INTO crm_qualitycount (book_id, "table", code, on_date, caught, checked, examples)
    SELECT book.id, %(table)s, rule.code, {day}, coalesce(caught, 0), coalesce(checked, 0),
           coalesce(examples, '[]')
    FROM crm_book AS book CROSS JOIN unnest(%(codes)s::text[]) AS rule (code)
    LEFT JOIN jsonb_to_recordset(%(found)s::jsonb) AS found (
        book_id bigint, code text, checked bigint, caught bigint, examples jsonb
    ) ON found.book_id = book.id AND found.code = rule.code
    ON CONFLICT (book_id, "table", code, on_date) DO UPDATE SET checked_at = now(),
        caught = excluded.caught, checked = excluded.checked, examples = excluded.examples
"""
# Examples are of the last check only: what older ones caught may long be mended.
_FORGET_EXAMPLES = """
    UPDATE crm_qualitycount SET examples = '[]'
    WHERE "table" = %s AND code = ANY(%s) AND on_date < {day} AND examples <> '[]'
"""
_TODAY = """
    (now() AT TIME ZONE coalesce((SELECT time_zone FROM crm_organisation LIMIT 1), 'Europe/London'))::date
"""


def run(job: RunningJob) -> dict[str, Any]:
    """Check every table, or only the table and rule that the job names, and then the sources."""
    sync_rules()
    work = _work(job.params.get("table"), job.params.get("code"))
    job.progress("checking", done=0, total=len(work))
    caught = 0
    for done, (table, rules) in enumerate(work, start=1):
        with transaction.atomic():
            caught += check_table(table, rules)
            job.progress(done=done)
            job.fence()
    result = {"rules": sum(len(rules) for _table, rules in work), "caught": caught}
    if job.params.get("table"):
        return result
    with transaction.atomic():
        job.progress("sources")
        measure_missing(day=local_today() - timedelta(days=1), zone=local_zone().key)
        result["alerts"] = check_sources()
        _forget_old()
        job.fence()
    return result


def check_table(table: Table, rules: Sequence[Rule]) -> int:
    """Write today's counts of these rules for every book; return how many rows they caught."""
    codes = [rule.code for rule in rules]
    names = ("book_id", "code", "checked", "caught", "examples")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '128MB'; SET LOCAL jit = off")
        cursor.execute(_statement(table, rules))
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        for row in found:
            row["examples"] = json.loads(row["examples"] or "[]")
        given: dict[str, Any] = {"table": table.code, "codes": codes, "found": json.dumps(found)}
        cursor.execute(_KEEP.format(day=_TODAY), given)
        cursor.execute(_FORGET_EXAMPLES.format(day=_TODAY), [table.code, codes])
    return sum(row["caught"] for row in found)


def _work(table: str | None, code: str | None) -> list[tuple[Table, list[Rule]]]:
    """Return the tables to read, each with its rules that are on."""
    enabled = set(QualityRule.objects.filter(is_enabled=True).values_list("table", "code"))
    found = []
    for each in TABLES.values():
        rules = [
            rule for rule in each.rules if (each.code, rule.code) in enabled and code in (None, rule.code)
        ]
        if rules and table in (None, each.code):
            found.append((each, rules))
    return found


def _statement(table: Table, rules: Sequence[Rule]) -> Composable:
    needed = {name for rule in rules for name in rule.needs}
    marks = [Identifier(f"rule_{place}") for place in range(len(rules))]
    counts = [
        SQL("count(*) FILTER (WHERE {0}) AS {1}, min(id) FILTER (WHERE {0}) AS {2}").format(
            mark, Identifier(f"rows_{place}"), Identifier(f"example_{place}")
        )
        for place, mark in enumerate(marks)
    ]
    conditions = [
        SQL("({}) AS {}").format(SQL(rule.condition), mark) for rule, mark in zip(rules, marks, strict=True)
    ]
    results = [
        SQL("({}, {}, {})").format(
            Literal(rule.code), Identifier(f"rows_{place}"), Identifier(f"example_{place}")
        )
        for place, rule in enumerate(rules)
    ]
    return SQL(_COUNT).format(
        groups=Literal(GROUPS), most=Literal(EXAMPLES), name=Identifier(table.name), rows=SQL(table.rows),
        joins=SQL(" ").join([SQL(sql) for name, sql in table.joins.items() if name in needed]),
        where=SQL(table.where), counts=SQL(", ").join(counts), conditions=SQL(", ").join(conditions),
        results=SQL(", ").join(results),
    )  # fmt: skip


def _forget_old() -> None:
    """Delete the counts and the sources' days of more than a year ago."""
    with connection.cursor() as cursor:
        for table in ("crm_qualitycount", "crm_sourceday"):
            cursor.execute(f"DELETE FROM {table} WHERE on_date < {_TODAY} - %s", [KEEP_DAYS])
