from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models import Account, Book, Import, Product
from crm.models.access import VIEW_CAMPAIGNS, Principal, can
from crm.models.base import Record, audited


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def visible_to(self, principal: Principal) -> Self:
        return self if can(principal, VIEW_CAMPAIGNS) else self.none()


@audited
class Campaign(Record):
    class Channel(models.TextChoices):
        EMAIL = "email", _("E-mail")
        PHONE = "phone", _("Phone")
        POST = "post", _("Post")
        WEB = "web", _("Web")
        PARTNER = "partner", _("Partner")

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SCHEDULED = "scheduled", _("Scheduled")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")

    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=200)
    code = models.SlugField(max_length=60, unique=True)  # in links and events
    channel = models.CharField(_("channel"), max_length=8, choices=Channel.choices)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DRAFT)
    audience = models.JSONField(default=dict)  # the account list's filters, frozen at enrolment
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    response_days = models.PositiveSmallIntegerField(_("response window, days"), default=30)
    # which published score had foretold the response, and whether a high one means "responds"
    response_score = models.CharField(max_length=20, blank=True)
    response_is_complement = models.BooleanField(default=False)
    holdout_share = models.FloatField(_("holdout"), default=0.1)
    salt = models.CharField(max_length=32)
    budget_amount = models.DecimalField(max_digits=19, decimal_places=4, null=True)
    cost_amount = models.DecimalField(_("cost"), max_digits=19, decimal_places=4)
    currency = models.CharField(max_length=3)
    is_simulated = models.BooleanField(default=False)

    objects = CampaignQuerySet.as_manager()

    class Meta(Record.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(holdout_share__gt=0, holdout_share__lt=1),
                name="every_campaign_has_a_holdout",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__gte=models.F("starts_at")),
                name="campaign_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["draft", "scheduled", "running", "paused", "done", "cancelled"]
                ),
                name="campaign_state_is_known",
            ),
        ]
        indexes = [models.Index(models.F("starts_at").desc(), "id", name="campaign_newest_first")]

    def __str__(self) -> str:
        return self.name


class Enrolment(models.Model):
    """An account's place in a campaign: its arm is drawn once, before any send, for good."""

    class Arm(models.TextChoices):
        TREATED = "treated", _("Treated")
        HOLDOUT = "holdout", _("Holdout")

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="enrolments")
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    arm = models.CharField(max_length=8, choices=Arm.choices)
    propensity = models.FloatField()  # P(treated) at the draw
    enrolled_at = models.DateTimeField()
    scores = models.JSONField(default=dict)  # published scores at that moment: {"churn": .31, …}
    values = models.JSONField(default=dict)  # published values likewise, reporting currency

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "account"], name="one_enrolment_per_account"),
            models.CheckConstraint(
                condition=models.Q(propensity__gt=0, propensity__lt=1),
                name="propensity_is_a_probability",
            ),
            models.CheckConstraint(condition=models.Q(arm__in=["treated", "holdout"]), name="arm_is_known"),
        ]
        indexes = [models.Index("account", name="enrolment_of_account")]

    def __str__(self) -> str:
        return f"{self.account_id} in {self.campaign_id}: {self.arm}"


class Delivery(models.Model):
    """One message of one step to one contact. Never sent twice: the key says so."""

    class State(models.TextChoices):
        PLANNED = "planned", _("Planned")
        CLAIMED = "claimed", _("Claimed")
        HANDED_OVER = "handed_over", _("Handed over")
        DELIVERED = "delivered", _("Delivered")
        SOFT_BOUNCE = "soft_bounce", _("Soft bounce")
        HARD_BOUNCE = "hard_bounce", _("Hard bounce")
        COMPLAINT = "complaint", _("Complaint")
        SUPPRESSED = "suppressed", _("Suppressed")
        UNKNOWN = "unknown", _("Unknown")

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="deliveries")
    step = models.PositiveSmallIntegerField(default=1)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    contact = models.ForeignKey("crm.Contact", models.CASCADE, related_name="+")
    state = models.CharField(max_length=12, choices=State.choices, default=State.PLANNED)
    handed_over_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "step", "contact"], name="one_delivery_per_step_and_contact"
            )
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.step} to {self.contact_id}: {self.state}"


class Response(models.Model):
    """What an enrolled account did within the window. Kept for the holdout too."""

    class Kind(models.TextChoices):
        OPENED = "opened", _("Opened")
        CLICKED = "clicked", _("Clicked")
        CONVERTED = "converted", _("Converted")
        UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")

    enrolment = models.ForeignKey(Enrolment, models.CASCADE, related_name="responses")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    at = models.DateTimeField()
    amount_reporting = models.DecimalField(max_digits=19, decimal_places=4, default=0)
    is_simulated = models.BooleanField(default=False)
    source_import = models.ForeignKey(Import, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["enrolment", "kind"], name="first_response_of_each_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.enrolment_id}"


class Offered(models.Model):
    """A recommendation that went out with a campaign, and whether it was bought in the window."""

    enrolment = models.ForeignKey(Enrolment, models.CASCADE, related_name="offered")
    product = models.ForeignKey(Product, models.CASCADE, related_name="+")
    rank = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=8)  # crm.Recommendation.Kind at the time
    bought_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["enrolment", "product"], name="product_offered_once")]

    def __str__(self) -> str:
        return f"{self.product_id} to {self.enrolment_id}"
