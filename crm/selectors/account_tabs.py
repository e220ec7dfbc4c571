"""The rows behind the tabs of an account page."""

from __future__ import annotations

from django.db.models import Count, DecimalField, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from crm.models import (
    Account,
    Activity,
    Contact,
    Invoice,
    Order,
    OrderLine,
    Payment,
    Task,
    Ticket,
)
from crm.selectors.keyset import Column, Page, keyset_page
from crm.selectors.keyset import Order as SortOrder

NEWEST_ORDER = SortOrder("orders", (Column("placed_at", descending=True), Column("pk", descending=True)))
NEWEST_INVOICE = SortOrder("invoices", (Column("issued_at", descending=True), Column("pk", descending=True)))
_MONEY: DecimalField[object, object] = DecimalField(max_digits=19, decimal_places=4)


def orders_page(account: Account, *, after: str | None, before: str | None) -> Page[Order]:
    orders = account.orders.annotate(line_count=Count("lines"))
    return keyset_page(orders, order=NEWEST_ORDER, after=after, before=before, per_page=25)


def invoices_page(account: Account, *, after: str | None, before: str | None) -> Page[Invoice]:
    """Return bills with what has been paid of each."""
    paid = (
        Payment.objects.filter(invoice=OuterRef("pk"))
        .order_by()
        .values("invoice")
        .annotate(sum=Sum("amount"))
    )
    invoices = account.invoices.annotate(
        paid_amount=Coalesce(Subquery(paid.values("sum")), Value(0, _MONEY), output_field=_MONEY)
    )
    return keyset_page(invoices, order=NEWEST_INVOICE, after=after, before=before, per_page=25)


def list_lines(order: Order, limit: int = 500) -> QuerySet[OrderLine]:
    return OrderLine.objects.filter(order=order).select_related("product").order_by("pk")[:limit]


def list_contacts(account: Account) -> QuerySet[Contact]:
    return account.contacts.order_by("name", "pk")


def list_tickets(account: Account) -> QuerySet[Ticket]:
    return account.tickets.select_related("assignee").order_by("-opened_at", "-pk")[:100]


def list_open_tasks(account: Account, limit: int = 5) -> QuerySet[Task]:
    tasks = account.tasks.filter(done_at=None).select_related("assignee")
    return tasks.order_by("due_date", "pk")[:limit]


def list_pinned(account: Account) -> QuerySet[Activity]:
    pinned = account.activities.filter(is_pinned=True).select_related("author")
    return pinned.order_by("-at", "-pk")
