"""Erasing what is personal of an account, standing or deleted, or of a contact, after asking for the name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from crm.forms.erasure import EraseForm
from crm.models import Account, Bin, Contact, Job
from crm.models.access import ERASE_ACCOUNTS
from crm.services.contact_erasure import start_contact_erasure
from crm.services.erasure import start_erasure
from crm.views.access import HtmxRequest, get_visible, require_capability


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(ERASE_ACCOUNTS)
def account_erase(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    account = get_visible(Account.objects.visible_to(request.user), public_id=public_id)
    start = partial(start_erasure, account_id=account.pk, by=request.user)
    return _ask(request, "account", account.name, parent_url=account.get_absolute_url(), start=start)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(ERASE_ACCOUNTS)
def bin_erase(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    entry = get_visible(Bin.objects.visible_to(request.user).defer("rows"), public_id=public_id)
    start = partial(start_erasure, account_id=entry.object_id, by=request.user)
    return _ask(request, "bin", entry.label, parent_url=reverse("crm:bin-list"), start=start)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(ERASE_ACCOUNTS)
def contact_erase(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    contacts = Contact.objects.visible_to(request.user).select_related("account")
    contact = get_visible(contacts, public_id=public_id)
    start = partial(start_contact_erasure, contact=contact, by=request.user)
    parent_url = f"{contact.account.get_absolute_url()}?tab=people"
    return _ask(request, "contact", contact.name, parent_url=parent_url, start=start)


def _ask(
    request: HtmxRequest, what: str, name: str, *, parent_url: str, start: Callable[[], Job]
) -> HttpResponse:
    form = EraseForm(request.POST or None, expected=name)
    if form.is_valid():
        messages.info(request, _("It is being erased. You will be told when it is done."))
        return redirect(start())
    context = {"form": form, "name": name, "parent_url": parent_url, "what": what}
    return render(request, "crm/account_erase.html", context, status=422 if form.errors else 200)
