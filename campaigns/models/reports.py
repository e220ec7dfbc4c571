from django.db import models

from campaigns.models.campaigns import Campaign


class LiftReport(models.Model):
    """What a campaign changed, by intention to treat. Written only by `publish_lift_report`."""

    campaign = models.OneToOneField(Campaign, models.CASCADE, related_name="lift_report")
    treated = models.PositiveIntegerField()
    treated_converted = models.PositiveIntegerField()
    holdout = models.PositiveIntegerField()
    holdout_converted = models.PositiveIntegerField()
    difference = models.FloatField()  # share treated - share holdout, -1..1
    difference_low = models.FloatField()  # 90 % interval
    difference_high = models.FloatField()
    incremental_conversions = models.FloatField()
    incremental_conversions_low = models.FloatField()
    incremental_conversions_high = models.FloatField()
    # Reporting currency; null where nobody can say, since nobody bought or an arm has one account.
    incremental_amount = models.FloatField(null=True)
    incremental_amount_low = models.FloatField(null=True)
    incremental_amount_high = models.FloatField(null=True)
    sample_ratio_p_value = models.FloatField()
    bands = models.JSONField(default=list)  # predicted against actual, see publish_lift_report
    method = models.CharField(max_length=64)  # e.g. "newcombe-welch-1"
    as_of = models.DateTimeField()
    published_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"lift of {self.campaign_id}"
