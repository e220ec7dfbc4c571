"""What the jobs pages and the indicator in the top bar show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from crm.models import Book, Job, Schedule, WorkerHeartbeat
from crm.models.access import VIEW_ALL_JOBS, Principal, can
from crm.models.jobs import JobQuerySet
from crm.selectors.keyset import Column, Order, Page, keyset_page

NEWEST_FIRST = Order("jobs", (Column("pk", descending=True),))
CHILDREN_SHOWN = 50
WORKER_IS_LATE_AFTER = timedelta(minutes=2)
PEOPLE, SCHEDULES, ANYBODY = "people", "schedules", "anybody"
# Every few minutes something looks whether there is anything to do; what it did well nobody looks for.
ROUTINE = Q(state=Job.State.DONE, schedule__every_minutes__isnull=False)


@dataclass(frozen=True)
class JobIndicator:
    """What runs or waits now among the jobs that somebody may see."""

    running: int
    waiting: int
    newest: Job | None

    @property
    def is_busy(self) -> bool:
        return bool(self.running or self.waiting)


def list_jobs(
    principal: Principal,
    *,
    state: str = "",
    origin: str = "",
    after: str | None = None,
    before: str | None = None,
) -> Page[Job]:
    """Return one page of jobs, newest first, without the routine unless an origin is named.

    An unknown state or origin filters nothing.
    """
    jobs = Job.objects.visible_to(principal).with_timing().select_related("owner")
    if state in Job.State.values:
        jobs = jobs.filter(state=state)
    if origin in (PEOPLE, SCHEDULES):
        jobs = jobs.filter(schedule__isnull=origin == PEOPLE, parent__isnull=True)
    elif origin != ANYBODY:
        jobs = jobs.exclude(ROUTINE)
    return keyset_page(jobs, order=NEWEST_FIRST, after=after, before=before)


def get_jobs(principal: Principal) -> JobQuerySet:
    """Return the jobs that somebody may open, with all that a job's page names."""
    jobs = Job.objects.visible_to(principal).with_timing()
    return jobs.select_related("owner", "cancelled_by", "schedule", "parent", "retry_of")


def book_names() -> dict[str, str]:
    """Return the names of the books by the codes that the scopes of jobs hold."""
    return dict(Book.objects.values_list("code", "name"))


def list_children(job: Job) -> list[Job]:
    return list(job.children.all().with_timing().order_by("pk")[:CHILDREN_SHOWN])


def get_indicator(principal: Principal) -> JobIndicator:
    live = Job.objects.visible_to(principal).live().filter(due_at__lte=Now())
    states = list(live.order_by("-pk").values_list("state", flat=True)[:100])
    running = states.count(Job.State.RUNNING)
    newest = live.filter(state=Job.State.RUNNING).order_by("-pk").first() if running else None
    return JobIndicator(running, len(states) - running, newest)


def get_last_seen_worker() -> WorkerHeartbeat | None:
    """Return the worker seen last; `is_late` when even that one has been silent for two minutes."""
    late = Q(heartbeat_at__lt=Now() - WORKER_IS_LATE_AFTER)
    return WorkerHeartbeat.objects.annotate(is_late=late).order_by("-heartbeat_at").first()


def list_schedules(principal: Principal) -> list[Schedule]:
    """Return what runs by itself, the next one first, to those who see every job."""
    if not can(principal, VIEW_ALL_JOBS):
        return []
    due = Q(next_due_at__lte=Now())
    return list(Schedule.objects.filter(is_enabled=True).annotate(is_due=due).order_by("next_due_at", "pk"))
