"""What was deleted, and the way back."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from crm.models import Account, Bin
from crm.models.access import EDIT_ACCOUNTS, ERASE_ACCOUNTS, can
from crm.services.bin import RestoreConflictError, restore
from crm.views.access import HtmxRequest, get_visible, require_capability


@require_safe
@require_capability(EDIT_ACCOUNTS)
def bin_list(request: HtmxRequest) -> HttpResponse:
    entries = Bin.objects.visible_to(request.user).defer("rows").select_related("deleted_by")
    context = {
        "entries": entries.order_by("-deleted_at", "pk")[:100],
        "may_erase": can(request.user, ERASE_ACCOUNTS),
    }
    return render(request, "crm/bin_list.html", context)


@require_POST
@require_capability(EDIT_ACCOUNTS)
def bin_restore(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    entry = get_visible(Bin.objects.visible_to(request.user).defer("rows"), public_id=public_id)
    try:
        pk = restore(entry=entry)
    except RestoreConflictError as error:
        said = _("%(name)s can't come back: something else has taken its place (%(constraint)s).")
        messages.error(request, said % {"name": entry.label, "constraint": error.constraint})
        return redirect("crm:bin-list")
    restored = Account.objects.visible_to(request.user).filter(pk=pk).first()
    return redirect(restored or "crm:bin-list")
