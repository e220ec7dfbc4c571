"""Schedules: due moments become jobs, each exactly once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from crm.models import Job, Organisation, Schedule
from crm.services.feed import has_changes
from crm.services.jobs import enqueue

FALLBACK_ZONE = "Europe/London"


def run_due_schedules() -> list[Job]:
    """Make one job for each schedule that is due and set its next moment.

    What was missed while nothing ran is made up for once, not once for each moment. Two of these at
    the same time are harmless: each locks the schedules that it takes and skips locked ones, and
    (schedule, due moment) is unique.
    """
    zone = local_zone()
    jobs = []
    with transaction.atomic():
        due = Q(next_due_at__lte=Now()) | Q(pk__in=_followers_with_news())
        schedules = Schedule.objects.filter(due, is_enabled=True).annotate(now=Now())
        for schedule in schedules.select_for_update(skip_locked=True).order_by("next_due_at", "pk"):
            jobs.append(_make_job(schedule, schedule.now))
            if schedule.next_due_at <= schedule.now:  # and not before its turn, for news
                schedule.next_due_at = next_due(schedule, after=schedule.now, zone=zone)
                schedule.save(update_fields=["next_due_at"])
    return jobs


def _followers_with_news() -> list[int]:
    """Return the schedules that follow the change feed and have something to read.

    They need not wait for their turn: what arrives is reacted to with the next tick.
    """
    followers = Schedule.objects.filter(is_enabled=True, params__has_key="reader")
    return [
        schedule.pk
        for schedule in followers
        if has_changes(schedule.params["reader"], schedule.params["kinds"])
        and not Job.objects.live().filter(task=schedule.task, scope=schedule.scope).exists()
    ]


def _make_job(schedule: Schedule, now: datetime) -> Job:
    return enqueue(
        task=schedule.task,
        scope=schedule.scope,
        params=schedule.params,
        schedule=schedule,
        due_at=min(schedule.next_due_at, now),
        coalesces=True,  # a slow run is not overtaken by the next one
    )


def next_due(schedule: Schedule, *, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment of this schedule later than `after`, by the clock on the wall."""
    if schedule.every_minutes:
        step = timedelta(minutes=schedule.every_minutes)
        missed = max(0, (after - schedule.next_due_at) // step)
        return schedule.next_due_at + step * (missed + 1)
    assert schedule.at_time is not None  # noqa: S101 - the table's constraint says so
    day = after.astimezone(zone).date() - timedelta(days=1)
    while True:
        moment = datetime.combine(day, schedule.at_time, tzinfo=zone)
        if moment > after and schedule.weekday in (None, day.weekday()):
            return moment.astimezone(UTC)
        day += timedelta(days=1)


def retime_schedules(*, zone: ZoneInfo) -> None:
    """Move what is to come by the clock on the wall to that of another zone.

    What is due already stays due.
    """
    coming = Schedule.objects.filter(at_time__isnull=False, next_due_at__gt=Now()).annotate(now=Now())
    for schedule in coming.select_for_update():
        schedule.next_due_at = next_due(schedule, after=schedule.now, zone=zone)
        schedule.save(update_fields=["next_due_at"])


def local_zone() -> ZoneInfo:
    """Return the organisation's time zone, in which a business day begins."""
    name = Organisation.objects.values_list("time_zone", flat=True).first()
    return ZoneInfo(name or FALLBACK_ZONE)
