"""What drives a version's scores, for everybody and by segment; words are made by the templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics.models import ModelVersion, ReasonTotals
from crm.models import AttributeDefinition
from crm.models.access import Principal

Split = ReasonTotals.Split
SPLITS = [str(split) for split in Split if split != Split.EVERYBODY]
FEWEST_ACCOUNTS = 30  # of a segment shown by itself: of fewer, single accounts could be guessed
MOST_SHOWN = 6  # reasons told apart by segment; everybody's are all told apart
Reasons = dict[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Driver:
    """What one reason does to scores on average, in log-odds: its mean, and its mean size either way."""

    code: str
    label: str
    mean: float
    size: float
    bar: str = "0%"  # against the widest

    @property
    def values(self) -> dict[str, str]:
        return {"label": self.label} if self.label else {}


@dataclass(frozen=True, slots=True)
class Segment:
    value: str | None  # None: all others
    accounts: int
    mean_score: float
    drivers: list[Driver]

    @property
    def strongest(self) -> Driver | None:
        told_apart = [driver for driver in self.drivers if driver.code != "other"]
        return max(told_apart, key=lambda driver: driver.size, default=None)


@dataclass(frozen=True, slots=True)
class Drivers:
    as_of: datetime
    everybody: Segment
    split: str
    segments: list[Segment]


@dataclass
class _Sum:
    """Sums of a segment, over parts of a book or over segments too small to show."""

    accounts: int
    score: float
    reasons: Reasons

    def add(self, other: _Sum) -> None:
        self.accounts += other.accounts
        self.score += other.score
        for code, (signed, size) in other.reasons.items():
            mine = self.reasons.get(code, (0.0, 0.0))
            self.reasons[code] = (mine[0] + signed, mine[1] + size)


def get_drivers(version: ModelVersion, principal: Principal, split: str = "") -> Drivers | None:
    """Return what drove the scores when this version last scored its whole book; None if it never did."""
    totals = ReasonTotals.objects.visible_to(principal).filter(model_version=version.version)
    as_of = totals.newest_whole()
    if as_of is None:
        return None
    asked = [str(Split.EVERYBODY), *([split] if split in SPLITS else [])]
    rows = totals.filter(as_of=as_of, split__in=asked).order_by("part").values_list("split", "segments")
    added: dict[str, dict[str | None, _Sum]] = {name: {} for name in asked}
    for name, segments in rows:
        _add_up(added[name], segments)
    labels = _labels()
    everybody = added[Split.EVERYBODY].get(None) or _Sum(0, 0.0, {})
    whole = _segment(None, everybody, sorted(everybody.reasons), labels)
    shown = [driver.code for driver in whole.drivers[:MOST_SHOWN]]
    parts = [_segment(value, each, shown, labels, in_order=True) for value, each in _told_apart(added, split)]
    return Drivers(as_of, whole, split if split in SPLITS else "", parts)


def _add_up(added: dict[str | None, _Sum], segments: Iterable[Mapping[str, Any]]) -> None:
    for row in segments:
        reasons = {code: (sums[0], sums[1]) for code, sums in row["reasons"].items()}
        added.setdefault(row["value"], _Sum(0, 0.0, {})).add(_Sum(row["accounts"], row["score"], reasons))


def _told_apart(added: Mapping[str, dict[str | None, _Sum]], split: str) -> list[tuple[str | None, _Sum]]:
    """Return the segments, the largest first; small ones are among the others, which come last."""
    others = _Sum(0, 0.0, {})
    large: list[tuple[str | None, _Sum]] = []
    for value, each in added.get(split, {}).items():
        if value is None or each.accounts < FEWEST_ACCOUNTS:
            others.add(each)
        else:
            large.append((value, each))
    large.sort(key=lambda pair: (-pair[1].accounts, str(pair[0])))
    return [*large, (None, others)] if others.accounts else large


def _segment(
    value: str | None, sums: _Sum, codes: list[str], labels: Mapping[str, str], *, in_order: bool = False
) -> Segment:
    """Return a segment's means; with `in_order` of these codes as given, else the strongest first."""
    n = max(sums.accounts, 1)
    found = [(code, *sums.reasons.get(code, (0.0, 0.0))) for code in codes]
    if not in_order:
        found.sort(key=lambda each: (-each[2], each[0]))
    widest = max((size for _code, _signed, size in found), default=0.0) or 1.0
    drivers = [
        Driver(code, labels.get(code, ""), signed / n, size / n, f"{100 * size / widest:.1f}%")
        for code, signed, size in found
    ]
    return Segment(value, sums.accounts, sums.score / n, drivers)


def _labels() -> dict[str, str]:
    named = AttributeDefinition.objects.values_list("key", "label")
    return {f"attribute:{key}": label for key, label in named}
