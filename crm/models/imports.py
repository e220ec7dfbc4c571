from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.access import VIEW_DATA_QUALITY, Principal, can
from crm.models.fields import UuidV7
from crm.models.jobs import Job
from crm.models.organisation import Book
from crm.models.people import User


class ImportQuerySet(models.QuerySet["Import"]):
    def visible_to(self, principal: Principal) -> Self:
        """Return every import to those who look after the data's quality, and none to others."""
        return self if can(principal, VIEW_DATA_QUALITY) else self.none()


class Import(models.Model):
    """One file that was read: what was in it, and what became of each row.

    The demo books have layouts of their own and are read once. Any other file says by `layout`
    what its rows are ("accounts", "orders", …), and by `mapping` which column is which field.
    """

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

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        NDJSON = "ndjson", "NDJSON"
        XLSX = "xlsx", "XLSX"
        PARQUET = "parquet", "Parquet"

    book = models.ForeignKey(Book, models.PROTECT, related_name="imports")
    layout = models.CharField(max_length=40)  # which import service reads it
    owner = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    file_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    stored_name = models.CharField(max_length=120, blank=True)  # below FILES_ROOT/imports
    file_erased_at = models.DateTimeField(null=True)  # it spoke of somebody who was erased
    size_bytes = models.BigIntegerField(null=True)
    format = models.CharField(max_length=7, choices=Format.choices, blank=True)
    source = models.CharField(max_length=60, blank=True)  # the system whose ids the file bears
    reading = models.JSONField(default=dict)  # encoding, delimiter, sheet, date order, decimal mark
    mapping = models.JSONField(default=dict)  # the file's column -> where it goes
    problem = models.JSONField(null=True)  # why the file as a whole was refused: code and data
    through_row = models.BigIntegerField(default=0)  # rows of the file up to here are committed
    reads_once = models.BooleanField(default=True, db_default=True)  # the same file is never read again
    state = models.CharField(max_length=10, choices=State.choices, default=State.UPLOADED)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    columns = models.JSONField(default=list)  # of the file, in its order
    rows_read = models.BigIntegerField(default=0)
    counts = models.JSONField(default=dict)  # {"orders": {"inserted": …, "updated": …}, …}
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book", "layout", "sha256"],
                name="one_import_per_file",
                condition=models.Q(reads_once=True) & ~models.Q(state__in=["cancelled", "undone", "failed"]),
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


class QuarantinedRow(models.Model):
    """A row of a file that was refused: it waits to be mended and sent again, or to be let go."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent again")
        DISMISSED = "dismissed", _("Let go")

    source_import = models.ForeignKey(Import, models.CASCADE, related_name="quarantined")
    row_number = models.BigIntegerField()  # in the file, from 1
    cells = models.JSONField()  # the file's column -> text, as read or as mended
    errors = models.JSONField()  # [{"column", "value", "code", …}, …]: words are made at rendering
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    sent_in = models.ForeignKey(Import, models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source_import", "row_number"], name="row_quarantined_once")
        ]

    def __str__(self) -> str:
        return f"row {self.row_number} of {self.source_import_id}"


class RememberedMapping(models.Model):
    """How a file with these columns was mapped last time, to be offered again."""

    layout = models.CharField(max_length=40)
    header = models.CharField(max_length=64)  # SHA-256 of the column names in order
    source = models.CharField(max_length=60, blank=True)
    reading = models.JSONField(default=dict)
    mapping = models.JSONField(default=dict)
    used_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["layout", "header"], name="one_mapping_per_header")]

    def __str__(self) -> str:
        return f"{self.layout} {self.header[:8]}"
