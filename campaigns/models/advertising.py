from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaigns import Campaign
from crm.models import Book, Import


class AdResult(models.Model):
    """What a channel reports of one advertisement on one day, as imported from its own export."""

    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    campaign = models.ForeignKey(Campaign, models.SET_NULL, null=True, related_name="+")
    source = models.CharField(_("source"), max_length=60)  # the advertising system
    ad_code = models.CharField(_("advertisement"), max_length=120)
    on_date = models.DateField(_("day"))
    impressions = models.BigIntegerField(_("impressions"), default=0)
    clicks = models.BigIntegerField(_("clicks"), default=0)
    conversions = models.BigIntegerField(_("conversions"), default=0)
    currency = models.CharField(max_length=3)
    cost_amount = models.DecimalField(_("cost"), max_digits=19, decimal_places=4)
    rate = models.DecimalField(max_digits=19, decimal_places=10)  # reporting units per unit
    cost_reporting = models.DecimalField(max_digits=19, decimal_places=4)
    source_import = models.ForeignKey(Import, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book", "source", "ad_code", "on_date"], name="one_result_per_ad_and_day"
            ),
            models.CheckConstraint(
                condition=models.Q(clicks__gte=0, conversions__gte=0, cost_amount__gte=0)
                & models.Q(impressions__gte=models.F("clicks")),
                name="ad_numbers_are_plausible",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ad_code} on {self.on_date}"
