"""The figures as tables in Markdown, which read well in a terminal too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.measuring import Measured

MEMORY_GOAL = 250  # MB
GROWTH_GOAL = 1.5
LINES_GOAL = 100_000  # order lines a second


@dataclass(slots=True)
class SizeReport:
    accounts: int
    generated: dict[str, float]
    publishing: dict[str, float]
    measured: list[Measured] = field(default_factory=list)
    memory: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "accounts": self.accounts,
            "generated": self.generated,
            "publishing": self.publishing,
            "memory": self.memory,
            "cases": [measured.as_json() for measured in self.measured],
        }

    def lines(self) -> list[str]:
        return [
            f"\n### {self.accounts:,} accounts\n",
            *table(
                (
                    "",
                    "median",
                    "p95",
                    "/s",
                    "× floor",
                    "goal",
                    "",
                    "8: p95",
                    "8: /s",
                    "8: × floor",
                    "queries",
                    "kB",
                ),
                [_row(measured) for measured in self.measured],
            ),
            "",
            *self.notes(),
        ]

    def notes(self) -> list[str]:
        return [
            "- Floors, median ms: " + self._floors(),
            "- Memory, PSS: " + self._memory(),
            "- Publishing: " + self._publishing(),
            *(["- Generating: " + self._generating()] if self.generated else []),
        ]

    def _floors(self) -> str:
        floors = {measured.floor: measured.one_floor for measured in self.measured}
        return ", ".join(f"{name} {figures.median:.1f}" for name, figures in floors.items())

    def _memory(self) -> str:
        parts = ", ".join(f"{name} {size:.0f} MB" for name, size in self.memory.items())
        return f"{parts}; goal {MEMORY_GOAL} MB in all {mark(self.memory['all'] <= MEMORY_GOAL)}"

    def _publishing(self) -> str:
        at_once, by_rows = self.publishing["published_per_second"], self.publishing["rows_per_second"]
        return f"{at_once:,.0f} scores/s at once, {by_rows:,.0f} row by row (× {at_once / by_rows:.0f})"

    def _generating(self) -> str:
        speed, in_all = (self.generated[f"order_lines_per_second{part}"] for part in ("", "_in_all"))
        return (
            f"{speed:,.0f} order lines/s, goal {LINES_GOAL:,} {mark(speed >= LINES_GOAL)}; {in_all:,.0f} "
            f"when all other rows, indexes and keys are counted in ({self.generated['seconds']:.0f} s)"
        )


def growth_lines(reports: Sequence[SizeReport]) -> list[str]:
    """Compare each size with the smallest: milliseconds, and times the floor of the same run."""
    first, *others = sorted(reports, key=lambda report: report.accounts)
    if not others:
        return []
    base = {measured.name: measured for measured in first.measured}
    heads = [f"{report.accounts:,}" for report in others]
    rows = []
    for name, small in _by_kind(base, others):
        cells = [f"{small.one.median:.1f} ms"]
        for report in others:
            large = next(m for m in report.measured if m.name == name)
            grown = large.ratio / small.ratio
            cells.append(f"{large.one.median:.1f} ms, × {grown:.2f} {mark(grown <= GROWTH_GOAL)}")
        rows.append((name, *cells))
    title = f"\n### Growth (goal × {GROWTH_GOAL}; times the floor there, against times the floor here)\n"
    return [title, *table(("", f"{first.accounts:,}", *heads), rows)]


def _by_kind(base: dict[str, Measured], others: Sequence[SizeReport]) -> list[tuple[str, Measured]]:
    """Return the cases that every size has; a page number may differ between sizes."""
    common = set(base).intersection(*({m.name for m in report.measured} for report in others))
    return [(name, measured) for name, measured in base.items() if name in common]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    lines = [
        _line(head, widths),
        _line(["-" * widths[0], *(f"{'-' * (w - 1)}:" for w in widths[1:])], widths),
    ]
    return [*lines, *(_line(row, widths) for row in rows)]


def mark(is_reached: bool) -> str:  # noqa: FBT001 - a mark has no other question
    return "✓" if is_reached else "✗"


def _row(m: Measured) -> tuple[str, ...]:
    return (
        m.name, f"{m.one.median:.1f}", f"{m.one.p95:.1f}", f"{m.one.per_second:.0f}",
        f"{m.ratio:.2f}", f"≤ {m.goal:.0f}", mark(m.is_reached),
        f"{m.many.p95:.0f}", f"{m.many.per_second:.0f}", f"{m.ratio_of_many:.2f}",
        f"{m.queries}", f"{m.bytes / 1_000:.0f}",
    )  # fmt: skip


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    return f"| {first[0]:<{first[1]}} | " + " | ".join(f"{cell:>{width}}" for cell, width in rest) + " |"
