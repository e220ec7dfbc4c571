"""The account list."""

from contextlib import nullcontext
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from crm.filters import ShareField, share_text
from crm.models import Account, ChangeSet, Partner, Team, User
from crm.models.access import EDIT_ACCOUNTS, EXPORT_ACCOUNTS, MERGE_ACCOUNTS, VIEW_PARTNERS, can
from crm.selectors.account_columns import every_column, need_attributes
from crm.selectors.account_list import (
    COUNT_CAP,
    COUNT_CAP_OF_JOINS,
    AccountRow,
    account_page,
    sorted_accounts,
)
from crm.selectors.directory import get_directory, get_directory_and_views
from crm.selectors.keyset import Page
from crm.selectors.lately import lately
from crm.selectors.planned import planned_once
from crm.services.bulk_edits import assign_accounts
from crm.services.jobs import enqueue
from crm.views.access import HtmxRequest, get_visible, require_capability, valid_ids
from crm.views.fragments import back, render_part
from crm.views.listing import Listing, read_listing
from crm.views.saved_views import default_view_url, view_tabs

BULK_LIMIT = 100
PAGE = "account-list"
QUICK_FILTERS = {"q", "book", "country", "stage", "owner"}


@require_safe
def account_list(request: HtmxRequest) -> HttpResponse:
    names, views = get_directory_and_views(request.user, PAGE)
    tabs = view_tabs(request, PAGE, views)
    if not request.GET and (url := default_view_url(tabs)):
        return HttpResponseRedirect(url)
    listing = read_listing(request, request.GET, names)
    accounts = sorted_accounts(listing.accounts, listing.sort)
    page, has_more = _page(request, listing, accounts)
    is_gone = not page.rows and bool(request.GET.get("after"))  # its accounts, deleted meanwhile
    if page.is_broken or is_gone:
        messages.warning(request, _("That page of the list no longer exists. This is the first one."))
    if is_gone:
        return HttpResponseRedirect(f"?{listing.state or 'view=all'}")
    context = {
        "listing": listing,
        "page": page,
        "rows": page.rows,
        "count": _count(request, listing, page, has_more=has_more),
        "tabs": tabs,
        **_choices(request, listing),
    }
    return render_part(request, "crm/account_list.html", "count", context)


@require_POST
@require_capability(EDIT_ACCOUNTS)
def account_assign(request: HtmxRequest) -> HttpResponse:
    """Give the selected accounts, or everything that the list's filters match, to somebody."""
    listing = read_listing(request, QueryDict(request.POST.get("query", "")), get_directory())
    accounts = sorted_accounts(listing.accounts, listing.sort).order_by()
    if not wants_all(request):
        accounts = Account.objects.filter(pk__in=[account.pk for account in selected_accounts(request)])
    elif listing.errors:
        accounts = Account.objects.none()  # the list ignores what it can't read; nobody meant that here
    chosen = list(accounts.values_list("pk", flat=True)[: BULK_LIMIT + 1])
    if not chosen:
        messages.warning(request, _("No account was selected."))
        return back(request, reverse("crm:account-list"))
    people = User.objects.filter(is_active=True)
    owner = get_visible(people, public_id=request.POST.get("owner") or None)
    if len(chosen) > BULK_LIMIT:
        return _assign_later(request, listing, owner)
    change_set, changed = assign_accounts(account_ids=chosen, owner=owner, by=request.user)
    messages.success(request, _assigned_words(change_set, changed, owner))
    return back(request, reverse("crm:account-list"))


def wants_all(request: HtmxRequest) -> bool:
    """Say whether everything that matches is meant, not only the ticked rows.

    That can be chosen while every row of the page is ticked, and means nothing once one is not.
    """
    ticked = len(request.POST.getlist("ids"))
    return request.POST.get("all") == "1" and request.POST.get("shown") == str(ticked)


def _assign_later(request: HtmxRequest, listing: Listing, owner: User) -> HttpResponse:
    params = {"criteria": listing.filters.criteria(), "sort": listing.sort.text, "owner": owner.pk}
    job = enqueue(task="crm.assign_accounts", params=params, owner=request.user)
    messages.info(request, _("The accounts are being assigned. You will be told when it is done."))
    return redirect(job)


def _assigned_words(change_set: ChangeSet | None, changed: int, owner: User) -> str:
    said = ngettext(
        "%(n)s account now belongs to %(owner)s.", "%(n)s accounts now belong to %(owner)s.", changed
    )
    words = said % {"n": changed, "owner": owner}
    if change_set is None:
        return words
    url = reverse("crm:change-detail", args=[change_set.public_id])
    return format_html('{} <a href="{}">{}</a>', words, url, _("Undo"))


def selected_accounts(request: HtmxRequest) -> list[Account]:
    """Return the ticked accounts as far as this person may see them."""
    ids = valid_ids(request.POST.getlist("ids")[:BULK_LIMIT])
    return list(Account.objects.visible_to(request.user).filter(public_id__in=ids)) if ids else []


def _page(
    request: HtmxRequest, listing: Listing, accounts: QuerySet[Account]
) -> tuple[Page[AccountRow], bool]:
    """Return the page asked for, and whether the list has more accounts than are counted.

    A list that has more is not counted again for a while: whoever walks through its pages would wait
    for the same count on each.
    """
    pages, cap = [], _count_cap(listing)

    def has_more() -> bool:
        pages.append(_read_page(request, listing, accounts, count_to=cap))
        return any((row.found or 0) > cap for row in pages[0].rows[:1])

    is_known = lately(("more accounts", request.user.pk, listing.state, cap), has_more, keep=bool)
    return (pages[0] if pages else _read_page(request, listing, accounts)), is_known


def _read_page(
    request: HtmxRequest, listing: Listing, accounts: QuerySet[Account], *, count_to: int = 0
) -> Page[AccountRow]:
    # A condition wants one plan for a value that is common and another for one that is rare.
    with planned_once() if listing.is_everything else nullcontext():
        return account_page(
            accounts, sort=listing.sort, after=request.GET.get("after"), before=request.GET.get("before"),
            count_to=count_to, with_attributes=need_attributes(listing.columns),
        )  # fmt: skip


def _count(
    request: HtmxRequest, listing: Listing, page: Page[AccountRow], *, has_more: bool
) -> dict[str, Any]:
    """Count without reading everything, unless somebody clicked on the number."""
    if page.is_whole:
        return {"number": len(page.rows), "is_capped": False}
    if request.GET.get("count") == "exact":
        accounts = sorted_accounts(listing.accounts, listing.sort)
        return {"number": accounts.order_by().count(), "is_capped": False}
    return {"number": _count_cap(listing) if has_more else page.rows[0].found, "is_capped": has_more}


def _count_cap(listing: Listing) -> int:
    bounds = {name[:-4] for name in listing.active if name.endswith(("_min", "_max"))}
    return COUNT_CAP if len(bounds) < 2 else COUNT_CAP_OF_JOINS


def _choices(request: HtmxRequest, listing: Listing) -> dict[str, Any]:
    """Return what the toolbar offers. The long panel is only read when it is open."""
    is_open = bool(request.GET.get("more"))
    may_edit, may_export = can(request.user, EDIT_ACCOUNTS), can(request.user, EXPORT_ACCOUNTS)
    choices: dict[str, Any] = {
        "all_columns": every_column(listing.names).values(),
        "shown_columns": tuple(column.key for column in listing.columns),
        "chips": () if is_open else _chips(request, listing),
        "is_more_open": is_open,
        "may_edit": may_edit,
        "may_merge": can(request.user, MERGE_ACCOUNTS),
        "may_export": may_export,
        "may_select": may_edit or may_export,
    }
    return choices | (_panel_choices(request, listing) if is_open else {})


def _chips(request: HtmxRequest, listing: Listing) -> tuple[tuple[str, str, str], ...]:
    """Return the filters that the toolbar has no control for: name, value, and the list without it."""
    fields, chips = listing.filters.form.fields, []
    for name in set(listing.active) - QUICK_FILTERS:
        without = request.GET.copy()
        for dropped in (name, "after", "before"):
            without.pop(dropped, None)
        chips.append((str(fields[name].label), _shown(listing, name), f"?{without.urlencode()}"))
    return tuple(sorted(chips))


def _shown(listing: Listing, name: str) -> str:
    """Return a filter's value in words: the name of a record, the label of a choice."""
    field, cleaned = listing.filters.form.fields[name], listing.filters.form.cleaned_data.get(name)
    if hasattr(cleaned, "pk"):
        return str(cleaned)
    if isinstance(field, ShareField) and cleaned is not None:
        return share_text(cleaned)
    if isinstance(cleaned, bool):
        return str(_("Yes") if cleaned else _("No"))
    raw = listing.active[name]
    return str(dict(getattr(field, "choices", None) or ()).get(raw, raw))


def _panel_choices(request: HtmxRequest, listing: Listing) -> dict[str, Any]:
    choices: dict[str, Any] = {
        "teams": Team.objects.order_by("name").values_list("public_id", "name"),
        "definitions": listing.names.attributes,
    }
    if can(request.user, VIEW_PARTNERS):
        partners = Partner.objects.visible_to(request.user).order_by("name")
        choices["partners"] = partners.values_list("public_id", "name")
    return choices
