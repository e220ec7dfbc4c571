from datetime import datetime
from typing import Self

from django.db import models

from analytics.models.models import ModelVersion
from crm.models import Book
from crm.models.access import VIEW_MODELS, Principal, can


class ReasonTotalsQuerySet(models.QuerySet["ReasonTotals"]):
    def visible_to(self, principal: Principal) -> Self:
        return self if can(principal, VIEW_MODELS) else self.none()

    def newest_whole(self) -> datetime | None:
        """Return the newest moment of which every part has come in."""
        everybody = self.filter(split=ReasonTotals.Split.EVERYBODY).order_by()
        whole = everybody.values("as_of", "parts").annotate(n=models.Count("pk")).filter(n=models.F("parts"))
        return whole.order_by("-as_of").values_list("as_of", flat=True).first()


class ReasonTotals(models.Model):
    """What moved the scores of a whole book at one moment, summed by segment while they were made.

    A large book is scored in parts by workers that don't wait for each other: each writes the sums
    of its own accounts, and who reads adds them up. Nothing here speaks of a single account.
    """

    class Split(models.TextChoices):
        EVERYBODY = "everybody"
        COUNTRY = "country"
        INDUSTRY = "industry"
        STAGE = "stage"
        KIND = "kind"

    book = models.ForeignKey(Book, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, choices=ModelVersion.Kind.choices)
    model_version = models.CharField(max_length=64)
    as_of = models.DateTimeField()
    part = models.PositiveIntegerField()
    parts = models.PositiveIntegerField()  # that the book was scored in
    split = models.CharField(max_length=9, choices=Split.choices)
    # [{"value": "DE", null for all others, "accounts": n, "score": sum,
    #   "reasons": {code: [sum of signed points, sum of their sizes]}}], points in log-odds
    segments = models.JSONField(default=list)

    objects = ReasonTotalsQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "reason totals"
        constraints = [
            models.UniqueConstraint(
                fields=["model_version", "as_of", "split", "part"], name="one_sum_of_a_part"
            ),
            models.CheckConstraint(
                condition=models.Q(split__in=["everybody", "country", "industry", "stage", "kind"]),
                name="split_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(part__lt=models.F("parts")), name="part_is_one_of_parts"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model_version} by {self.split} as of {self.as_of}"
