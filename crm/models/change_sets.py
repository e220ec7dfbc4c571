"""What one import, bulk edit or merge wrote, kept so that it can be taken back."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.access import VIEW_AUDIT, Principal, can
from crm.models.fields import CurrentXid, UuidV7, Xid8Field
from crm.models.imports import Import
from crm.models.jobs import Job
from crm.models.people import User


class ChangeSetQuerySet(models.QuerySet["ChangeSet"]):
    def visible_to(self, principal: Principal) -> Self:
        """Return what one changed oneself, and everything to those who read the audit log."""
        if can(principal, VIEW_AUDIT):
            return self
        return self.filter(owner_id=getattr(principal, "pk", None) or 0)


class ChangeSet(models.Model):
    """All that one action wrote. Undone backwards, row by row where the row is still ours."""

    class Kind(models.TextChoices):
        IMPORT = "import", _("Import")
        BULK_EDIT = "bulk_edit", _("Bulk edit")
        MERGE = "merge", _("Merge")

    class State(models.TextChoices):
        OPEN = "open", _("Can be undone")
        UNDOING = "undoing", _("Being undone")
        UNDONE = "undone", _("Undone")

    public_id = models.UUIDField(unique=True, editable=False, db_default=UuidV7())
    kind = models.CharField(max_length=9, choices=Kind.choices)
    source_import = models.OneToOneField(Import, models.PROTECT, null=True, related_name="change_set")
    owner = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(db_default=Now(), editable=False)
    undo_until = models.DateTimeField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.OPEN)
    undone_at = models.DateTimeField(null=True)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")  # that undoes it
    data = models.JSONField(default=dict)  # codes, ids and counts; after an undo, what was refused

    objects = ChangeSetQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["import", "bulk_edit", "merge"]), name="change_set_kind_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["open", "undoing", "undone"]), name="change_set_state_is_known"
            ),
        ]
        indexes = [models.Index("kind", models.F("made_at").desc(), name="change_sets_by_kind")]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"


class ChangedRows(models.Model):
    """One step of a change set: rows of one table that one statement wrote, in the order of `id`.

    A row is still ours when its `revision` (records) or `changed_xid` (facts) is what we left.
    """

    class Action(models.TextChoices):
        INSERTED = "inserted", _("Inserted")
        UPDATED = "updated", _("Updated")
        DELETED = "deleted", _("Deleted")

    change_set = models.ForeignKey(ChangeSet, models.CASCADE, related_name="steps")
    table_name = models.CharField(max_length=63)
    action = models.CharField(max_length=8, choices=Action.choices)
    row_ids = ArrayField(models.BigIntegerField())
    revisions = ArrayField(models.IntegerField(), null=True)  # as we left them; null for facts
    old_rows = models.JSONField(null=True)  # of updated and deleted rows, in the order of row_ids
    xid = Xid8Field(db_default=CurrentXid())  # in which the rows were written

    class Meta:
        indexes = [models.Index("change_set", "id", name="steps_of_change_set")]

    def __str__(self) -> str:
        return f"{self.action} {len(self.row_ids)} of {self.table_name}"
