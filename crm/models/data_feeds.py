"""Files that are fetched on schedule from a folder or an HTTPS address into the import."""

from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.models.access import MANAGE_DATA, Principal, can
from crm.models.base import Record
from crm.models.imports import Import
from crm.models.organisation import Book


class DataFeedQuerySet(models.QuerySet["DataFeed"]):
    def visible_to(self, principal: Principal) -> Self:
        """Return every feed to those who look after where data comes from, and none to others."""
        return self if can(principal, MANAGE_DATA) else self.none()


class DataFeed(Record):
    """Where files come from, what their rows are, and the contract that they keep."""

    class Via(models.TextChoices):
        FOLDER = "folder", _("Folder")
        HTTPS = "https", _("HTTPS address")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting for its first file")
        RUNNING = "running", _("Running")
        STOPPED = "stopped", _("Stopped")

    name = models.CharField(_("name"), max_length=100)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    layout = models.CharField(_("kind of rows"), max_length=40)
    source = models.CharField(_("source"), max_length=60)
    via = models.CharField(max_length=6, choices=Via.choices)
    address = models.CharField(_("folder or address"), max_length=500)
    token_variable = models.CharField(  # the environment's variable that holds the bearer token
        _("variable with the token"), max_length=60, blank=True
    )
    every_minutes = models.PositiveIntegerField(_("every so many minutes"), default=60)
    next_due_at = models.DateTimeField(db_default=Now())
    reading = models.JSONField(default=dict)
    mapping = models.JSONField(default=dict)
    contract = models.JSONField(default=dict)  # {"columns": {name: type}, "required": [name, …]}
    is_enabled = models.BooleanField(_("on"), default=True)
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    problem = models.JSONField(null=True)  # why it stopped: code and data
    fetched_at = models.DateTimeField(null=True)

    objects = DataFeedQuerySet.as_manager()

    class Meta(Record.Meta):
        constraints = [
            models.CheckConstraint(condition=models.Q(every_minutes__gte=1), name="feed_has_a_cadence"),
            models.CheckConstraint(
                condition=models.Q(state__in=["waiting", "running", "stopped"]), name="feed_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("crm:data-feed-detail", args=[self.public_id])


class DataFeedFile(models.Model):
    """One file of a feed, as it came: content that came before may come again after another one."""

    feed = models.ForeignKey(DataFeed, models.CASCADE, related_name="files")
    name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    source_import = models.ForeignKey(Import, models.SET_NULL, null=True, related_name="+")
    fetched_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(null=True)  # of a file in a folder, as the folder says
    # What an address calls this state of its file: it then says in short that nothing is new.
    etag = models.CharField(max_length=300, blank=True, db_default="")
    last_modified = models.CharField(max_length=60, blank=True, db_default="")

    def __str__(self) -> str:
        return self.name
