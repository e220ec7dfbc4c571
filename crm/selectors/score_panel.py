"""Everything the scores panel says about one account, as numbers; words are made by the template."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm.models import Account, Reliability, Score, Value

FRESH_FOR = timedelta(days=8)
STRONGEST = 3
GROUPS = ("untouched", "holdout")  # in the order in which they say most about a score


@dataclass(frozen=True, slots=True)
class Contribution:
    reason: dict[str, Any]
    points: float


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """One score with what makes it checkable. Without a score: what is missing."""

    kind: Score.Kind
    score: Score | None
    contributions: Sequence[Contribution]
    rest: float  # points of the reasons that are not shown
    reliability: Reliability | None
    is_fresh: bool

    @property
    def base(self) -> float | None:
        return self.score.base_log_odds if self.score else None

    @property
    def sum(self) -> float:
        return sum(shown.points for shown in self.contributions) + self.rest

    @property
    def log_odds(self) -> float | None:
        return None if self.base is None else self.base + self.sum

    @property
    def adds_up_to(self) -> float | None:
        """Return the probability that base and points make: the score, up to its calibration."""
        return None if self.log_odds is None else 1 / (1 + math.exp(-self.log_odds))

    @property
    def model_changes(self) -> list[int]:
        """Return the places in the weekly values from which on another model spoke."""
        models = list(self.score.weekly_models) if self.score else []
        return [at for at in range(1, len(models)) if models[at] != models[at - 1]]


@dataclass(frozen=True, slots=True)
class Published:
    """What analytics has published about one account."""

    scores: dict[str, Score]
    values: dict[str, Value]
    reliability: Iterable[Reliability]  # read when it is first asked for
    as_of: datetime

    def cards(self, account: Account, *, in_brief: bool = False) -> list[ScoreCard]:
        """Return a card for each score; in brief without how such scores have held."""
        kinds = [kind for kind in Score.Kind if kind in account.book.score_kinds or kind in self.scores]
        return [self._card(kind, () if in_brief else self.reliability) for kind in kinds]

    def _card(self, kind: Score.Kind, reliability: Iterable[Reliability]) -> ScoreCard:
        score = self.scores.get(kind)
        if score is None:
            return ScoreCard(kind, None, (), 0.0, None, is_fresh=False)
        shown, rest = strongest(score.reasons)
        is_fresh = score.as_of >= self.as_of - FRESH_FOR
        return ScoreCard(kind, score, shown, rest, _band(reliability, score), is_fresh)

    def value(self, kind: str) -> Value | None:
        return self.values.get(kind)


def get_published(account: Account, *, as_of: datetime) -> Published:
    return Published(
        {score.kind: score for score in Score.objects.filter(account=account)},
        {value.kind: value for value in Value.objects.filter(account=account)},
        Reliability.objects.filter(book=account.book_id),
        as_of,
    )


def strongest(reasons: Sequence[dict[str, Any]]) -> tuple[list[Contribution], float]:
    """Return the strongest reasons up and down, three each, and the points of all others."""
    every = [Contribution(reason, float(reason.get("points") or 0)) for reason in reasons]
    ranked = sorted(every, key=lambda c: -abs(c.points))
    up = [c for c in ranked if c.points > 0][:STRONGEST]
    down = [c for c in ranked if c.points < 0][:STRONGEST]
    shown = sorted([*up, *down], key=lambda c: -c.points)
    return shown, sum(c.points for c in every) - sum(c.points for c in shown)


def _band(reliability: Iterable[Reliability], score: Score) -> Reliability | None:
    """Return how scores like this one have held, counted among those who say most about it."""
    for group in GROUPS:
        for row in reliability:
            inside = row.low <= score.value < row.high or (row.high >= 1 and score.value >= row.low)
            if row.kind == score.kind and row.group == group and inside and row.accounts:
                return row
    return None
