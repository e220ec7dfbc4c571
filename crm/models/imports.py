from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models.access import VIEW_DATA_QUALITY, Principal, can
from crm.models.fields import UuidV7
from crm.models.jobs import Job
from crm.models.organisation import Book


class ImportQuerySet(models.QuerySet["Import"]):
    def visible_to(self, principal: Principal) -> Self:
        """Return every import to those who look after the data's quality, and none to others."""
        return self if can(principal, VIEW_DATA_QUALITY) else self.none()


class Import(models.Model):
    """One file that was read: what was in it, and what became of each row."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("Uploaded")
        MAPPED = "mapped", _("Mapped")
        VALIDATED = "validated", _("Checked")
        COMMITTING = "committing", _("Committing")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")
        FAILED = "failed", _("Failed")
        UNDONE = "undone", _("Undone")

    public_id = models.UUIDField(unique=True, editable=False, db_default=UuidV7())
    book = models.ForeignKey(Book, models.PROTECT, related_name="imports")
    layout = models.CharField(max_length=40)  # which import service reads it
    file_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.UPLOADED)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    columns = models.JSONField(default=list)  # of the file, in its order
    rows_read = models.BigIntegerField(default=0)
    counts = models.JSONField(default=dict)  # {"orders": {"inserted": …, "updated": …}, …}
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book", "layout", "sha256"],
                name="one_import_per_file",
                condition=~models.Q(state__in=["cancelled", "undone", "failed"]),
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=[
                        "uploaded",
                        "mapped",
                        "validated",
                        "committing",
                        "done",
                        "cancelled",
                        "failed",
                        "undone",
                    ]
                ),
                name="import_state_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name


class RuleHit(models.Model):
    """A row of a file that a data-quality rule caught, and what was done with it."""

    class Verdict(models.TextChoices):
        KEPT = "kept", _("Kept and marked")
        CHANGED = "changed", _("Cleaned")
        REJECTED = "rejected", _("Left out")

    source_import = models.ForeignKey(Import, models.CASCADE, related_name="rule_hits")
    rule = models.CharField(max_length=60)  # the rule's code
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    row_number = models.BigIntegerField()  # in the file, from 1
    field = models.CharField(max_length=60)
    row = models.JSONField()  # the row as it stood in the file

    class Meta:
        indexes = [models.Index("source_import", "rule", "row_number", name="hits_by_rule")]

    def __str__(self) -> str:
        return f"{self.rule} row {self.row_number}"


class RuleCount(models.Model):
    """How many rows a rule caught in an import. A rule that caught none has a row too."""

    source_import = models.ForeignKey(Import, models.CASCADE, related_name="rule_counts")
    rule = models.CharField(max_length=60)
    verdict = models.CharField(max_length=8, choices=RuleHit.Verdict.choices)
    position = models.PositiveSmallIntegerField()
    rows = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source_import", "rule"], name="one_count_per_rule")]

    def __str__(self) -> str:
        return f"{self.rule}: {self.rows}"
