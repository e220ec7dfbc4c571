"""Schedules: every due moment becomes one job, by the organisation's clock."""

import threading
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from crm.models import Job, Organisation, Schedule
from crm.services.jobs import forget_scheduled_jobs
from crm.services.schedules import next_due, run_due_schedules
from crm.services.sweep import tick

LONDON, BERLIN = ZoneInfo("Europe/London"), ZoneInfo("Europe/Berlin")


@pytest.fixture
def no_other_schedules(transactional_db):
    Schedule.objects.all().delete()


def due_since(minutes: int, **columns: object) -> Schedule:
    schedule = Schedule.objects.create(name="s", task="crm.example", **columns)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE crm_schedule SET next_due_at = now() - make_interval(mins => %s)", [minutes])
    schedule.refresh_from_db()
    return schedule


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "zone", "expected"),
    [
        (utc(2026, 1, 10, 1), LONDON, utc(2026, 1, 10, 2)),
        (utc(2026, 1, 10, 2), LONDON, utc(2026, 1, 11, 2)),  # later than, not at
        (utc(2026, 7, 10, 1, 30), LONDON, utc(2026, 7, 11, 1)),  # summer time
        (utc(2026, 3, 28, 12), BERLIN, utc(2026, 3, 29, 1)),  # 02:00 is skipped that night
        (utc(2026, 10, 24, 12), BERLIN, utc(2026, 10, 25, 0)),  # 02:00 comes twice: the first
        (utc(2026, 10, 25, 0), BERLIN, utc(2026, 10, 26, 1)),  # and not again an hour later
    ],
)
def test_daily_goes_by_the_clock_on_the_wall(after, zone, expected):
    schedule = Schedule(at_time=time(2), next_due_at=after)

    assert next_due(schedule, after=after, zone=zone) == expected


def test_weekly_waits_for_its_day():
    schedule = Schedule(at_time=time(3), weekday=6, next_due_at=utc(2026, 1, 1))

    assert next_due(schedule, after=utc(2026, 1, 7), zone=LONDON) == utc(2026, 1, 11, 3)  # a Sunday
    assert next_due(schedule, after=utc(2026, 1, 11, 3), zone=LONDON) == utc(2026, 1, 18, 3)


def test_every_few_minutes_keeps_its_beat():
    schedule = Schedule(every_minutes=5, next_due_at=utc(2026, 1, 1, 12, 0))

    assert next_due(schedule, after=utc(2026, 1, 1, 12, 0), zone=LONDON) == utc(2026, 1, 1, 12, 5)
    assert next_due(schedule, after=utc(2026, 1, 1, 13, 3), zone=LONDON) == utc(2026, 1, 1, 13, 5)


def test_a_due_moment_becomes_one_job_and_what_was_missed_is_made_up_for_once(no_other_schedules):
    schedule = due_since(60 * 26, every_minutes=5, scope="all", params={"deep": True})

    (job,) = run_due_schedules()

    assert (job.task, job.scope, job.params) == ("crm.example", "all", {"deep": True})
    assert (job.schedule, job.due_at) == (schedule, schedule.next_due_at)
    assert run_due_schedules() == []
    schedule.refresh_from_db()
    assert schedule.next_due_at - job.due_at >= timedelta(hours=26)


def test_the_zone_is_the_organisations(no_other_schedules):
    Organisation.objects.create(id=1, name="Ours", time_zone="Asia/Taipei")
    schedule = due_since(1, at_time=time(2))

    run_due_schedules()

    schedule.refresh_from_db()
    assert schedule.next_due_at.astimezone(ZoneInfo("Asia/Taipei")).time() == time(2)


def test_switched_off_is_not_due(no_other_schedules):
    due_since(1, every_minutes=5, is_enabled=False)

    assert run_due_schedules() == []


def test_a_slow_run_is_not_overtaken_by_the_next(no_other_schedules):
    due_since(1, every_minutes=5)
    (first,) = run_due_schedules()
    Job.objects.filter(pk=first.pk).update(state=Job.State.RUNNING)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE crm_schedule SET next_due_at = now() - interval '1 minute'")

    assert run_due_schedules() == [first]
    assert Job.objects.count() == 1


def test_what_schedules_did_well_is_forgotten_after_a_month(no_other_schedules):
    schedule = Schedule.objects.create(name="s", task="crm.example", every_minutes=5)
    kept = [
        Job.objects.create(task="crm.example", state="done"),
        Job.objects.create(task="crm.example", state="failed", schedule=schedule),
    ]
    Job.objects.create(task="crm.example", state="done", schedule=schedule, due_at=utc(2020, 1, 1))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE crm_job SET finished_at = now() - interval '31 days'")
    kept.append(Job.objects.create(task="crm.example", schedule=schedule, due_at=utc(2021, 1, 1)))

    assert forget_scheduled_jobs() == 1
    assert list(Job.objects.order_by("pk")) == kept


def test_many_beats_at_once_make_one_job(no_other_schedules):
    due_since(1, every_minutes=5)
    together = threading.Barrier(6)

    def beat() -> None:
        together.wait()
        tick()
        connection.close()

    threads = [threading.Thread(target=beat) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Job.objects.filter(task="crm.example").count() == 1
