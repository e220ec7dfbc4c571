"""First-party behaviour: the sites that may report it, visitors, and their sessions."""

from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.access import MANAGE_DATA, Principal, can
from crm.models.accounts import Account, Contact
from crm.models.fields import UuidV7
from crm.models.organisation import Book


class TrackedSiteQuerySet(models.QuerySet["TrackedSite"]):
    def visible_to(self, principal: Principal) -> Self:
        """Return every site to those who look after data, and none to others."""
        return self if can(principal, MANAGE_DATA) else self.none()


class TrackedSite(models.Model):
    """A site of ours whose pages may send behaviour to `/e`."""

    public_id = models.UUIDField(unique=True, editable=False, db_default=UuidV7())
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=100)
    origins = models.JSONField(_("origins"), default=list)  # ["https://shop.example.com", …]
    is_enabled = models.BooleanField(_("on"), default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = TrackedSiteQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Visitor(models.Model):
    """A browser that agreed to be counted, and whom it turned out to belong to."""

    class Joined(models.TextChoices):
        SIGN_IN = "sign_in", _("Sign-in")
        LINK = "link", _("Tracked link")
        FORM = "form", _("Form")

    site = models.ForeignKey(TrackedSite, models.CASCADE, related_name="+")
    key = models.CharField(max_length=64)  # pseudonymous; Event.visitor
    account = models.ForeignKey(Account, models.SET_NULL, null=True, related_name="+")
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, related_name="+")
    joined = models.CharField(max_length=7, choices=Joined.choices, blank=True)
    joined_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    is_bot = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key"], name="one_visitor_per_key")]
        indexes = [models.Index("account", name="visitor_of_account")]

    def __str__(self) -> str:
        return str(self.pk)


class WebSession(models.Model):
    """Events of one visitor without a gap of half an hour, and where they came from."""

    visitor = models.ForeignKey(Visitor, models.CASCADE, related_name="sessions")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    events = models.PositiveIntegerField()
    source = models.CharField(max_length=60, blank=True)  # utm_source, else the referring host
    medium = models.CharField(max_length=60, blank=True)
    campaign_code = models.CharField(max_length=60, blank=True)
    landing_path = models.CharField(max_length=200, blank=True)
    is_bot = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["visitor", "started_at"], name="session_begins_once"),
            models.CheckConstraint(
                condition=models.Q(ended_at__gte=models.F("started_at")), name="session_runs_forward"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.visitor_id} from {self.started_at}"


class EventRetention(models.Model):
    """How long events of one kind are kept."""

    kind = models.CharField(_("kind"), max_length=6, unique=True)  # Event.Kind
    days = models.PositiveIntegerField(_("days"))

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(days__gte=1), name="retention_is_at_least_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.days} d"
