"""One account: the page, its tabs, and what can be edited in place."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRedirect

from crm.forms.accounts import ATTRIBUTE_PREFIX, AccountForm
from crm.models import Account, AttributeDefinition, Erasure, MergedAccount
from crm.models.access import EDIT_ACCOUNTS, ERASE_ACCOUNTS, MERGE_ACCOUNTS, VIEW_AUDIT, WORK_TICKETS, can
from crm.selectors.account_overview import get_overview
from crm.selectors.organisation import get_organisation
from crm.selectors.planned import planned_once
from crm.selectors.score_panel import get_published
from crm.services.accounts import EditConflictError, create_account, edit_account
from crm.services.bin import move_to_bin
from crm.services.match_keys import details_from
from crm.services.matching import Match, find_matches
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.conflicts import describe_conflict
from crm.views.fragments import render_part
from crm.views.walking import read_walk

TABS = ("timeline", "orders", "invoices", "people", "tickets", "scores", "campaigns", "audit")


def visible_accounts(request: HtmxRequest) -> QuerySet[Account]:
    return Account.objects.visible_to(request.user).select_related("book", "owner", "team")


def moment_of(account: Account) -> datetime:
    """Return the moment that the account's numbers are about: a demo book stands still at its end."""
    return account.book.ends_at or timezone.now()


@require_safe
@planned_once()
def account_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    erasures = Erasure.objects.filter(public_id=OuterRef("public_id")).values("erased_at")
    accounts = visible_accounts(request).annotate(erased_at=Subquery(erasures))
    account = accounts.filter(public_id=public_id).first()
    if account is None:
        return survivor_of(request, public_id)
    as_of = moment_of(account)
    wanted = request.GET.get("tab", "")
    context = {
        "account": account,
        "as_of": as_of,
        "overview": get_overview(account, as_of=as_of),
        "published": get_published(account, as_of=as_of),
        "walk": read_walk(request, account),
        "tab": wanted if wanted in TABS else TABS[0],
        "may_edit": can(request.user, EDIT_ACCOUNTS),
        "may_work": can(request.user, WORK_TICKETS),
        "may_audit": can(request.user, VIEW_AUDIT),
        "may_merge": can(request.user, MERGE_ACCOUNTS),
        "may_erase": can(request.user, ERASE_ACCOUNTS),
    }
    return render_part(request, "crm/account_detail.html", "older", context)


def survivor_of(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Lead from an account that was merged away to the one that took it over.

    Nobody keeps the answer, for the merge may be taken back.
    """
    merges = MergedAccount.objects.visible_to(request.user).select_related("survivor")
    survivor = get_visible(merges, public_id=public_id).survivor
    response = redirect(survivor, permanent=True)
    response["Cache-Control"] = "no-store"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(EDIT_ACCOUNTS)
def account_create(request: HtmxRequest) -> HttpResponse:
    definitions = list(AttributeDefinition.objects.order_by("label"))
    initial = {
        "owner": request.user.public_id, "stage": Account.Stage.LEAD,
        "currency": get_organisation().reporting_currency,
    }  # fmt: skip
    form = AccountForm(request.POST or None, definitions=definitions, initial=initial)
    matches = []
    if form.is_valid():
        matches = [] if "save_anyway" in request.POST else similar_accounts(request, form)
        if not matches:
            created = create_account(details=form.details(), attributes=form.attributes())
            return after_saving(request, created)
    status = 422 if form.errors else 409 if matches else 200
    return render(request, "crm/account_form.html", {"form": form, "matches": matches}, status=status)


def after_saving(request: HtmxRequest, saved: Account) -> HttpResponseRedirect:
    """Lead to the account, or to the list when saving gave it to somebody whose accounts one can't see."""
    if visible_accounts(request).filter(pk=saved.pk).exists():
        return HttpResponseRedirect(saved.get_absolute_url())
    if saved.owner:
        words = _("%(name)s now belongs to %(owner)s.") % {"name": saved.name, "owner": saved.owner}
    else:
        words = _("%(name)s no longer belongs to you.") % {"name": saved.name}
    messages.success(request, words)
    return HttpResponseRedirect(reverse("crm:account-list"))


def similar_accounts(request: HtmxRequest, form: AccountForm) -> list[Match]:
    """Return those that one may see and that the entered details may be about."""
    entered = form.details()
    return find_matches(details_from(entered), book=entered["book"], among=visible_accounts(request))


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(EDIT_ACCOUNTS)
def account_edit(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    account = get_visible(visible_accounts(request), public_id=public_id)
    definitions = list(AttributeDefinition.objects.order_by("label"))
    form = AccountForm(request.POST or None, instance=account, definitions=definitions)
    context: dict[str, Any] = {"form": form, "account": account, "revision": account.revision}
    if form.is_valid():
        try:
            edited = edit_account(
                account=account, revision=posted_revision(request), changes=form.details(),
                attributes=form.attributes(),
            )  # fmt: skip
        except EditConflictError as error:
            context |= describe_conflict(form, error)
        else:
            return after_saving(request, edited)
    status = 409 if "conflict" in context else 422 if form.errors else 200
    return render(request, "crm/account_form.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(EDIT_ACCOUNTS)
def account_field(request: HtmxRequest, public_id: UUID, name: str) -> HttpResponse:
    """Show one field as text or as a small form, and save it."""
    account = get_visible(visible_accounts(request), public_id=public_id)
    form = _field_form(request, account, name)
    context: dict[str, Any] = {
        "account": account, "name": name, "form": form, "field": form[name],
        "was": _before(form, name), "revision": account.revision, "is_editing": "show" not in request.GET,
        "may_edit": True,
    }  # fmt: skip
    if form.is_valid():
        try:
            edited = _save_field(request, account, form, was=context["was"])
        except EditConflictError as error:
            context |= describe_conflict(form, error)
        else:
            shown = visible_accounts(request).filter(pk=edited.pk).first()
            if shown is None or not request.htmx:
                answer = after_saving(request, edited)
                return HttpResponseClientRedirect(answer.url) if request.htmx else answer
            context |= {"account": shown, "is_editing": False}
    # htmx swaps answers that succeed; the message stands at the field.
    status = 200 if request.htmx or not (form.errors or "conflict" in context) else 422
    return render_part(request, "crm/account_field.html", "field", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(EDIT_ACCOUNTS)
def account_delete(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    account = get_visible(visible_accounts(request), public_id=public_id)
    if request.method != "POST":
        return render(request, "crm/account_delete.html", {"account": account})
    move_to_bin(account=account, by=request.user)
    messages.success(request, _("%(name)s is in the bin, with everything it had.") % {"name": account.name})
    return redirect("crm:bin-list")


def posted_revision(request: HtmxRequest) -> int:
    text = request.POST.get("revision", "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _save_field(request: HtmxRequest, account: Account, form: AccountForm, *, was: str) -> Account:
    """Save it unless somebody has edited this very field; other fields don't matter here."""
    is_untouched = request.POST.get("was") == was
    revision = account.revision if is_untouched else posted_revision(request)
    return edit_account(
        account=account, revision=revision, changes=form.details(), attributes=form.attributes()
    )


def _before(form: AccountForm, name: str) -> str:
    """Return what the field holds now, as text that comes back with the form."""
    held = form[name].initial
    return "" if held is None else str(held)


def _field_form(request: HtmxRequest, account: Account, name: str) -> AccountForm:
    key = name.removeprefix(ATTRIBUTE_PREFIX)
    definitions = AttributeDefinition.objects.filter(key=key) if key != name else ()
    try:
        return AccountForm(request.POST or None, instance=account, definitions=definitions, only=name)
    except KeyError as error:
        raise Http404 from error
