"""Schedules: due moments become jobs, each exactly once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models.functions import Now

from crm.models import Job, Organisation, Schedule
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
        due = Schedule.objects.filter(is_enabled=True, next_due_at__lte=Now()).annotate(now=Now())
        for schedule in due.select_for_update(skip_locked=True).order_by("next_due_at", "pk"):
            jobs.append(_make_job(schedule))
            schedule.next_due_at = next_due(schedule, after=schedule.now, zone=zone)
            schedule.save(update_fields=["next_due_at"])
    return jobs


def _make_job(schedule: Schedule) -> Job:
    return enqueue(
        task=schedule.task,
        scope=schedule.scope,
        params=schedule.params,
        schedule=schedule,
        due_at=schedule.next_due_at,
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


def local_zone() -> ZoneInfo:
    """Return the organisation's time zone, in which a business day begins."""
    name = Organisation.objects.values_list("time_zone", flat=True).first()
    return ZoneInfo(name or FALLBACK_ZONE)
