"""Telling people what they asked to be told. Rows hold codes; the words are made when they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from crm.models import Job, JobWatch, Notification, User

KEEP_DAYS = 90
# What one starts and then leaves: whoever did is told without asking.
OWNER_IS_TOLD = frozenset({
    "campaigns.commit_import", "crm.assign_accounts", "crm.commit_import", "crm.erase_account",
    "crm.export_accounts", "crm.undo_change_set",
})  # fmt: skip


def how_told(*, job: Job, user: User) -> str:
    """Return "always" when this person is told anyway that the job ended, "asked", or nothing."""
    if _tells_its_owner(job) and job.owner_id == user.pk:
        return "always"
    return "asked" if JobWatch.objects.filter(job=job, user=user).exists() else ""


@transaction.atomic
def watch_job(*, job: Job, user: User, is_watching: bool) -> bool:
    """Tell this person when the job ends, or no longer. Return False when it has ended already.

    The job's row is locked: either its end finds this wish, or this finds its end.
    """
    live = Job.objects.select_for_update(of=("self",)).filter(pk=job.pk).live()
    if not live.exists():
        return False
    if is_watching:
        JobWatch.objects.get_or_create(job=job, user=user)
    else:
        JobWatch.objects.filter(job=job, user=user).delete()
    return True


def tell_jobs_ended(*, job_ids: Iterable[int], by: User | None = None) -> None:
    """Tell those who wanted to know of jobs that have just ended, but for whoever ended them.

    Belongs into the transaction that ends them.
    """
    ended = Job.objects.filter(pk__in=list(job_ids))
    told = [
        Notification(user_id=user_id, kind=f"job.{job.state}", data=_facts(job), url=job.get_absolute_url())
        for job in ended.prefetch_related("watches")
        for user_id in sorted(_who_is_told(job) - {by.pk if by else 0})
    ]
    if told:
        Notification.objects.bulk_create(told)
        _recount(User.objects.filter(pk__in={row.user_id for row in told}))


def tell(*, users: QuerySet[User], kind: str, data: dict[str, object], url: str) -> None:
    """Tell these people of something that is no job. Belongs into the transaction in which it happens."""
    told = [Notification(user=user, kind=kind, data=data, url=url) for user in users]
    Notification.objects.bulk_create(told)
    _recount(User.objects.filter(pk__in={row.user_id for row in told}))


@transaction.atomic
def mark_read(*, user: User, notifications: QuerySet[Notification]) -> None:
    """Note that these were read, the first time that they are."""
    notifications.filter(user=user, read_at=None).update(read_at=Now())
    _recount(User.objects.filter(pk=user.pk))


def forget_old_notifications() -> int:
    """Delete what was told three months ago, read or not; return how many."""
    old = Notification.objects.filter(at__lt=Now() - timedelta(days=KEEP_DAYS))
    unread = set(old.filter(read_at=None).values_list("user_id", flat=True))
    deleted = old.delete()[0]
    _recount(User.objects.filter(pk__in=unread))
    return deleted


def _who_is_told(job: Job) -> set[int]:
    told = {watch.user_id for watch in job.watches.all()}
    if _tells_its_owner(job) and job.owner_id:
        told.add(job.owner_id)
    return told


def _tells_its_owner(job: Job) -> bool:
    return job.task in OWNER_IS_TOLD and job.parent_id is None


def _facts(job: Job) -> dict[str, object]:
    return {"task": job.task, "scope": job.scope, "errors": job.error_count}


def _recount(users: QuerySet[User]) -> None:
    """Count anew instead of adding and subtracting, so that no mistake stays."""
    unread = Notification.objects.filter(user=OuterRef("pk"), read_at=None).order_by().values("user")
    users.update(unread_notifications=Coalesce(Subquery(unread.values(n=Count("pk"))), 0))
