"""What the rules caught in imported files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Prefetch

from crm.models import Import, RuleCount, RuleHit
from crm.models.access import Principal
from crm.models.imports import ImportQuerySet
from crm.selectors.keyset import Column, Order, Page, keyset_page
from crm.selectors.rule_words import RuleWords, words_of

IMPORTS_SHOWN = 10
BY_ROW = Order("rule-hits", (Column("row_number"), Column("pk")))

# Up to three rows a rule, found by the index on (import, rule, row).
_EXAMPLES = """
    SELECT counted.id, hit.shown
    FROM crm_rulecount AS counted
    CROSS JOIN LATERAL (
        SELECT row_number, "row" ->> field AS shown FROM crm_rulehit
        WHERE source_import_id = counted.source_import_id AND rule = counted.rule
        ORDER BY row_number LIMIT 3
    ) AS hit
    WHERE counted.source_import_id = ANY(%s) AND counted.rows > 0
    ORDER BY counted.id, hit.row_number
"""


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule of an import: what it looks for, and what it caught."""

    code: str
    words: RuleWords
    verdict: str
    verdict_label: str
    rows: int
    share: float | None
    examples: Sequence[str | None]

    @property
    def shown_examples(self) -> list[str]:
        """Return the examples without repeats; an empty cell is shown by its absence."""
        return list(dict.fromkeys(example for example in self.examples if example))


@dataclass(frozen=True, slots=True)
class ImportReport:
    source: Import
    rules: Sequence[RuleLine]
    written: Sequence[tuple[str, int, int]]  # code of a kind of row, inserted, updated

    @property
    def caught(self) -> int:
        return sum(rule.rows > 0 for rule in self.rules)


def get_imports(principal: Principal) -> ImportQuerySet:
    """Return the imports that somebody may see, newest first, each with its rules in order."""
    counts = Prefetch("rule_counts", RuleCount.objects.order_by("position"))
    imports = Import.objects.visible_to(principal).select_related("book")
    return imports.prefetch_related(counts).order_by("-pk")


def list_reports(principal: Principal) -> list[ImportReport]:
    imports = list(get_imports(principal)[:IMPORTS_SHOWN])
    examples = _examples([source.pk for source in imports])
    return [
        ImportReport(
            source, [_line(source, count, examples) for count in source.rule_counts.all()], _written(source)
        )
        for source in imports
    ]


def get_rule(source: Import, code: str) -> RuleLine | None:
    """Return one rule of an import, or None when that import knows no such rule."""
    count = next((count for count in source.rule_counts.all() if count.rule == code), None)
    return None if count is None else _line(source, count, {})


def list_hits(
    source: Import, code: str, *, after: str | None = None, before: str | None = None
) -> Page[RuleHit]:
    """Return one page of the rows that a rule caught, in the order of the file."""
    hits = RuleHit.objects.filter(source_import=source, rule=code)
    return keyset_page(hits, order=BY_ROW, after=after, before=before)


def columns_of(source: Import, hits: Sequence[RuleHit]) -> list[str]:
    """Return the file's columns in its order, or sorted by name when it was not remembered."""
    return list(source.columns) or sorted({name for hit in hits for name in hit.row})


def _line(source: Import, count: RuleCount, examples: dict[int, list[str | None]]) -> RuleLine:
    return RuleLine(
        code=count.rule,
        words=words_of(count.rule),
        verdict=count.verdict,
        verdict_label=str(count.get_verdict_display()),
        rows=count.rows,
        share=count.rows / source.rows_read if source.rows_read else None,
        examples=examples.get(count.pk, []),
    )


def _examples(import_ids: list[int]) -> dict[int, list[str | None]]:
    found: dict[int, list[str | None]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_EXAMPLES, [import_ids])
        for count_id, shown in cursor.fetchall():
            found[count_id].append(shown)
    return found


def _written(source: Import) -> list[tuple[str, int, int]]:
    counts: dict[str, dict[str, Any]] = source.counts
    return [(kind, row.get("inserted", 0), row.get("updated", 0)) for kind, row in counts.items()]
