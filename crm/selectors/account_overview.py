"""What the head of an account page says: money, tickets and how many rows stand behind each tab."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

from crm.models import Account, Ticket
from crm.selectors.directory import AttributeName

YEAR = timedelta(days=365)

# Each table is gone through once: planning seventeen questions takes longer than answering them.
_OVERVIEW = """
    SELECT orders.revenue, orders.revenue_before, orders.number, orders.first_at, orders.last_at,
        (SELECT count(*) FROM crm_invoice WHERE account_id = %(id)s),
        (SELECT count(*) FROM crm_contact WHERE account_id = %(id)s),
        tickets.number, tickets.open, tickets.worst, tasks.overdue,
        coalesce((SELECT reporting_currency FROM crm_organisation), 'GBP'),
        EXISTS (SELECT FROM crm_activity WHERE account_id = %(id)s AND is_pinned),
        tasks.open > 0,
        (SELECT coalesce(json_agg(json_build_array(partner.name, link.role) ORDER BY partner.name), '[]')
         FROM crm_partneraccount AS link JOIN crm_partner AS partner ON partner.id = link.partner_id
         WHERE link.account_id = %(id)s AND link.until IS NULL),
        (SELECT coalesce(json_agg(json_build_array(source, value) ORDER BY source, value), '[]')
         FROM crm_externalid WHERE kind = 'account' AND row_id = %(id)s),
        (SELECT coalesce(json_agg(json_build_array(key, label, type, choices) ORDER BY label), '[]')
         FROM crm_attributedefinition)
    FROM
        (SELECT coalesce(sum(amount_reporting) FILTER (WHERE stands AND placed_at > %(year)s), 0) AS revenue,
                coalesce(sum(amount_reporting) FILTER (
                    WHERE stands AND placed_at > %(before)s AND placed_at <= %(year)s
                ), 0) AS revenue_before,
                count(*) AS number,
                min(placed_at) FILTER (WHERE kind = 'sale') AS first_at,
                max(placed_at) FILTER (WHERE kind = 'sale') AS last_at
         FROM (SELECT *, placed_at <= %(as_of)s AND (cancelled_at IS NULL OR cancelled_at > %(as_of)s)
                      AS stands
               FROM crm_order WHERE account_id = %(id)s) AS placed) AS orders,
        (SELECT count(*) AS number, count(*) FILTER (WHERE state IN ('open', 'pending')) AS open,
                max(priority) FILTER (WHERE state IN ('open', 'pending')) AS worst
         FROM crm_ticket WHERE account_id = %(id)s) AS tickets,
        (SELECT count(*) AS open, count(*) FILTER (WHERE due_date < %(today)s) AS overdue
         FROM crm_task WHERE account_id = %(id)s AND done_at IS NULL) AS tasks
"""


@dataclass(frozen=True, slots=True)
class AccountOverview:
    revenue: Decimal  # of the 12 months before `as_of`, reporting currency
    revenue_before: Decimal  # of the 12 months before those
    orders: int
    first_order_at: datetime | None
    last_order_at: datetime | None
    invoices: int
    contacts: int
    tickets: int
    open_tickets: int
    worst_priority: int | None
    overdue_tasks: int
    currency: str  # that of the revenue
    # What most accounts lack is asked for here, so that no panel asks for nothing.
    has_pinned: bool
    has_open_tasks: bool
    # Short lists that come with the same round trip.
    partners: Sequence[tuple[str, str]]  # name, role
    references: Sequence[tuple[str, str]]  # source, value
    attributes: Sequence[AttributeName]  # that accounts can have

    @property
    def revenue_change(self) -> Decimal | None:
        """Return the change against the year before, when there was such a year."""
        return self.revenue / self.revenue_before - 1 if self.revenue_before > 0 else None

    @property
    def worst_ticket(self) -> str:
        return "" if self.worst_priority is None else str(Ticket.Priority(self.worst_priority).label)

    @property
    def has_urgent_ticket(self) -> bool:
        return (self.worst_priority or 0) >= Ticket.Priority.HIGH


def get_overview(account: Account, *, as_of: datetime) -> AccountOverview:
    with connection.cursor() as cursor:
        cursor.execute(
            _OVERVIEW,
            {
                "id": account.pk, "as_of": as_of, "year": as_of - YEAR, "before": as_of - 2 * YEAR,
                "today": as_of.date(),
            },
        )  # fmt: skip
        *facts, attributes = cursor.fetchone()
    return AccountOverview(*(*facts, [AttributeName._make(row) for row in attributes]))
