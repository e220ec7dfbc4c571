"""How the rows of each checked table are shown: what each is called, where it leads, and its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from crm.models import (
    Account,
    Contact,
    Event,
    Invoice,
    Order,
    OrderLine,
    Payment,
    Product,
    Subscription,
    Ticket,
)
from crm.models.access import Principal

Rows = QuerySet[Any]


@dataclass(frozen=True, slots=True)
class Cell:
    label: str | Promise
    value: Any
    format: str = "text"  # or "money", "day", "number"
    currency: str = ""


@dataclass(frozen=True, slots=True)
class ShownRow:
    title: str
    url: str
    account: Account | None
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Shape:
    rows: Callable[[Principal], Rows]
    title: Callable[[Any], str]
    cells: Callable[[Any], list[Cell]]
    url: Callable[[Any], str] = lambda row: str(row.account.get_absolute_url()) if row.account else ""
    account: Callable[[Any], Account | None] = lambda row: row.account


def _of_visible(model: Any, *related: str) -> Callable[[Principal], Rows]:
    def rows(principal: Principal) -> Rows:
        visible = Account.objects.visible_to(principal)
        found: Rows = model.objects.filter(account__in=visible).select_related("account", *related)
        return found

    return rows


def _lines(principal: Principal) -> Rows:
    visible = OrderLine.objects.filter(order__account__in=Account.objects.visible_to(principal))
    return visible.select_related("order__account", "product")


def _money(label: str | Promise, amount: Any, currency: str) -> Cell:
    return Cell(label, amount, "money", currency)


def _page(name: str) -> Callable[[Any], str]:
    return lambda row: reverse(f"crm:{name}", args=[row.public_id])


SHAPES: Mapping[str, Shape] = {
    "accounts": Shape(
        Account.objects.visible_to,
        lambda row: str(row.name),
        lambda row: [
            Cell(_("Lifecycle stage"), row.get_stage_display()), Cell(_("Country"), row.country),
            Cell(_("E-mail"), row.email), Cell(_("Customer since"), row.customer_since, "day"),
        ],
        url=lambda row: str(row.get_absolute_url()),
        account=lambda row: None,
    ),
    "contacts": Shape(
        lambda principal: Contact.objects.visible_to(principal).select_related("account"),
        lambda row: str(row.name),
        lambda row: [Cell(_("E-mail"), row.email), Cell(_("Phone"), row.phone)],
        url=lambda row: f"{row.account.get_absolute_url()}?tab=people",
    ),
    "products": Shape(
        Product.objects.visible_to,
        lambda row: f"{row.code} {row.name}",
        lambda row: [Cell(_("Category"), row.category), _money(_("Price"), row.price, row.currency)],
        url=lambda row: "",
        account=lambda row: None,
    ),
    "orders": Shape(
        lambda principal: Order.objects.visible_to(principal).select_related("account"),
        lambda row: str(row.number),
        lambda row: [
            Cell(_("Placed"), row.placed_at, "day"), Cell(_("Cancelled"), row.cancelled_at, "day"),
            _money(_("Amount"), row.amount, row.currency),
        ],
        url=_page("order-detail"),
    ),
    "order_lines": Shape(
        _lines,
        lambda row: f"{row.order.number}: {row.product.name}",
        lambda row: [
            Cell(_("Quantity"), row.quantity, "number"),
            _money(_("Unit price"), row.unit_price, row.order.currency),
            _money(_("Amount"), row.amount, row.order.currency),
        ],
        url=lambda row: reverse("crm:order-detail", args=[row.order.public_id]),
        account=lambda row: row.order.account,
    ),
    "subscriptions": Shape(
        _of_visible(Subscription, "product"),
        lambda row: str(row.product.name),
        lambda row: [
            Cell(_("Started"), row.started_at, "day"),
            _money(_("Amount per period"), row.amount_per_period, row.currency),
        ],
    ),
    "invoices": Shape(
        _of_visible(Invoice),
        lambda row: str(row.number),
        lambda row: [
            Cell(_("Issued"), row.issued_at, "day"), Cell(_("Due"), row.due_at, "day"),
            _money(_("Amount"), row.amount, row.currency),
        ],
        url=lambda row: f"{row.account.get_absolute_url()}?tab=invoices",
    ),
    "payments": Shape(
        _of_visible(Payment, "invoice"),
        lambda row: row.invoice.number if row.invoice else str(_("Payment")),
        lambda row: [Cell(_("Paid"), row.paid_at, "day"), _money(_("Amount"), row.amount, row.currency)],
        url=lambda row: f"{row.account.get_absolute_url()}?tab=invoices",
    ),
    "events": Shape(
        _of_visible(Event, "product"),
        lambda row: str(row.get_kind_display()),
        lambda row: [Cell(_("At"), row.at, "day"), Cell(_("Seconds"), row.duration_seconds, "number")],
    ),
    "tickets": Shape(
        lambda principal: Ticket.objects.visible_to(principal).select_related("account"),
        lambda row: str(row.subject),
        lambda row: [
            Cell(_("State"), row.get_state_display()),
            Cell(pgettext("ticket", "Opened"), row.opened_at, "day"),
            Cell(_("Solved"), row.solved_at, "day"),
        ],
        url=_page("ticket-detail"),
    ),
}  # fmt: skip


def rows_of(principal: Principal, table: str, ids: Iterable[int]) -> Rows:
    """Return those of the rows that somebody may see."""
    return SHAPES[table].rows(principal).filter(pk__in=list(ids))


def shown(table: str, row: Any) -> ShownRow:
    shape = SHAPES[table]
    return ShownRow(shape.title(row), shape.url(row), shape.account(row), shape.cells(row))
