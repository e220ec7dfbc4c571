from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from analytics.models.models import ModelVersion
from crm.models import Book, User
from crm.models.access import VIEW_MODELS, Principal, can


class ModelCheckQuerySet(models.QuerySet["ModelCheck"]):
    def visible_to(self, principal: Principal) -> Self:
        return self if can(principal, VIEW_MODELS) else self.none()


class ModelCheck(models.Model):
    """What monitoring found about one model version. It outlives the version.

    `findings` says what is wrong, as codes and values; empty while all is well.
    """

    class Topic(models.TextChoices):
        OUTCOMES = "outcomes"  # what had been predicted then against what happened, by `group`
        RECALIBRATION = "recalibration"  # the line that would mend it
        INPUTS = "inputs"  # features and scores against training
        PROFILE = "profile"  # how features and scores were spread in training
        COVERAGE = "coverage"  # freshness of the book, share of accounts with a score

    class Group(models.TextChoices):
        EVERYBODY = "everybody", _("Everybody")
        UNTOUCHED = "untouched", _("Nobody acted on them")
        ACTED = "acted", _("Acted on")
        HOLDOUT = "holdout", _("Held out of a campaign")

    book = models.ForeignKey(Book, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, choices=ModelVersion.Kind.choices)
    model_version = models.CharField(max_length=64)
    topic = models.CharField(max_length=13, choices=Topic.choices)
    group = models.CharField(max_length=9, choices=Group.choices, blank=True)
    as_of = models.DateTimeField()  # of the predictions that were held, else of the check
    known_at = models.DateTimeField()  # until when outcomes were read
    figures = models.JSONField(default=dict)
    findings = models.JSONField(default=list)
    checked_at = models.DateTimeField(db_default=Now())

    objects = ModelCheckQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model_version", "topic", "group", "as_of"], name="one_check_of_a_moment"
            ),
            models.CheckConstraint(
                condition=models.Q(topic__in=["outcomes", "recalibration", "inputs", "profile", "coverage"]),
                name="check_topic_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(group__in=["", "everybody", "untouched", "acted", "holdout"]),
                name="check_group_is_known",
            ),
        ]
        indexes = [models.Index("book", "kind", models.F("as_of").desc(), name="checks_newest_first")]

    def __str__(self) -> str:
        return f"{self.topic} of {self.model_version} as of {self.as_of}"


class ModelPolicy(models.Model):
    """What a kind of model of a book may do by itself. Without a row: go live, propose a repair."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, choices=ModelVersion.Kind.choices)
    waits_in_shadow = models.BooleanField(_("New versions wait in shadow until promoted"), default=False)
    recalibrates_itself = models.BooleanField(_("Recalibrates itself"), default=False)
    changed_at = models.DateTimeField(db_default=Now())
    changed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        verbose_name_plural = "model policies"
        constraints = [models.UniqueConstraint(fields=["book", "kind"], name="one_policy_per_model")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.book_id}"
