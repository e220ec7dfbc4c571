from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.access import VIEW_AUDIT, Principal, can
from crm.models.fields import CurrentXid, UuidV7, Xid8Field
from crm.models.people import User


class Change(models.Model):
    """The change feed: what happened, in the transaction in which it did. Monthly partitions.

    Readers take rows with `xid < pg_snapshot_xmin(pg_current_snapshot())` in the order (xid, id).
    """

    xid = Xid8Field(db_default=CurrentXid())
    kind = models.CharField(max_length=40)  # e.g. "order.placed", "scores.published"
    object_id = models.BigIntegerField(null=True)
    account_id = models.BigIntegerField(null=True)  # no key: the feed outlives what it speaks of
    at = models.DateTimeField(db_default=Now())
    data = models.JSONField(default=dict)  # codes and ids only

    class Meta:
        indexes = [models.Index("xid", "id", name="change_order")]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class FeedCursor(models.Model):
    """How far one reader of the change feed has come."""

    reader = models.CharField(max_length=60, unique=True)
    xid = Xid8Field(default=0)
    change_id = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.reader


class BinQuerySet(models.QuerySet["Bin"]):
    def visible_to(self, principal: Principal) -> Self:
        """Return what one deleted oneself, and everything to those who read the audit log."""
        if can(principal, VIEW_AUDIT):
            return self
        return self.filter(deleted_by_id=getattr(principal, "pk", None) or 0)


class Bin(models.Model):
    """A deleted record and the rows that it owned, ready to be put back."""

    public_id = models.UUIDField(unique=True, editable=False, db_default=UuidV7())
    kind = models.CharField(_("kind"), max_length=60)  # "crm.account"
    object_id = models.BigIntegerField()
    label = models.CharField(_("name"), max_length=200)
    rows = models.JSONField()  # [{"table": …, "row": {…}}, …] in the order of insertion
    deleted_at = models.DateTimeField(_("deleted"), db_default=Now())
    deleted_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    objects = BinQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(models.F("deleted_at").desc(), "id", name="bin_newest_first")]

    def __str__(self) -> str:
        return self.label
