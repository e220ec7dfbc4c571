"""Erasing what is personal of an account, standing or deleted, after asking for its name."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from crm.forms.erasure import EraseForm
from crm.models import Account, Bin
from crm.models.access import ERASE_ACCOUNTS
from crm.services.erasure import start_erasure
from crm.views.access import HtmxRequest, get_visible, require_capability


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(ERASE_ACCOUNTS)
def account_erase(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    account = get_visible(Account.objects.visible_to(request.user), public_id=public_id)
    return _ask(request, account.pk, account.name, parent_url=account.get_absolute_url(), stands=True)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(ERASE_ACCOUNTS)
def bin_erase(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    entry = get_visible(Bin.objects.visible_to(request.user).defer("rows"), public_id=public_id)
    return _ask(request, entry.object_id, entry.label, parent_url=reverse("crm:bin-list"), stands=False)


def _ask(request: HtmxRequest, account_id: int, name: str, *, parent_url: str, stands: bool) -> HttpResponse:
    form = EraseForm(request.POST or None, expected=name)
    if form.is_valid():
        job = start_erasure(account_id=account_id, by=request.user)
        messages.info(request, _("It is being erased. You will be told when it is done."))
        return redirect(job)
    context = {"form": form, "name": name, "parent_url": parent_url, "stands": stands}
    return render(request, "crm/account_erase.html", context, status=422 if form.errors else 200)
