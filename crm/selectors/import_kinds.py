"""What a file's rows may be, and the fields that its columns may go to.

Light on purpose: the browser's pages read it, and so do the pipelines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from crm.models import Account, Event, Order, Ticket

Type = Literal[
    "text", "decimal", "integer", "date", "moment", "boolean", "choice", "country", "currency", "email"
]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a column may be."""

    name: str
    label: str | Promise
    type: Type = "text"
    required: bool = False
    max_length: int = 200
    choices: Mapping[str, str | Promise] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rows. `any_of` are groups of fields of which a file needs at least one each."""

    code: str
    label: str | Promise
    fields: tuple[Field, ...]
    check_task: str = "crm.check_import"
    commit_task: str = "crm.commit_import"
    takes_attributes: bool = False
    takes_outcome: bool = False
    any_of: tuple[tuple[str, ...], ...] = ()

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields if field.required)


ACCOUNT = Field("account", _("Account (its number in the source)"), required=True)
CURRENCY = Field("currency", _("Currency"), "currency")
EXTERNAL_ID = Field("external_id", _("Number in the source"))

ACCOUNTS = Kind(
    "accounts",
    _("Accounts"),
    (
        replace(EXTERNAL_ID, required=True),
        Field("name", _("Name"), required=True),
        Field("kind", _("Organisation or person"), "choice", choices=dict(Account.Kind.choices)),
        Field("industry", _("Industry"), max_length=60),
        Field("country", _("Country"), "country"),
        CURRENCY,
        Field("stage", _("Lifecycle stage"), "choice", choices=dict(Account.Stage.choices)),
        Field("customer_since", _("Customer since"), "date"),
        Field("website", _("Website")),
        Field("tax_id", _("Tax number"), max_length=40),
        Field("email", _("E-mail"), "email"),
        Field("phone", _("Phone"), max_length=40),
        Field("owner", _("Owner (user name)"), max_length=150),
    ),
    takes_attributes=True,
    takes_outcome=True,
)

CONTACTS = Kind(
    "contacts",
    _("Contacts"),
    (
        ACCOUNT,
        Field("name", _("Name"), required=True),
        EXTERNAL_ID,
        Field("job_title", _("Job title"), max_length=120),
        Field("email", _("E-mail"), "email"),
        Field("phone", _("Phone"), max_length=40),
    ),
)

PRODUCTS = Kind(
    "products",
    _("Products"),
    (
        Field("code", pgettext_lazy("product", "Code"), required=True, max_length=40),
        Field("name", _("Name"), required=True),
        Field("category", _("Category"), max_length=100),
        Field("price", _("Price"), "decimal"),
        CURRENCY,
        Field("is_sold", _("Still sold"), "boolean"),
        Field("sold_in", _("Sold in (codes of countries)"), max_length=800),
        Field("is_bought_once", _("Bought once for life"), "boolean"),
    ),
)

ORDERS = Kind(
    "orders",
    _("Orders, one line of an order a row"),
    (
        Field("number", _("Order number"), required=True, max_length=40),
        ACCOUNT,
        Field("placed_at", _("Placed at"), "moment", required=True),
        Field("product", _("Product (its code)"), max_length=40),
        Field("quantity", _("Quantity"), "decimal"),
        Field("unit_price", _("Unit price"), "decimal"),
        Field("amount", _("Amount of the line"), "decimal"),
        CURRENCY,
        Field("kind", _("Order or return"), "choice", choices=dict(Order.Kind.choices)),
        Field("cancelled_at", _("Cancelled at"), "moment"),
    ),
    any_of=(("unit_price", "amount"),),
)

SUBSCRIPTIONS = Kind(
    "subscriptions",
    _("Subscriptions"),
    (
        ACCOUNT,
        Field("product", _("Product (its code)"), required=True, max_length=40),
        Field("started_at", _("Started at"), "moment", required=True),
        Field("amount_per_period", _("Amount per period"), "decimal", required=True),
        EXTERNAL_ID,
        Field("period_days", _("Days per period"), "integer"),
        Field("cancelled_at", _("Cancelled at"), "moment"),
        CURRENCY,
    ),
)

INVOICES = Kind(
    "invoices",
    _("Invoices"),
    (
        Field("number", _("Invoice number"), required=True, max_length=40),
        ACCOUNT,
        Field("issued_at", _("Issued at"), "moment", required=True),
        Field("due_at", _("Due at"), "moment", required=True),
        Field("amount", _("Amount"), "decimal", required=True),
        CURRENCY,
    ),
)

PAYMENTS = Kind(
    "payments",
    _("Payments"),
    (
        replace(ACCOUNT, required=False),
        Field("invoice", _("Invoice (its number)"), max_length=40),
        Field("paid_at", _("Paid at"), "moment", required=True),
        Field("amount", _("Amount"), "decimal", required=True),
        CURRENCY,
        EXTERNAL_ID,
    ),
    any_of=(("account", "invoice"),),
)

EVENTS = Kind(
    "events",
    _("Events"),
    (
        Field("kind", _("What happened"), "choice", required=True, choices=dict(Event.Kind.choices)),
        Field("at", _("When"), "moment", required=True),
        replace(ACCOUNT, required=False),
        Field("visitor", _("Visitor"), max_length=64),
        Field("product", _("Product (its code)"), max_length=40),
        Field("term", _("Search term")),
        Field("source", _("Source"), max_length=60),
        Field("medium", _("Medium"), max_length=60),
        Field("campaign_code", _("Campaign (its code)"), max_length=60),
        Field("duration_seconds", _("Duration, seconds"), "decimal"),
        Field("page", _("Page")),
        Field("key", _("Number of the event"), max_length=64),
    ),
    any_of=(("account", "visitor"),),
)

TICKETS = Kind(
    "tickets",
    _("Tickets"),
    (
        ACCOUNT,
        Field("subject", _("Subject"), required=True),
        Field("opened_at", _("Opened at"), "moment", required=True),
        EXTERNAL_ID,
        Field("kind", _("Kind"), "choice", choices=dict(Ticket.Kind.choices)),
        Field("state", _("State"), "choice", choices=dict(Ticket.State.choices)),
        Field(
            "priority",
            _("Priority"),
            "choice",
            choices={str(code): label for code, label in Ticket.Priority.choices},
        ),
        Field("text", _("Text"), max_length=20_000),
        Field("solved_at", _("Solved at"), "moment"),
    ),
)

RESPONSES = Kind(
    "responses",
    _("Campaign responses"),
    (
        Field("campaign", _("Campaign (its code)"), required=True, max_length=60),
        ACCOUNT,
        Field(
            "kind",
            _("What they did"),
            "choice",
            required=True,
            choices={
                "opened": _("Opened"),
                "clicked": _("Clicked"),
                "converted": _("Converted"),
                "unsubscribed": _("Unsubscribed"),
            },
        ),
        Field("at", _("When"), "moment", required=True),
        Field("amount", _("Amount"), "decimal"),
        CURRENCY,
    ),
    check_task="campaigns.check_import",
    commit_task="campaigns.commit_import",
)

AD_RESULTS = Kind(
    "ad_results",
    _("Advertising results"),
    (
        Field("ad_code", _("Advertisement"), required=True, max_length=120),
        Field("on_date", _("Day"), "date", required=True),
        Field("cost_amount", _("Cost"), "decimal", required=True),
        Field("impressions", _("Impressions"), "integer"),
        Field("clicks", _("Clicks"), "integer"),
        Field("conversions", _("Conversions"), "integer"),
        CURRENCY,
        Field("campaign", _("Campaign (its code)"), max_length=60),
    ),
    check_task="campaigns.check_import",
    commit_task="campaigns.commit_import",
)

KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        ACCOUNTS,
        CONTACTS,
        PRODUCTS,
        ORDERS,
        SUBSCRIPTIONS,
        INVOICES,
        PAYMENTS,
        EVENTS,
        TICKETS,
        RESPONSES,
        AD_RESULTS,
    )
}
