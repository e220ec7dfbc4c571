from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.accounts import Account
from crm.models.base import Fact


class Event(Fact):
    """Behaviour: partitioned by month of `at`. The database's key is (id, at)."""

    class Kind(models.TextChoices):
        VISIT = "visit", _("Visit")
        SEARCH = "search", _("Search")
        VIEW = "view", _("Product view")
        USE = "use", _("Use")

    kind = models.CharField(max_length=6, choices=Kind.choices)
    at = models.DateTimeField()
    account = models.ForeignKey(  # found by `event_of_account`
        Account, models.CASCADE, null=True, blank=True, related_name="events", db_index=False
    )
    visitor = models.CharField(max_length=64, blank=True)  # pseudonymous, of the collector
    product = models.ForeignKey("crm.Product", models.SET_NULL, null=True, blank=True, related_name="+")
    term = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=60, blank=True)
    campaign_code = models.CharField(max_length=60, blank=True)
    duration_seconds = models.FloatField(null=True, blank=True)
    key = models.CharField(max_length=64, blank=True)  # sender's id of the event, to ignore repeats
    page = models.CharField(max_length=200, blank=True, default="", db_default="")  # path without query
    is_bot = models.BooleanField(default=False, db_default=False)  # kept, and never counted
    medium = models.CharField(max_length=60, blank=True, default="", db_default="")  # utm_medium

    class Meta(Fact.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(account__isnull=False) | ~models.Q(visitor=""),
                name="event_has_an_account_or_a_visitor",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["visit", "search", "view", "use"]),
                name="event_kind_is_known",
            ),
        ]
        indexes = [
            models.Index("account", models.F("at").desc(), name="event_of_account"),
            models.Index("visitor", "at", name="event_of_visitor", condition=~models.Q(visitor="")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at}"


class EventKey(models.Model):
    """Keys of events already received: uniqueness that time must not break."""

    source = models.CharField(max_length=60)
    key = models.CharField(max_length=64)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "key"], name="event_received_once")]
        indexes = [BrinIndex("at", name="event_keys_by_age")]

    def __str__(self) -> str:
        return self.key
