from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models import Book, User
from crm.models.access import VIEW_MODELS, Principal, can
from crm.models.fields import UuidV7


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def visible_to(self, principal: Principal) -> Self:
        return self if can(principal, VIEW_MODELS) else self.none()


class ModelVersion(models.Model):
    """A trained model: the artifact itself, what it was trained on, and how it did."""

    class Kind(models.TextChoices):
        CHURN = "churn", _("Churn risk")
        PAYMENT_RISK = "payment_risk", _("Payment risk")
        PURCHASE = "purchase", _("Purchase")
        CUSTOMER_VALUE = "customer_value", _("Customer value")
        RECOMMENDATION = "recommendation", _("Recommendations")

    class State(models.TextChoices):
        TRAINED = "trained", _("Trained")
        EVALUATED = "evaluated", _("Evaluated")
        SHADOW = "shadow", _("Shadow")
        LIVE = "live", _("Live")
        RETIRED = "retired", _("Retired")
        REJECTED = "rejected", _("Rejected")

    public_id = models.UUIDField(unique=True, editable=False, db_default=UuidV7())
    book = models.ForeignKey(Book, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    version = models.CharField(max_length=64, unique=True)  # "wholesale-churn-3"
    state = models.CharField(max_length=9, choices=State.choices, default=State.TRAINED)
    horizon_days = models.PositiveSmallIntegerField()
    as_of = models.DateTimeField()  # nothing that was learnt after this moment went in
    trained_from = models.DateTimeField(null=True)  # the first cut-off of the training window
    trained_to = models.DateTimeField(null=True)
    feature_names = models.JSONField(default=list)
    library_versions = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)  # of the hold-out, with intervals
    verdict = models.JSONField(default=dict)  # the gate's reasons, as codes and values
    artifact = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    trained_at = models.DateTimeField(db_default=Now())
    state_changed_at = models.DateTimeField(db_default=Now())
    state_changed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book", "kind"], condition=models.Q(state="live"), name="one_live_model"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["trained", "evaluated", "shadow", "live", "retired", "rejected"]
                ),
                name="model_state_is_known",
            ),
        ]
        indexes = [models.Index("book", "kind", models.F("id").desc(), name="versions_of_model")]

    def __str__(self) -> str:
        return self.version
