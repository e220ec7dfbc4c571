"""Tickets and the moves between their states."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from crm.models import Account, Ticket, User
from crm.services.feed import record_change

REOPEN_DAYS = 7
State = Ticket.State
# From which states each state can be reached.
MOVES: dict[str, frozenset[str]] = {
    State.PENDING: frozenset({State.OPEN}),
    State.OPEN: frozenset({State.PENDING, State.SOLVED, State.CLOSED}),
    State.SOLVED: frozenset({State.OPEN, State.PENDING}),
    State.CLOSED: frozenset({State.SOLVED}),
}
DONE = frozenset({State.SOLVED, State.CLOSED})


class TicketMoveError(Exception):
    """The ticket is in a state from which it can't go there, or was solved too long ago."""


@transaction.atomic
def open_ticket(*, account: Account, details: Mapping[str, Any]) -> Ticket:
    ticket = Ticket.objects.create(account=account, **details)
    record_change(
        kind="ticket.opened", object_id=ticket.pk, account_id=account.pk, data={"kind": ticket.kind}
    )
    return ticket


def next_states(ticket: Ticket, at: datetime) -> list[str]:
    """Return the states that this ticket can go to at this moment."""
    return [state for state in State.values if _may_move(ticket, state, at)]


def move_ticket(*, ticket: Ticket, state: str, at: datetime) -> Ticket:
    """Bring a ticket into another state. Who did it stands in the audit log.

    A solved or closed ticket opens again within 7 days only; later it is a new ticket.

    :raises TicketMoveError: when the ticket, as it stands now, can't go there.
    """
    reachable = Q(state__in=MOVES.get(state, ()))
    if state == State.OPEN:
        reachable &= Q(solved_at=None) | Q(solved_at__gte=at - timedelta(days=REOPEN_DAYS))
    stamps: dict[str, dict[str, Any]] = {State.SOLVED: {"solved_at": at}, State.CLOSED: {}}
    moved = Ticket.objects.filter(reachable, pk=ticket.pk).update(
        state=state, **stamps.get(state, {"solved_at": None})
    )
    if not moved:
        raise TicketMoveError(f"{ticket.state} to {state}")
    ticket.refresh_from_db()
    return ticket


def assign_ticket(*, ticket: Ticket, assignee: User | None, priority: int) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(assignee=assignee, priority=priority)


def _may_move(ticket: Ticket, state: str, at: datetime) -> bool:
    if ticket.state not in MOVES[state]:
        return False
    solved = ticket.solved_at
    return state != State.OPEN or solved is None or solved >= at - timedelta(days=REOPEN_DAYS)
