"""Data-quality rules: each a name and a SQL condition over the rows of a staging table.

A rule says what is odd about a row and what becomes of it. All rules see all rows, so that the
count of one does not depend on the order in which the others ran.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Composable, Identifier, Literal

from crm.models import Import, RuleHit

KEPT, CHANGED, REJECTED = RuleHit.Verdict.KEPT, RuleHit.Verdict.CHANGED, RuleHit.Verdict.REJECTED


@dataclass(frozen=True, slots=True)
class Rule:
    """`condition` is true for the rows that the rule catches; null counts as false."""

    code: str
    verdict: RuleHit.Verdict
    field: str  # the file's column that one has to look at; empty when it is the whole row
    condition: str


@dataclass(frozen=True, slots=True)
class Staging:
    """A staging table whose column `n` is the row's number in the file, from 1."""

    table: str
    columns: dict[str, str]  # the file's column -> ours, as read


def check_rows(cursor: CursorWrapper, *, rows: Composable, rules: Sequence[Rule], into: str) -> None:
    """Make the temporary table `into`: the rows with `hits`, the positions of the rules that caught
    them, and `is_rejected`.
    """
    verdicts = [
        SQL("CASE WHEN {} THEN {} END").format(SQL(rule.condition), Literal(position))
        for position, rule in enumerate(rules)
    ]
    rejecting = [position for position, rule in enumerate(rules) if rule.verdict == REJECTED]
    cursor.execute(SQL("DROP TABLE IF EXISTS {}").format(Identifier(into)))
    # OFFSET 0 keeps the planner from working out every rule twice.
    cursor.execute(
        SQL("""
            CREATE TEMPORARY TABLE {into} AS
            SELECT *, hits && {rejecting}::int[] AS is_rejected FROM (
                SELECT candidate.*, array_remove(ARRAY[{verdicts}], NULL)::int[] AS hits
                FROM ({rows}) AS candidate OFFSET 0
            ) AS judged
        """).format(
            into=Identifier(into),
            rejecting=Literal(rejecting),
            verdicts=SQL(", ").join(verdicts),
            rows=rows,
        )
    )
    cursor.execute(SQL("ANALYZE {}").format(Identifier(into)))


def record_hits(
    cursor: CursorWrapper, *, source_import: Import, staging: Staging, rules: Sequence[Rule]
) -> dict[str, int]:
    """Replace the import's rule hits and counts by what stands in the checked table."""
    cursor.execute("DELETE FROM crm_rulehit WHERE source_import_id = %s", [source_import.pk])
    cursor.execute("DELETE FROM crm_rulecount WHERE source_import_id = %s", [source_import.pk])
    known = _rules_as_rows(rules)
    cursor.execute(_hits(source_import.pk, staging, known))
    cursor.execute(
        SQL("""
            WITH caught AS (SELECT unnest(hits) AS position, count(*) AS rows FROM {table} GROUP BY 1)
            INSERT INTO crm_rulecount (source_import_id, rule, verdict, position, rows)
            SELECT {import_id}, known.rule, known.verdict, position, coalesce(rows, 0)
            FROM ({known}) AS known (position, rule, verdict, field) LEFT JOIN caught USING (position)
            RETURNING rule, rows
        """).format(table=Identifier(staging.table), import_id=Literal(source_import.pk), known=known)
    )
    return dict(cursor.fetchall())


def _hits(import_id: int, staging: Staging, known: Composable) -> Composable:
    pairs = [SQL("{}, {}").format(Literal(name), Identifier(ours)) for name, ours in staging.columns.items()]
    return SQL("""
        INSERT INTO crm_rulehit (source_import_id, rule, verdict, row_number, field, "row")
        SELECT {import_id}, known.rule, known.verdict, n, known.field, jsonb_build_object({pairs})
        FROM (SELECT unnest(hits) AS position, checked.* FROM {table} AS checked WHERE hits <> '{{}}') AS hit
        JOIN ({known}) AS known (position, rule, verdict, field) USING (position)
    """).format(
        import_id=Literal(import_id),
        pairs=SQL(", ").join(pairs),
        table=Identifier(staging.table),
        known=known,
    )


def _rules_as_rows(rules: Sequence[Rule]) -> Composable:
    rows = [
        SQL("({}, {}, {}, {})").format(*map(Literal, (position, rule.code, str(rule.verdict), rule.field)))
        for position, rule in enumerate(rules)
    ]
    return SQL("VALUES {}").format(SQL(", ").join(rows))
