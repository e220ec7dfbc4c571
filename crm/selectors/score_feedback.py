"""What people made of scores: one's own answers, and the counts of a model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count

from crm.models import Account, Score, ScoreFeedback, User


@dataclass(frozen=True, slots=True)
class FeedbackCounts:
    useful: int = 0
    useless: int = 0
    task: int = 0

    @property
    def opinions(self) -> int:
        return self.useful + self.useless

    @property
    def useful_share(self) -> float | None:
        return self.useful / self.opinions if self.opinions else None

    @property
    def any(self) -> bool:
        return bool(self.opinions or self.task)


def count_feedback(model_version: str) -> FeedbackCounts:
    """Return how often scores of this version were called useful or not, and led to a task."""
    said = ScoreFeedback.objects.filter(model_version=model_version).order_by()
    counts: dict[str, int] = dict(said.values_list("answer").annotate(n=Count("pk")))
    return FeedbackCounts(**counts)


def own_opinions(account: Account, user: User, scores: Iterable[Score]) -> dict[str, str]:
    """Return, by kind of score, what this person said of the score that is shown now."""
    current = {(score.kind, score.model_version, score.as_of) for score in scores}
    said = ScoreFeedback.objects.filter(account=account, user=user, answer__in=ScoreFeedback.OPINIONS)
    return {
        kind: answer
        for kind, version, as_of, answer in said.values_list("kind", "model_version", "as_of", "answer")
        if (kind, version, as_of) in current
    }
