"""What a rule over standing rows is made of: a table with what it is held against, and conditions.

Each table is read once for all of its rules. What takes a pass of its own (the last order of every
account, say) is a join that is left out when no rule that is on needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# A demo book ends at a day: what is stale there is judged as of that day.
BOOK = """
    JOIN (SELECT id, currency, coalesce(ends_at, now()) AS as_of FROM crm_book) AS book
        ON book.id = {owner}.book_id
"""
EMAIL = r"'^[^@\s,;]+@[^@\s.,;]+(\.[^@\s.,;]+)+$'"


@dataclass(frozen=True, slots=True)
class Rule:
    """`condition` is SQL that is true for the rows that the rule catches; null counts as false."""

    code: str
    condition: str
    needs: tuple[str, ...] = ()  # names of the table's joins


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one kind. `name` is both the table's alias in the conditions and its row's word."""

    code: str
    name: str
    rows: str  # the FROM clause that all of its rules need; it yields `book`
    rules: tuple[Rule, ...]
    joins: Mapping[str, str] = field(default_factory=dict)
    where: str = "true"

    def rule(self, code: str) -> Rule | None:
        return next((rule for rule in self.rules if rule.code == code), None)
