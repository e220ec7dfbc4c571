"""Queues of work: tickets and tasks, each in the order in which they want to be done."""

from __future__ import annotations

from datetime import date

from django.db.models import DateField, QuerySet, Value
from django.db.models.functions import Coalesce

from crm.models import Task, Ticket, User
from crm.models.access import Principal
from crm.selectors.keyset import Column, Order, Page, keyset_page

QUEUE = Order("ticket-queue", (Column("priority", descending=True), Column("opened_at"), Column("pk")))
NEWEST = Order("ticket-newest", (Column("opened_at", descending=True), Column("pk", descending=True)))
DUE = Order("task-due", (Column("due_sort"), Column("pk")))
DONE = Order("task-done", (Column("done_at", descending=True), Column("pk", descending=True)))
STATES = {
    "live": ["open", "pending"], "open": ["open"], "pending": ["pending"], "solved": ["solved", "closed"],
}  # fmt: skip


def _due_or_never() -> Coalesce:
    return Coalesce("due_date", Value(date.max, DateField()))


def visible_tickets(principal: Principal) -> QuerySet[Ticket]:
    tickets: QuerySet[Ticket] = Ticket.objects.visible_to(principal)
    return tickets.select_related("account", "assignee")


def ticket_page(
    principal: Principal,
    *,
    state: str = "live",
    kind: str = "",
    assignee: User | None = None,
    after: str | None = None,
    before: str | None = None,
) -> Page[Ticket]:
    """Return the queue of live tickets, the urgent and old first, or what was solved, newest first."""
    tickets = visible_tickets(principal).filter(state__in=STATES.get(state, STATES["live"]))
    if kind:
        tickets = tickets.filter(kind=kind)
    if assignee:
        tickets = tickets.filter(assignee=assignee)
    order = NEWEST if state == "solved" else QUEUE
    return keyset_page(tickets, order=order, after=after, before=before)


def task_page(
    principal: Principal,
    *,
    is_done: bool = False,
    assignee: User | None = None,
    after: str | None = None,
    before: str | None = None,
) -> Page[Task]:
    """Return open tasks by date due, those without one last, or done ones, newest first."""
    tasks = Task.objects.visible_to(principal).select_related("account", "assignee")
    if assignee:
        tasks = tasks.filter(assignee=assignee)
    if is_done:
        done = tasks.filter(done_at__isnull=False)
        return keyset_page(done, order=DONE, after=after, before=before)
    open_tasks = tasks.filter(done_at=None).annotate(due_sort=_due_or_never())
    return keyset_page(open_tasks, order=DUE, after=after, before=before)
