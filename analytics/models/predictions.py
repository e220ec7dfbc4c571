import pgtrigger
from django.db import models
from django.db.models.functions import Now

from crm.models import Book


class Run(models.Model):
    """One pass of training or scoring over a book."""

    job_id = models.BigIntegerField(null=True)
    book = models.ForeignKey(Book, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)  # "train.churn", "score.churn", …
    as_of = models.DateTimeField()
    model_version = models.CharField(max_length=64, blank=True)
    accounts = models.PositiveIntegerField(default=0)
    seconds = models.JSONField(default=dict)  # {"extract": 1.2, "features": .4, …}
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index("book", "kind", models.F("id").desc(), name="runs_newest_first")]

    def __str__(self) -> str:
        return f"{self.kind} {self.as_of}"


class Prediction(models.Model):
    """What was predicted, kept for good and never changed. Monthly partitions of `as_of`.

    The database's key is (id, as_of). One prediction per account, kind, moment and occasion.
    """

    class Occasion(models.TextChoices):
        WEEKLY = "weekly"
        ACTED = "acted"  # the score at the moment somebody acted on it
        SHADOW = "shadow"  # of a version that is tried beside the live one, never published

    account_id = models.BigIntegerField()
    book = models.ForeignKey(Book, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20)
    occasion = models.CharField(max_length=6, choices=Occasion.choices, default=Occasion.WEEKLY)
    as_of = models.DateTimeField()
    horizon_days = models.PositiveSmallIntegerField()
    value = models.FloatField()
    model_version = models.CharField(max_length=64)
    predicted_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index("book", "kind", "as_of", name="predictions_by_date")]
        triggers = [pgtrigger.Protect(name="never_changed", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.kind} of {self.account_id} as of {self.as_of}"
