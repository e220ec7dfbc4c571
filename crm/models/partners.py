from dataclasses import dataclass
from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.access import VIEW_PARTNERS, Principal, can
from crm.models.accounts import Account
from crm.models.base import STAMPED, Record, audited, audited_but


class PartnerQuerySet(models.QuerySet["Partner"]):
    def visible_to(self, principal: Principal) -> Self:
        """Return every partner to those who work with partners, and a partner to itself."""
        partner = getattr(principal, "partner", None)
        if partner is not None:
            return self.filter(pk=partner.pk)
        return self if can(principal, VIEW_PARTNERS) else self.none()


@audited
class Partner(Record):
    class Tier(models.TextChoices):
        REGISTERED = "registered", _("Registered")
        SILVER = "silver", _("Silver")
        GOLD = "gold", _("Gold")

    name = models.CharField(_("name"), max_length=200, unique=True)
    tier = models.CharField(_("tier"), max_length=10, choices=Tier.choices, default=Tier.REGISTERED)
    country = models.CharField(_("country"), max_length=2, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    book = models.ForeignKey("crm.Book", models.PROTECT, related_name="+")  # of its new leads
    is_active = models.BooleanField(_("active"), default=True)
    is_simulated = models.BooleanField(default=False)

    objects = PartnerQuerySet.as_manager()
    account_links: "models.Manager[PartnerAccount]"
    api_keys: "models.Manager[ApiKey]"

    class Meta(Record.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(tier__in=["registered", "silver", "gold"]),
                name="partner_tier_is_known",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def current_account_ids(self) -> "models.QuerySet[PartnerAccount, int]":
        """Return the ids of the accounts linked to this partner at this moment."""
        links = PartnerAccount.objects.filter(partner=self).current()
        return links.values_list("account_id", flat=True)


class PartnerAccountQuerySet(models.QuerySet["PartnerAccount"]):
    def visible_to(self, principal: Principal) -> Self:
        return self.filter(partner__in=Partner.objects.visible_to(principal))

    def current(self) -> Self:
        """Return the links that hold at this moment."""
        ends_later = models.Q(until__isnull=True) | models.Q(until__gt=Now())
        return self.filter(ends_later, since__lte=Now())


@audited
class PartnerAccount(Record):
    """What a partner is to an account, and when."""

    class Role(models.TextChoices):
        REFERRED = "referred", _("Referred")
        RESELLS = "resells", _("Resells")
        SERVICES = "services", _("Services")

    partner = models.ForeignKey(Partner, models.CASCADE, related_name="account_links")
    account = models.ForeignKey(Account, models.CASCADE, related_name="partner_links")
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
    since = models.DateTimeField(db_default=Now())
    until = models.DateTimeField(null=True, blank=True)

    objects = PartnerAccountQuerySet.as_manager()

    class Meta(Record.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "account", "role"],
                condition=models.Q(until__isnull=True),
                name="one_open_link_per_partner_and_role",
            ),
            models.CheckConstraint(
                condition=models.Q(until__isnull=True) | models.Q(until__gt=models.F("since")),
                name="partner_link_is_forward",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partner_id} {self.role} {self.account_id}"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def visible_to(self, principal: Principal) -> Self:
        return self.filter(partner__in=Partner.objects.visible_to(principal))


@audited_but(*STAMPED, "last_used_at", "digest", "prefix")
class ApiKey(Record):
    """A partner's key. Only its SHA-256 is kept; `prefix` is what people recognise it by."""

    SCOPES = ("accounts:read", "orders:read", "leads:write", "events:write")

    partner = models.ForeignKey(Partner, models.CASCADE, related_name="api_keys")
    label = models.CharField(_("label"), max_length=100)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.BinaryField(unique=True, max_length=32)
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey("crm.User", models.SET_NULL, null=True, related_name="+")
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta(Record.Meta):
        pass

    def __str__(self) -> str:
        return self.prefix


class IdempotencyKey(models.Model):
    """A partner's word that a request is the same as an earlier one, and what that one made."""

    partner = models.ForeignKey(Partner, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    digest = models.BinaryField(max_length=32)  # SHA-256 of the request, to notice another one
    account_id = models.BigIntegerField(null=True)  # no key: it outlives what was made
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "key"], name="one_request_per_idempotency_key")
        ]

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True)
class ApiPrincipal:
    """The caller of the partner API: a key and its partner, never a member of staff."""

    key: ApiKey
    partner: Partner
    is_authenticated: bool = True
    is_staff: bool = False

    @property
    def pk(self) -> str:
        return f"key:{self.key.pk}"
