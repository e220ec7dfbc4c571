"""Tasks: what somebody means to do, and whether it is done."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction

from crm.models import Account, Task, User
from crm.services.feed import record_change


@transaction.atomic
def create_task(
    *,
    title: str,
    created_by: User,
    account: Account | None = None,
    assignee: User | None = None,
    due_date: date | None = None,
) -> Task:
    """Note down something to do. With an account it counts as acting on the account's scores."""
    task = Task.objects.create(
        title=title, account=account, assignee=assignee or created_by, due_date=due_date,
        created_by=created_by,
    )  # fmt: skip
    if account is not None:
        record_change(kind="activity.logged", object_id=task.pk, account_id=account.pk, data={"what": "task"})
    return task


def finish_task(*, task: Task, at: datetime) -> bool:
    """Mark an open task as done; a task that is done stays as it was. Return whether it changed."""
    return bool(Task.objects.filter(pk=task.pk, done_at=None).update(done_at=at))


def reopen_task(*, task: Task) -> bool:
    return bool(Task.objects.filter(pk=task.pk, done_at__isnull=False).update(done_at=None))
