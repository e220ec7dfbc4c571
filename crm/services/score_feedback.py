"""What people make of scores, kept beside the score as they saw it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.core import signing
from django.db import transaction
from django.db.models.functions import Now

from crm.models import Account, Score, ScoreFeedback, Task, User
from crm.services.tasks import create_task

SALT = "score-as-shown"


class NotShownError(Exception):
    """What came back is no score of this account that a page of ours has shown."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A score as a page showed it. The one of the account may have moved on since."""

    kind: str
    value: float
    model_version: str
    as_of: datetime


def sign_shown(score: Score) -> str:
    """Return what a form sends back, so that what is logged is what was seen, and nothing else."""
    return signing.dumps(
        [score.account_id, score.kind, score.value, score.model_version, score.as_of.isoformat()], salt=SALT
    )


def read_shown(*, account: Account, signed: str) -> Shown:
    """Return the score that a form speaks of.

    :raises NotShownError: when we did not sign it, or for another account.
    """
    try:
        account_id, kind, value, version, as_of = signing.loads(signed, salt=SALT)
    except signing.BadSignature as error:
        raise NotShownError from error
    if account_id != account.pk:
        raise NotShownError
    return Shown(kind, value, version, datetime.fromisoformat(as_of))


@transaction.atomic
def say_useful(*, account: Account, user: User, shown: Shown, is_useful: bool) -> ScoreFeedback:
    """Log whether the score was useful. Saying it again of the same score changes one's mind."""
    answer = ScoreFeedback.Answer.USEFUL if is_useful else ScoreFeedback.Answer.USELESS
    feedback, _made = ScoreFeedback.objects.update_or_create(
        account=account, user=user, kind=shown.kind, model_version=shown.model_version, as_of=shown.as_of,
        answer__in=ScoreFeedback.OPINIONS, defaults={"answer": answer, "value": shown.value, "at": Now()},
    )  # fmt: skip
    return feedback


@transaction.atomic
def make_task_of(
    *, account: Account, user: User, shown: Shown, title: str, due_date: date | None = None
) -> Task:
    """Make a task upon a score, for whoever makes it, and log that the score led to it."""
    task = create_task(title=title, account=account, created_by=user, due_date=due_date)
    ScoreFeedback.objects.create(
        account=account, user=user, kind=shown.kind, model_version=shown.model_version, as_of=shown.as_of,
        value=shown.value, answer=ScoreFeedback.Answer.TASK, task=task,
    )  # fmt: skip
    return task
