from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.models import Job, User
from crm.models.access import IMPORT_DATA, Principal, can
from crm.models.fields import UuidV7


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    def visible_to(self, principal: Principal) -> Self:
        """Return all to those who may bring files in, and nothing to others."""
        return self if can(principal, IMPORT_DATA) else self.none()


class Evaluation(models.Model):
    """A file that somebody handed in to see how well our scores do on it. Nothing of it is imported."""

    class Kind(models.TextChoices):
        OUTCOME = "outcome", _("An outcome")
        CHURN = "churn", _("Who stops ordering")
        VALUE = "value", _("Customer value")
        RECOMMEND = "recommend", _("Recommendations")

    class State(models.TextChoices):
        READING = "reading", _("Reading the file")
        READ = "read", _("Waits for its columns")
        RUNNING = "running", _("Evaluating")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    public_id = models.UUIDField(unique=True, editable=False, db_default=UuidV7())
    owner = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    state = models.CharField(max_length=7, choices=State.choices, default=State.READING)
    file_name = models.CharField(max_length=255)
    stored_name = models.CharField(max_length=200, blank=True)  # "" once the files are gone
    size_bytes = models.PositiveBigIntegerField()
    columns = models.JSONField(default=list)  # names, as the file has them
    options = models.JSONField(default=dict)  # as the command's
    problem = models.JSONField(null=True)  # {"code": …, "data": …}
    result = models.JSONField(default=dict)  # as the command's JSON
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["outcome", "churn", "value", "recommend"]),
                name="evaluation_kind_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["reading", "read", "running", "done", "failed"]),
                name="evaluation_state_is_known",
            ),
        ]
        indexes = [models.Index("created_at", name="evaluations_by_age")]

    def __str__(self) -> str:
        return self.file_name

    def get_absolute_url(self) -> str:
        return reverse("analytics:evaluation-detail", args=[self.public_id])
