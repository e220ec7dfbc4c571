"""What the rules over standing rows caught: today, over time, and which rows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Max, QuerySet

from crm.models import Book, ChangeSet, Job, QualityCount, QualityRule
from crm.models.access import Principal
from crm.selectors.keyset import Column, Order, Page, keyset_page
from crm.selectors.quality_words import KINDS, TABLES, StandingWords, Words, standing_words
from crm.selectors.standing_rows import ShownRow, rows_of, shown

TREND_DAYS = 30
EXAMPLES = 3
WORSE = 1.1  # times its lowest share: less is noise
BY_ID = Order("standing-rows", (Column("pk"),))
CHECKS = ("crm.check_quality", "crm.clean_rows")

# Each rule's last days, with the first examples of the last check.
_DAYS = """
    SELECT "table", code, on_date, sum(caught)::bigint, sum(checked)::bigint, max(checked_at),
           jsonb_agg(jsonb_path_query_array(examples, %(range)s::jsonpath)) FILTER (WHERE examples <> '[]')
    FROM (
        SELECT *, dense_rank() OVER (PARTITION BY "table", code ORDER BY on_date DESC) AS place
        FROM crm_qualitycount
        WHERE on_date > (SELECT max(on_date) FROM crm_qualitycount) - 2 * %(days)s
          AND (%(book)s::bigint IS NULL OR book_id = %(book)s)
          AND (%(code)s::text IS NULL OR ("table", code) = (%(table)s, %(code)s))
    ) AS counted
    WHERE place <= %(days)s
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Day:
    on: date
    caught: int
    checked: int
    checked_at: datetime
    examples: list[int]

    @property
    def share(self) -> float:
        return self.caught / self.checked if self.checked else 0.0


@dataclass(frozen=True, slots=True)
class StandingRule:
    """One rule with its setting, its words and its last days, oldest first."""

    setting: QualityRule
    words: StandingWords
    days: Sequence[Day]
    examples: Sequence[ShownRow] = ()

    @property
    def last(self) -> Day | None:
        return self.days[-1] if self.days else None

    @property
    def kind_label(self) -> Words:
        return KINDS[self.words.kind]

    @property
    def shares(self) -> list[float]:
        return [day.share for day in self.days]

    @property
    def worse_since(self) -> Day | None:
        """Return the first of the days on which the rule has caught clearly more than at its best."""
        best = min(self.shares, default=0.0)
        first = None
        for day in reversed(self.days):
            if day.share <= best * WORSE or day.share == best:
                break
            first = day
        return first

    @property
    def has_caught(self) -> bool:
        """Say whether there was ever anything to draw a line of."""
        return any(day.caught for day in self.days)

    @property
    def best_share(self) -> float:
        return min(self.shares, default=0.0)


@dataclass(frozen=True, slots=True)
class TableReport:
    code: str
    label: Words
    rules: Sequence[StandingRule]
    checked: int

    @property
    def caught(self) -> int:
        return sum(bool(rule.last and rule.last.caught and rule.setting.is_enabled) for rule in self.rules)


def list_tables(principal: Principal, *, book: Book | None = None) -> list[TableReport]:
    """Return every table with its rules in the administrator's order."""
    days = _days(book)
    by_table: dict[str, list[QualityRule]] = defaultdict(list)
    for setting in QualityRule.objects.all():
        by_table[setting.table].append(setting)
    return [_report(principal, code, by_table[code], days) for code in TABLES if code in by_table]


def get_standing_rule(table: str, code: str, *, book: Book | None = None) -> StandingRule | None:
    """Return one rule with its last days, or None when there is none of that name."""
    setting = QualityRule.objects.filter(table=table, code=code).first()
    if setting is None or table not in TABLES:
        return None
    days = _days(book, only=(table, code))
    return StandingRule(setting, standing_words(table, code), days.get((table, code), []))


def list_caught(
    principal: Principal, rule: StandingRule, *, book: Book | None = None, after: str | None = None,
    before: str | None = None,
) -> tuple[Page[Any], list[ShownRow]]:  # fmt: skip
    """Return a page of the rows that the last check kept as examples, as they stand now."""
    table, code = rule.setting.table, rule.setting.code
    counts = QualityCount.objects.filter(table=table, code=code)
    counts = counts.filter(on_date=rule.last.on) if rule.last else counts.none()
    if book is not None:
        counts = counts.filter(book=book)
    ids = [pk for examples in counts.values_list("examples", flat=True) for pk in examples]
    page = keyset_page(rows_of(principal, table, ids), order=BY_ID, after=after, before=before)
    return page, [shown(table, row) for row in page.rows]


def list_cleanings(principal: Principal, rule: StandingRule) -> QuerySet[ChangeSet]:
    """Return the last times that what this rule caught was cleaned."""
    sets = ChangeSet.objects.visible_to(principal).filter(
        kind=ChangeSet.Kind.BULK_EDIT, data__edit="clean", data__table=rule.setting.table,
        data__code=rule.setting.code,
    )  # fmt: skip
    return sets.select_related("owner").order_by("-made_at", "-pk")[:5]


def last_check() -> datetime | None:
    at: datetime | None = QualityCount.objects.aggregate(at=Max("checked_at"))["at"]
    return at


def running_check(table: str = "", code: str = "") -> Job | None:
    """Return the check or cleaning that goes on now, of everything or of one rule."""
    jobs = Job.objects.live().filter(task__in=CHECKS)
    jobs = jobs.filter(scope=f"rule:{table}.{code}") if code else jobs.filter(scope="")
    return jobs.order_by("-pk").first()


def _report(
    principal: Principal, code: str, settings: list[QualityRule], days: dict[tuple[str, str], list[Day]]
) -> TableReport:
    mine = {setting.code: days.get((code, setting.code), []) for setting in settings}
    wanted = {pk for found in mine.values() if found for pk in found[-1].examples}
    rows = {row.pk: shown(code, row) for row in rows_of(principal, code, wanted)} if wanted else {}
    rules = [
        StandingRule(
            setting,
            standing_words(code, setting.code),
            mine[setting.code],
            [rows[pk] for pk in _last_examples(mine[setting.code]) if pk in rows],
        )
        for setting in settings
    ]
    checked = max((rule.last.checked for rule in rules if rule.last), default=0)
    return TableReport(code, TABLES[code], rules, checked)


def _last_examples(days: Sequence[Day]) -> list[int]:
    return days[-1].examples if days else []


def _days(book: Book | None, only: tuple[str, str] | None = None) -> dict[tuple[str, str], list[Day]]:
    table, code = only or (None, None)
    given = {
        "book": book.pk if book else None, "days": TREND_DAYS, "range": f"$[0 to {EXAMPLES - 1}]",
        "table": table, "code": code,
    }  # fmt: skip
    found: dict[tuple[str, str], list[Day]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, given)
        for table, code, on, caught, checked, at, examples in cursor.fetchall():
            ids = sorted(pk for some in _loaded(examples) for pk in some)[:EXAMPLES]
            found[table, code].append(Day(on, caught, checked, at, ids))
    return found


def _loaded(examples: str | None) -> list[list[int]]:
    found: list[list[int]] = json.loads(examples) if examples else []
    return found
