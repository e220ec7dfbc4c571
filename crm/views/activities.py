"""Writing into an account's timeline, and its people."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from crm.forms.accounts import ContactForm
from crm.forms.work import ActivityForm
from crm.models import Account, Activity, Contact
from crm.models.access import EDIT_ACCOUNTS, ERASE_ACCOUNTS, can
from crm.services.accounts import EditConflictError, save_contact
from crm.services.activities import log_activity, pin_activity
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.account_detail import posted_revision
from crm.views.conflicts import describe_conflict
from crm.views.fragments import back


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(EDIT_ACCOUNTS)
def activity_create(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    account = get_visible(Account.objects.visible_to(request.user), public_id=public_id)
    form = ActivityForm(request.POST or None)
    if form.is_valid():
        log_activity(account=account, author=request.user, **form.cleaned_data)
        return back(request, account.get_absolute_url())
    context = {"form": form, "account": account}
    return render(request, "crm/activity_form.html", context, status=422 if form.errors else 200)


@require_POST
@require_capability(EDIT_ACCOUNTS)
def activity_pin(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    visible = Activity.objects.visible_to(request.user).select_related("account")
    activity = get_visible(visible, public_id=public_id)
    pin_activity(activity=activity, is_pinned=request.POST.get("pinned") == "1")
    return back(request, activity.account.get_absolute_url())


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(EDIT_ACCOUNTS)
def contact_create(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    account = get_visible(Account.objects.visible_to(request.user), public_id=public_id)
    form = ContactForm(request.POST or None)
    if form.is_valid():
        save_contact(account=account, details=form.cleaned_data)
        return redirect(f"{account.get_absolute_url()}?tab=people")
    context = {"form": form, "account": account}
    return render(request, "crm/contact_form.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(EDIT_ACCOUNTS)
def contact_edit(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    visible = Contact.objects.visible_to(request.user).select_related("account")
    contact = get_visible(visible, public_id=public_id)
    form = ContactForm(request.POST or None, instance=contact)
    context = {
        "form": form, "account": contact.account, "contact": contact, "revision": contact.revision,
        "may_erase": can(request.user, ERASE_ACCOUNTS),
    }  # fmt: skip
    if form.is_valid():
        try:
            save_contact(
                account=contact.account, contact=contact, details=form.cleaned_data,
                revision=posted_revision(request),
            )  # fmt: skip
        except EditConflictError as error:
            context |= describe_conflict(form, error)
        else:
            return redirect(f"{contact.account.get_absolute_url()}?tab=people")
    status = 409 if "conflict" in context else 422 if form.errors else 200
    return render(request, "crm/contact_form.html", context, status=status)
