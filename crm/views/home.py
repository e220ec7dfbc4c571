"""The first page: what wants attention, by role."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from crm.models import User
from crm.models.access import (
    VIEW_ALL_JOBS,
    VIEW_CAMPAIGNS,
    VIEW_DATA_QUALITY,
    VIEW_MODELS,
    VIEW_PARTNERS,
    can,
)
from crm.selectors import home as cards
from crm.selectors.directory import reporting_currency
from crm.selectors.jobs import book_names
from crm.selectors.source_habits import get_news_of_sources
from crm.views.access import HtmxRequest

Role = User.Role
# The cards of each role, the most urgent first.
CARDS: dict[str, tuple[str, ...]] = {
    Role.SALES: ("at_risk", "tasks", "my_tickets", "expected_losses"),
    Role.SUPPORT: ("ticket_queue", "tasks", "at_risk"),
    Role.MARKETING: ("campaigns", "at_risk", "tasks"),
    Role.ANALYST: ("freshness", "sources", "jobs", "campaigns", "quality"),
    Role.PARTNER_MANAGER: ("partners", "tasks", "at_risk"),
    Role.ADMINISTRATOR: ("failed_jobs", "sources", "quality", "freshness", "ticket_queue"),
}
NEEDS = {
    "campaigns": VIEW_CAMPAIGNS,
    "freshness": VIEW_MODELS,
    "jobs": VIEW_ALL_JOBS,
    "failed_jobs": VIEW_ALL_JOBS,
    "quality": VIEW_DATA_QUALITY,
    "sources": VIEW_DATA_QUALITY,
    "partners": VIEW_PARTNERS,
}


@require_safe
def home(request: HtmxRequest) -> HttpResponse:
    names = [name for name in CARDS.get(request.user.role, ()) if _may_see(request.user, name)]
    context: dict[str, Any] = {
        "cards": [f"crm/_home_{name}.html" for name in names],
        "today": timezone.localdate(),
        "currency": reporting_currency(),
    }
    for name in names:
        if name in READERS:
            context[name] = READERS[name](request.user)
    if "jobs" in names or "failed_jobs" in names:
        context["books"] = book_names()
    return render(request, "crm/home.html", context)


def _may_see(user: User, card: str) -> bool:
    return card not in NEEDS or can(user, NEEDS[card])


READERS: dict[str, Any] = {
    "at_risk": cards.list_at_risk,
    "expected_losses": cards.list_expected_losses,
    "tasks": cards.list_due_tasks,
    "my_tickets": cards.list_my_tickets,
    "ticket_queue": cards.list_ticket_queue,
    "partners": cards.list_partners,
    "jobs": cards.list_latest_jobs,
    "failed_jobs": lambda user: cards.list_latest_jobs(user, failed=True),
    "freshness": lambda _user: cards.list_freshness(),
    "quality": lambda _user: cards.list_quality(),
    "sources": lambda _user: get_news_of_sources(most=cards.FIVE),
}
