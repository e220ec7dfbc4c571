"""Accounts that may be one: look at two side by side, merge them, keep them apart, take it back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.models import Account, DuplicatePair, MergedAccount
from crm.models.access import MERGE_ACCOUNTS
from crm.selectors.duplicates import (
    find_partners_in_merging,
    get_weights,
    list_merges,
    list_pairs,
    list_taken_back,
)
from crm.services.merge_fields import fields_of
from crm.services.merges import (
    MergeRefusedError,
    UnmergeRefusedError,
    keep_apart,
    merge,
    propose,
    unmerge,
)
from crm.views.access import HtmxRequest, get_visible, require_capability

SIDES = ("first", "second")


@require_safe
@require_capability(MERGE_ACCOUNTS)
def duplicate_list(request: HtmxRequest) -> HttpResponse:
    page = list_pairs(request.user, after=request.GET.get("after"), before=request.GET.get("before"))
    return render(request, "crm/duplicate_list.html", {"page": page})


@require_safe
@require_capability(MERGE_ACCOUNTS)
def duplicate_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    pair = get_pair(request, public_id)
    weights = get_weights(pair.first, pair.second)
    first, second = weights[pair.first_id], weights[pair.second_id]
    # The one on which more hangs; of two alike, the older.
    survivor = pair.second if (second.orders, second.people) > (first.orders, first.people) else pair.first
    context = {
        "pair": pair, "survivor": survivor, "sides": [(pair.first, first), (pair.second, second)],
        "may_be_merged": pair.first.book_id == pair.second.book_id,
    }  # fmt: skip
    return render(request, "crm/duplicate_detail.html", context)


@require_POST
@require_capability(MERGE_ACCOUNTS)
def duplicate_merge(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    pair = get_pair(request, public_id)
    survives = request.POST.get("survivor")
    survivor, other = (pair.second, pair.first) if survives == "second" else (pair.first, pair.second)
    try:
        merge(survivor=survivor, other=other, choices=_choices(request, pair, survivor), by=request.user)
    except MergeRefusedError as error:
        messages.error(request, refusal_words(error.code))
        return redirect("crm:duplicate-detail", public_id)
    said = _("%(other)s was merged into this account. It can be taken back from the list of merges.")
    messages.success(request, said % {"other": other.name})
    return redirect(survivor)


@require_POST
@require_capability(MERGE_ACCOUNTS)
def duplicate_keep_apart(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    pair = get_pair(request, public_id)
    keep_apart(pair=pair, by=request.user)
    said = _("%(first)s and %(second)s stay two accounts. They will not be proposed again.")
    messages.success(request, said % {"first": pair.first.name, "second": pair.second.name})
    return redirect("crm:duplicate-list")


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MERGE_ACCOUNTS)
def account_merge(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Search by GET for the account that is the same; choose it by POST, and see both side by side."""
    visible = Account.objects.visible_to(request.user)
    account = get_visible(visible, public_id=public_id)
    if request.method == "POST":
        other = get_visible(visible, public_id=request.POST.get("other") or None)
        try:
            pair = propose(one=account, two=other)
        except MergeRefusedError as error:
            messages.error(request, refusal_words(error.code))
            return redirect("crm:account-merge", public_id)
        return redirect("crm:duplicate-detail", pair.public_id)
    q = request.GET.get("q", "")
    found = find_partners_in_merging(request.user, account, q=q)
    return render(request, "crm/duplicate_pick.html", {"account": account, "q": q, "found": found})


@require_safe
@require_capability(MERGE_ACCOUNTS)
def merge_list(request: HtmxRequest) -> HttpResponse:
    page = list_merges(request.user, after=request.GET.get("after"), before=request.GET.get("before"))
    return render(request, "crm/merge_list.html", {"page": page, "taken_back": list_taken_back(request.user)})


@require_POST
@require_capability(MERGE_ACCOUNTS)
def merge_undo(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    merges = MergedAccount.objects.visible_to(request.user).select_related("change_set", "survivor")
    merged = get_visible(merges, public_id=public_id)
    survivor = merged.survivor
    try:
        undone = unmerge(change_set=merged.change_set, by=request.user)
    except UnmergeRefusedError as error:
        messages.error(request, refusal_words(error.code))
        return redirect("crm:merge-list")
    messages.success(request, _("They are two accounts again."))
    if kept := len(undone.data["kept"]):
        said = ngettext(
            "%(n)s thing that was edited since stayed with %(name)s.",
            "%(n)s things that were edited since stayed with %(name)s.",
            kept,
        )
        messages.warning(request, said % {"n": kept, "name": survivor.name})
    return redirect("crm:merge-list")


def get_pair(request: HtmxRequest, public_id: UUID) -> DuplicatePair:
    pairs = DuplicatePair.objects.visible_to(request.user).select_related(
        "first__owner", "second__owner", "first__book", "decided_by"
    )
    return get_visible(pairs, public_id=public_id)


def refusal_words(code: str) -> str:
    return {
        "same_account": _("An account can't be merged with itself."),
        "different_books": _("Accounts of two books can't be merged: their models learn apart."),
        "gone": _("One of the two accounts is gone."),
        "taken_back": _("This merge was taken back before."),
        "too_late": _("This merge is too old to be taken back."),
        "merged_again": _("The account was merged into another one since. Take that back first."),
    }[code]


def _choices(request: HtmxRequest, pair: DuplicatePair, survivor: Account) -> dict[str, Any]:
    """Return whose value each field takes, as the form says it by side."""
    own = "first" if survivor == pair.first else "second"
    return {
        name: "survivor" if side == own else "other"
        for name in fields_of(pair.first, pair.second)
        if (side := request.POST.get(f"field_{name}")) in SIDES
    }
