"""What was changed in bulk, and taking it back."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from crm.models.access import EDIT_ACCOUNTS
from crm.selectors.change_sets import get_bulk_edits, list_bulk_edits, list_refused, people_assigned_to
from crm.services.file_imports import ImportStateError, start_undo
from crm.views.access import HtmxRequest, get_visible, require_capability


@require_safe
@require_capability(EDIT_ACCOUNTS)
def change_list(request: HtmxRequest) -> HttpResponse:
    changes = list_bulk_edits(request.user)
    context = {"changes": changes, "people": people_assigned_to(changes)}
    return render(request, "crm/change_list.html", context)


@require_safe
@require_capability(EDIT_ACCOUNTS)
def change_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    change = get_visible(get_bulk_edits(request.user), public_id=public_id)
    context = {
        "change": change,
        "people": people_assigned_to([change]),
        "refused": list_refused(request.user, change),
    }
    return render(request, "crm/change_detail.html", context)


@require_POST
@require_capability(EDIT_ACCOUNTS)
def change_undo(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    change = get_visible(get_bulk_edits(request.user), public_id=public_id)
    try:
        job = start_undo(change_set=change, by=request.user)
    except ImportStateError:
        messages.error(request, _("This can no longer be undone."))
        return redirect("crm:change-detail", public_id=change.public_id)
    messages.info(request, _("It is being taken back. What was edited since stays as it is."))
    return redirect(job)
