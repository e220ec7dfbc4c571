from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models.base import audited_but
from crm.models.fields import UuidV7


@audited_but()
class Organisation(models.Model):
    """The one organisation that this installation belongs to."""

    name = models.CharField(_("name"), max_length=200)
    reporting_currency = models.CharField(_("reporting currency"), max_length=3, default="GBP")
    time_zone = models.CharField(_("time zone"), max_length=64, default="Europe/London")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_organisation")]

    def __str__(self) -> str:
        return self.name


@audited_but()
class ExchangeRate(models.Model):
    """One unit of `base` is worth `rate` units of `quote` from `valid_from` on."""

    base = models.CharField(max_length=3)
    quote = models.CharField(max_length=3)
    valid_from = models.DateField()
    rate = models.DecimalField(max_digits=19, decimal_places=10)
    source = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["base", "quote", "valid_from"], name="one_rate_per_pair_and_day"),
            models.CheckConstraint(condition=models.Q(rate__gt=0), name="rate_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.base}/{self.quote} {self.valid_from}"

    @property
    def figure(self) -> str:
        """Return the rate without the zeros at its end."""
        return f"{self.rate.normalize():f}"


@audited_but()
class Book(models.Model):
    """A book of business: accounts that are modelled together, with one currency.

    A demo book ends at `ends_at`, and its scores are computed as of that moment; a live book
    has no end and is scored as of the present.
    """

    code = models.SlugField(max_length=30, unique=True)
    name = models.CharField(_("name"), max_length=100)
    currency = models.CharField(_("currency"), max_length=3)
    public_id = models.UUIDField(unique=True, editable=False, db_default=UuidV7())
    is_demo = models.BooleanField(default=False)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    shifted_weeks = models.PositiveIntegerField(default=0)  # added to every date at loading
    attribution = models.TextField(blank=True)
    score_kinds = models.JSONField(default=list)  # e.g. ["churn", "purchase"]: what is modelled

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(is_demo=False) | models.Q(ends_at__isnull=False),
                name="demo_book_has_an_end",
            )
        ]

    def __str__(self) -> str:
        return self.name
