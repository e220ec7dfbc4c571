"""What analytics publishes about accounts. Written only by `crm.services.publish_*`."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models.accounts import Account
from crm.models.orders import Product
from crm.models.organisation import Book


class Score(models.Model):
    """A probability about one account: the current one, and the last 12 weekly ones."""

    class Kind(models.TextChoices):
        CHURN = "churn", _("Churn risk")  # P(no order within the horizon), 0..1
        PAYMENT_RISK = "payment_risk", _("Payment risk")  # P(default within the horizon), 0..1
        PURCHASE = "purchase", _("Purchase")  # P(order within 30 days), 0..1

    # Found by the index of its unique constraint, which a list reads without touching the rows.
    account = models.ForeignKey(Account, models.CASCADE, related_name="scores", db_index=False)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    value = models.FloatField()
    previous_value = models.FloatField(null=True)
    weekly_values = ArrayField(models.FloatField(), size=12, default=list)  # oldest first
    weekly_models = ArrayField(models.SmallIntegerField(), size=12, default=list)  # whose they are
    weekly_as_of = models.DateTimeField(null=True)  # of the last of them
    reasons = models.JSONField(default=list)  # codes and values, signed points in log-odds
    base_log_odds = models.FloatField(null=True)  # base + sum of all points = log-odds of value
    horizon_days = models.PositiveSmallIntegerField()
    model_version = models.CharField(max_length=64)
    as_of = models.DateTimeField()
    published_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "kind"], include=["value"], name="one_score_per_kind"),
            models.CheckConstraint(
                condition=models.Q(value__gte=0, value__lte=1), name="score_is_a_probability"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["churn", "payment_risk", "purchase"]),
                name="score_kind_is_known",
            ),
        ]
        # Both columns run the same way, so that a keyset is one row comparison in either direction.
        indexes = [models.Index("kind", "value", "account", name="score_by_value")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.account_id}"


class Value(models.Model):
    """An amount of money about one account, over a horizon, with a 90 % interval."""

    class Kind(models.TextChoices):
        CUSTOMER_VALUE = "customer_value", _("Expected value")  # future orders, horizon_days
        EXPECTED_LOSS = "expected_loss", _("Expected loss")  # payment risk x exposure

    account = models.ForeignKey(Account, models.CASCADE, related_name="values", db_index=False)  # as above
    kind = models.CharField(max_length=20, choices=Kind.choices)
    amount = models.DecimalField(max_digits=19, decimal_places=4)  # reporting currency
    low = models.DecimalField(max_digits=19, decimal_places=4, null=True)
    high = models.DecimalField(max_digits=19, decimal_places=4, null=True)
    currency = models.CharField(max_length=3)
    details = models.JSONField(default=dict)  # e.g. {"probability_alive": .8, "exposure": 120.5}
    horizon_days = models.PositiveSmallIntegerField()
    model_version = models.CharField(max_length=64)
    as_of = models.DateTimeField()
    published_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind"], include=["amount"], name="one_value_per_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["customer_value", "expected_loss"]),
                name="value_kind_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(low__isnull=True)
                | models.Q(low__lte=models.F("amount"), high__gte=models.F("amount")),
                name="value_lies_in_its_interval",
            ),
        ]
        indexes = [models.Index("kind", "amount", "account", name="value_by_amount")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.account_id}"


class Recommendation(models.Model):
    class Kind(models.TextChoices):
        NEW = "new", _("New to the account")
        REPEAT = "repeat", _("Buy again")
        POPULAR = "popular", _("Popular now")

    account = models.ForeignKey(Account, models.CASCADE, related_name="recommendations", db_index=False)
    product = models.ForeignKey(Product, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    rank = models.PositiveSmallIntegerField()  # from 1
    score = models.FloatField()
    reason = models.JSONField(default=dict)  # {"code": "goes_with", "product_id": 17, "share": .4}
    model_version = models.CharField(max_length=64)
    as_of = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "rank"], name="one_recommendation_per_rank"),
            models.UniqueConstraint(fields=["account", "product"], name="product_recommended_once"),
        ]
        # Whom a product is recommended to, likeliest first.
        indexes = [models.Index("product", "score", name="recommendation_of_product")]

    def __str__(self) -> str:
        return f"{self.rank}. {self.product_id} for {self.account_id}"


class Reliability(models.Model):
    """How often what a score of this band had predicted came true, once the horizon had passed.

    `group` says which accounts were counted: those nobody acted on, or a campaign's holdout.
    """

    book = models.ForeignKey(Book, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, choices=Score.Kind.choices)
    group = models.CharField(max_length=20)  # "untouched" | "holdout"
    low = models.FloatField()  # the band is low <= predicted < high (1 included in the last)
    high = models.FloatField()
    accounts = models.PositiveIntegerField()
    happened = models.PositiveIntegerField()
    mean_predicted = models.FloatField()
    interval_low = models.FloatField()  # 90 % interval of the observed share
    interval_high = models.FloatField()
    predicted_from = models.DateTimeField()  # dates of the predictions that were held
    predicted_to = models.DateTimeField()
    model_versions = ArrayField(models.CharField(max_length=64), default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "kind", "group", "low"], name="one_reliability_per_band"),
            models.CheckConstraint(
                condition=models.Q(happened__lte=models.F("accounts")), name="happened_is_a_part"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.low}-{self.high}"

    @property
    def observed(self) -> float:
        return self.happened / self.accounts if self.accounts else 0.0
