from typing import TYPE_CHECKING, Any, Self, TypeVar

import pgtrigger
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from crm.models.access import Principal, sees_every_account
from crm.models.base import REMEMBER_DELETED_ACCOUNT, Fact, Record, audited
from crm.models.organisation import Book
from crm.models.people import Team, User

if TYPE_CHECKING:
    from crm.models.partners import PartnerAccount

M = TypeVar("M", bound=models.Model)


class AccountQuerySet(models.QuerySet["Account"]):
    def visible_to(self, principal: Principal) -> Self:
        """Return what this person, or this partner's key, may see.

        Salespeople see their own and their team's accounts, other staff see every account, and a
        partner sees the accounts that it is linked to today.
        """
        partner = getattr(principal, "partner", None)
        if partner is not None:
            return self.filter(pk__in=partner.current_account_ids())
        if sees_every_account(principal):
            return self
        if not getattr(principal, "is_authenticated", False):
            return self.none()
        mine = models.Q(owner_id=principal.pk)
        if team_id := getattr(principal, "team_id", None):
            mine |= models.Q(team_id=team_id)
        return self.filter(mine)


class OfAccountQuerySet(models.QuerySet[M]):
    def visible_to(self, principal: Principal) -> Self:
        """Return the rows of the accounts that this person, or this partner's key, may see."""
        return self.filter(account__in=Account.objects.visible_to(principal))


@audited
class Account(Record):
    class Kind(models.TextChoices):
        ORGANISATION = "organisation", _("Organisation")
        PERSON = "person", _("Person")

    class Stage(models.TextChoices):
        LEAD = "lead", _("Lead")
        PROSPECT = "prospect", _("Prospect")
        CUSTOMER = "customer", _("Customer")
        FORMER = "former", _("Former customer")

    book = models.ForeignKey(Book, models.PROTECT, related_name="accounts")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    name = models.CharField(_("name"), max_length=200)
    industry = models.CharField(_("industry"), max_length=60, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)  # ISO 3166-1 alpha-2
    currency = models.CharField(_("currency"), max_length=3)
    owner = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("owner")
    )
    team = models.ForeignKey(
        Team, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("team")
    )
    stage = models.CharField(
        _("lifecycle stage"), max_length=10, choices=Stage.choices, default=Stage.CUSTOMER
    )
    customer_since = models.DateField(_("customer since"), null=True, blank=True)
    website = models.CharField(_("website"), max_length=200, blank=True, default="", db_default="")
    tax_id = models.CharField(_("tax number"), max_length=40, blank=True, default="", db_default="")
    email = models.EmailField(_("e-mail"), blank=True, default="", db_default="")
    phone = models.CharField(_("phone"), max_length=40, blank=True, default="", db_default="")
    attributes = models.JSONField(_("custom attributes"), default=dict, blank=True)

    objects = AccountQuerySet.as_manager()
    partner_links: "models.Manager[PartnerAccount]"

    class Meta(Record.Meta):
        triggers = [
            *Record.Meta.triggers,
            REMEMBER_DELETED_ACCOUNT,
            # History of an account is read by its book, so it can't move to another one.
            pgtrigger.ReadOnly(name="book_is_fixed", fields=["book"]),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["organisation", "person"]), name="account_kind_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(stage__in=["lead", "prospect", "customer", "former"]),
                name="account_stage_is_known",
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="account_has_a_name"),
        ]
        indexes = [
            models.Index("name", "id", name="account_by_name"),
            models.Index("book", "name", "id", name="account_by_book_and_name"),
            models.Index("country", "name", "id", name="account_by_country_and_name"),
            models.Index("customer_since", "id", name="account_by_customer_since"),
            GinIndex(fields=["attributes"], opclasses=["jsonb_path_ops"], name="account_attributes"),
            GinIndex(SearchVector("name", config="simple"), name="account_words"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/accounts/{self.public_id}/"


@audited
class Contact(Record):
    account = models.ForeignKey(Account, models.CASCADE, related_name="contacts")
    name = models.CharField(_("name"), max_length=200)
    job_title = models.CharField(_("job title"), max_length=120, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    is_simulated = models.BooleanField(default=False)

    objects = OfAccountQuerySet["Contact"].as_manager()

    class Meta(Record.Meta):
        indexes = [
            models.Index("account", "name", name="contact_by_account"),
            models.Index(Lower("email"), name="contact_by_email", condition=~models.Q(email="")),
        ]

    def __str__(self) -> str:
        return self.name


class ExternalId(models.Model):
    """What another system calls one of our rows. Two systems may both know customer "17"."""

    source = models.CharField(max_length=60)
    kind = models.CharField(max_length=30)  # "account", "product", "order", …
    value = models.CharField(max_length=200)
    row_id = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "kind", "value"], name="one_row_per_external_id")
        ]
        indexes = [
            models.Index("kind", "row_id", name="external_id_of_row"),
            models.Index("kind", "value", name="external_id_by_value"),
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.value}"


@audited
class AttributeDefinition(Record):
    """A custom attribute of accounts. Its values live in `Account.attributes` under `key`."""

    class Type(models.TextChoices):
        NUMBER = "number", _("Number")
        TEXT = "text", _("Text")
        CHOICE = "choice", _("Choice")
        DATE = "date", _("Date")
        BOOLEAN = "boolean", _("Yes or no")

    key = models.SlugField(_("key"), max_length=60, unique=True)
    label = models.CharField(_("label"), max_length=120)
    type = models.CharField(_("type"), max_length=10, choices=Type.choices)
    choices = models.JSONField(_("choices"), default=dict, blank=True)  # code -> label
    is_known_before = models.BooleanField(_("known before the outcome"), default=False)
    is_sensitive = models.BooleanField(_("sensitive"), default=False)

    class Meta(Record.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(type__in=["number", "text", "choice", "date", "boolean"]),
                name="attribute_type_is_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(is_known_before=True, is_sensitive=True),
                name="sensitive_attributes_enter_no_model",
            ),
        ]

    def __str__(self) -> str:
        return self.label


class AttributeValue(Fact):
    """The value of one attribute of one account between two moments; `valid_to` null is now."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    attribute = models.ForeignKey(AttributeDefinition, models.CASCADE, related_name="+")
    value: "models.JSONField[Any, Any]" = models.JSONField()
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)

    class Meta(Fact.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account", "attribute"],
                condition=models.Q(valid_to__isnull=True),
                name="one_current_value_per_attribute",
            ),
            models.CheckConstraint(
                condition=models.Q(valid_to__isnull=True) | models.Q(valid_to__gt=models.F("valid_from")),
                name="attribute_interval_is_forward",
            ),
        ]
        indexes = [models.Index("account", "attribute", "valid_from", name="attribute_history")]

    def __str__(self) -> str:
        return f"{self.attribute_id} of {self.account_id} from {self.valid_from}"


class Outcome(Fact):
    """A labelled outcome: what a score of `kind` had tried to predict, and when it was known."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="outcomes")
    kind = models.CharField(max_length=30)  # e.g. "default"
    happened = models.BooleanField()
    cutoff_at = models.DateTimeField()  # the moment before which everything may be used
    observed_at = models.DateTimeField()  # the moment at which the outcome was settled

    class Meta(Fact.Meta):
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "cutoff_at"], name="one_outcome_per_cutoff"),
            models.CheckConstraint(
                condition=models.Q(observed_at__gt=models.F("cutoff_at")),
                name="outcome_is_settled_after_its_cutoff",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.account_id}: {self.happened}"
