from typing import Self

from django.db import models
from django.db.models.functions import Coalesce, Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.models.access import VIEW_ALL_JOBS, Principal, can
from crm.models.fields import UuidV7
from crm.models.people import User


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, principal: Principal) -> Self:
        """Return every job to those who run the installation, and to others their own."""
        if can(principal, VIEW_ALL_JOBS):
            return self
        return self.filter(owner_id=getattr(principal, "pk", None) or 0)

    def live(self) -> Self:
        return self.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING])

    def with_timing(self) -> Self:
        """Add how long each has run, and how long its phase has, by the database's clock."""
        until = Coalesce("finished_at", Now())
        return self.annotate(
            lasted=models.ExpressionWrapper(until - models.F("started_at"), models.DurationField()),
            phase_lasted=models.ExpressionWrapper(
                until - models.F("phase_started_at"), models.DurationField()
            ),
        )


class Schedule(models.Model):
    """When a task is due: every so many minutes, or daily, or on one weekday, in local time."""

    name = models.SlugField(max_length=60, unique=True)
    task = models.CharField(max_length=100)
    scope = models.CharField(max_length=100, blank=True)
    params = models.JSONField(default=dict, blank=True)
    every_minutes = models.PositiveIntegerField(null=True, blank=True)
    at_time = models.TimeField(null=True, blank=True)
    weekday = models.PositiveSmallIntegerField(null=True, blank=True)  # 0 is Monday
    is_enabled = models.BooleanField(default=True)
    next_due_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(every_minutes__isnull=False, at_time__isnull=True)
                | models.Q(every_minutes__isnull=True, at_time__isnull=False),
                name="schedule_has_one_cadence",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Job(models.Model):
    """One piece of background work that staff can see, cancel and retry."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    MAX_ATTEMPTS = 3

    public_id = models.UUIDField(unique=True, editable=False, db_default=UuidV7())
    task = models.CharField(max_length=100)
    scope = models.CharField(max_length=100, blank=True)  # what it is about, e.g. "book:wholesale"
    params = models.JSONField(default=dict)
    owner = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    coalesces = models.BooleanField(default=False)  # at most one queued or running per scope
    schedule = models.ForeignKey(Schedule, models.SET_NULL, null=True, blank=True, related_name="+")
    due_at = models.DateTimeField(db_default=Now())
    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children")
    retry_of = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    sent_at = models.DateTimeField(null=True)  # when its message last went to the broker
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=100, blank=True)
    cancelled_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    phase = models.CharField(max_length=60, blank=True)  # a code, e.g. "features"
    phase_started_at = models.DateTimeField(null=True)  # `done` counts from here; the rate's clock
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)
    error_count = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)
    error = models.JSONField(null=True)  # {"code": …, "type": …, "where": …}: no personal data

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "running", "done", "failed", "cancelled"]),
                name="job_state_is_known",
            ),
            models.UniqueConstraint(
                fields=["task", "scope"],
                condition=models.Q(coalesces=True, state__in=["queued", "running"]),
                name="one_live_job_per_task_and_scope",
            ),
            models.UniqueConstraint(fields=["schedule", "due_at"], name="one_job_per_due_moment"),
        ]
        indexes = [
            models.Index(
                "state", "due_at", name="live_jobs", condition=models.Q(state__in=["queued", "running"])
            ),
            models.Index(models.F("id").desc(), "owner", name="newest_jobs"),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.scope}"

    def get_absolute_url(self) -> str:
        return reverse("crm:job-detail", args=[self.public_id])

    @property
    def is_live(self) -> bool:
        return self.state in (self.State.QUEUED, self.State.RUNNING)

    @property
    def is_retryable(self) -> bool:
        return self.state in (self.State.FAILED, self.State.CANCELLED)


class WorkerHeartbeat(models.Model):
    name = models.CharField(max_length=100, unique=True)
    heartbeat_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name
