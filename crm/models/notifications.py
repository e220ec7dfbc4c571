from typing import Self

from django.db import models
from django.db.models.functions import Now

from crm.models.access import Principal
from crm.models.fields import UuidV7
from crm.models.jobs import Job
from crm.models.people import User


class JobWatch(models.Model):
    """Somebody who wants to be told when a job ends."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="watches")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")

    class Meta:
        verbose_name_plural = "job watches"
        constraints = [models.UniqueConstraint(fields=["job", "user"], name="told_once_of_a_job")]

    def __str__(self) -> str:
        return f"{self.user_id} of {self.job_id}"


class NotificationQuerySet(models.QuerySet["Notification"]):
    def visible_to(self, principal: Principal) -> Self:
        return self.filter(user_id=getattr(principal, "pk", None) or 0)


class Notification(models.Model):
    """Something that one person is told: a code and values, whose words are made at rendering."""

    public_id = models.UUIDField(unique=True, editable=False, db_default=UuidV7())
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)  # e.g. "job.done"
    data = models.JSONField(default=dict)  # codes, ids and counts
    url = models.CharField(max_length=200)  # path of the page that it is about
    at = models.DateTimeField(db_default=Now(), editable=False)
    read_at = models.DateTimeField(null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index("user", models.F("id").desc(), name="notifications_of_user"),
            models.Index("user", name="unread_notifications", condition=models.Q(read_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"
