"""Tickets: the queue, one ticket, and its way from open to closed."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.forms.work import TicketAssignForm, TicketForm
from crm.models import Account, Ticket
from crm.models.access import WORK_TICKETS, can
from crm.selectors.work import STATES, ticket_page, visible_tickets
from crm.services.tickets import TicketMoveError, assign_ticket, move_ticket, next_states, open_ticket
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.fragments import render_part


@require_safe
def ticket_list(request: HtmxRequest) -> HttpResponse:
    state, kind = request.GET.get("state", "live"), request.GET.get("kind", "")
    page = ticket_page(
        request.user,
        state=state,
        kind=kind if kind in Ticket.Kind.values else "",
        assignee=request.user if request.GET.get("mine") else None,
        after=request.GET.get("after"),
        before=request.GET.get("before"),
    )
    context = {"page": page, "kinds": Ticket.Kind.choices, "state": state if state in STATES else "live"}
    return render_part(request, "crm/ticket_list.html", "table", context)


@require_safe
def ticket_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    tickets = visible_tickets(request.user).select_related("account__book", "contact")
    ticket = get_visible(tickets, public_id=public_id)
    names = dict(Ticket.State.choices)
    context = {
        "ticket": ticket,
        "moves": [(state, names[state]) for state in next_states(ticket, timezone.now())],
        "may_work": can(request.user, WORK_TICKETS),
        "form": TicketAssignForm(initial={"assignee": ticket.assignee, "priority": ticket.priority}),
    }
    return render(request, "crm/ticket_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(WORK_TICKETS)
def ticket_create(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    account = get_visible(Account.objects.visible_to(request.user), public_id=public_id)
    form = TicketForm(request.POST or None, account=account)
    if form.is_valid():
        ticket = open_ticket(account=account, details=form.cleaned_data)
        return redirect("crm:ticket-detail", public_id=ticket.public_id)
    context = {"form": form, "account": account}
    return render(request, "crm/ticket_form.html", context, status=422 if form.errors else 200)


@require_POST
@require_capability(WORK_TICKETS)
def ticket_move(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    ticket = get_visible(Ticket.objects.visible_to(request.user), public_id=public_id)
    try:
        move_ticket(ticket=ticket, state=request.POST.get("state", ""), at=timezone.now())
    except TicketMoveError:
        messages.error(request, _("The ticket can't go there from where it is now."))
    return redirect("crm:ticket-detail", public_id=public_id)


@require_POST
@require_capability(WORK_TICKETS)
def ticket_assign(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    ticket = get_visible(Ticket.objects.visible_to(request.user), public_id=public_id)
    form = TicketAssignForm(request.POST)
    if form.is_valid():
        assign_ticket(ticket=ticket, **form.cleaned_data)
    else:
        messages.error(request, _("Nothing was changed: the person or the priority is not known."))
    return redirect("crm:ticket-detail", public_id=public_id)
