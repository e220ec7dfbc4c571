"""The cleaning loop: rules over what stands in the tables, their counts over time, and sources' habits."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.organisation import Book


class QualityRule(models.Model):
    """Whether a rule is on, and its place among the rules of its table. What it says is in the code."""

    table = models.CharField(max_length=30)  # "accounts", "contacts", "orders", …
    code = models.CharField(max_length=60)
    is_enabled = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["table", "code"], name="one_setting_per_rule")]
        ordering = ("table", "position", "code")

    def __str__(self) -> str:
        return f"{self.table}: {self.code}"


class QualityCount(models.Model):
    """How many rows of a book a rule caught when it was last checked on that day."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="+")
    table = models.CharField(max_length=30)
    code = models.CharField(max_length=60)
    on_date = models.DateField()
    checked_at = models.DateTimeField(db_default=Now())
    caught = models.BigIntegerField()  # rows
    checked = models.BigIntegerField()  # rows
    examples = models.JSONField(default=list)  # of the last check alone, ids of up to 200 rows

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "table", "code", "on_date"], name="one_count_per_day")
        ]

    def __str__(self) -> str:
        return f"{self.table}.{self.code} on {self.on_date}: {self.caught} of {self.checked}"


class SourceDay(models.Model):
    """What one source sent of one kind on one day: volume, and the share of missing values by field."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="+")
    source = models.CharField(max_length=60)
    kind = models.CharField(max_length=30)  # "accounts", "events", …
    on_date = models.DateField()
    rows = models.BigIntegerField()
    missing = models.JSONField(default=dict)  # field -> share, 0..1
    last_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book", "source", "kind", "on_date"], name="one_row_per_source_and_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.kind} on {self.on_date}: {self.rows}"


class SourceAlert(models.Model):
    """A source broke its habit: it fell silent, sent far more or less, or left a field empty."""

    class What(models.TextChoices):
        SILENT = "silent", _("Silent")
        FEW = "few", _("Fewer rows than usual")
        MANY = "many", _("More rows than usual")
        MISSING = "missing", _("More missing values than usual")

    book = models.ForeignKey(Book, models.CASCADE, related_name="+")
    source = models.CharField(max_length=60)
    kind = models.CharField(max_length=30)
    on_date = models.DateField()
    what = models.CharField(max_length=7, choices=What.choices)
    field = models.CharField(max_length=60, blank=True)
    value = models.FloatField()  # rows, or share of missing values
    usual_low = models.FloatField()
    usual_high = models.FloatField()
    raised_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book", "source", "kind", "on_date", "what", "field"], name="habit_broken_once_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.source} {self.kind} on {self.on_date}"
