"""The journal of an account. Each entry goes to the change feed: somebody acted on what they saw."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from crm.models import Account, Activity, Contact, User
from crm.services.feed import record_change


@transaction.atomic
def log_activity(
    *,
    account: Account,
    kind: str,
    text: str,
    author: User,
    contact: Contact | None = None,
    at: datetime | None = None,
) -> Activity:
    """Write what somebody did with an account; analytics keeps the score they did it upon."""
    moment: dict[str, Any] = {"at": at} if at else {}
    activity = Activity.objects.create(
        account=account, kind=kind, text=text, author=author, contact=contact, **moment
    )
    record_change(kind="activity.logged", object_id=activity.pk, account_id=account.pk, data={"what": kind})
    return activity


def pin_activity(*, activity: Activity, is_pinned: bool) -> None:
    """Keep a note on top of the timeline, or let it go back to its day."""
    Activity.objects.filter(pk=activity.pk).update(is_pinned=is_pinned)
