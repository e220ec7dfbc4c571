"""What the account list's query string asks for; page, count, export and bulk actions read it alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from crm.filters import AccountFilter
from crm.models import Account
from crm.selectors.account_columns import ListColumn, chosen_columns
from crm.selectors.account_list import AccountSort, account_sort
from crm.selectors.directory import Directory
from crm.views.access import HtmxRequest

NOT_STATE = ("after", "before", "count", "view", "more")


@dataclass(frozen=True, slots=True)
class Listing:
    filters: AccountFilter
    accounts: QuerySet[Account]
    sort: AccountSort
    columns: list[ListColumn]
    names: Directory
    state: str  # the query string without paging

    @property
    def is_everything(self) -> bool:
        """Say whether neither a filter nor who is asking leaves an account out."""
        return not self.accounts.query.where

    @property
    def errors(self) -> list[tuple[str, list[str]]]:
        form = self.filters.form
        return [(str(form.fields[name].label), list(found)) for name, found in form.errors.items()]

    @property
    def active(self) -> dict[str, Any]:
        """The filters in force, as they stand in the query string."""
        return {
            name: value for name, value in self.filters.data.items()
            if value and name in self.filters.filters
        }  # fmt: skip


def read_listing(request: HtmxRequest, query: QueryDict, names: Directory) -> Listing:
    wants_attributes = query.get("more") or any(name.startswith("attr_") for name in query)
    definitions = names.attributes if wants_attributes else []
    visible = Account.objects.visible_to(request.user)
    filters = AccountFilter(query, queryset=visible, request=request, definitions=definitions)
    return Listing(
        filters=filters,
        accounts=filters.qs,
        sort=account_sort(query.get("sort", "")),
        columns=chosen_columns(query.getlist("col"), names.book_of(query.get("book")), names),
        names=names,
        state=state_of(query),
    )


def state_of(query: QueryDict) -> str:
    """Return what makes up a list, whatever page of it is shown: what a saved view keeps."""
    kept = query.copy()
    for name in NOT_STATE:
        kept.pop(name, None)
    filled = QueryDict(mutable=True)
    for name in sorted(kept):
        values = [value for value in kept.getlist(name) if value != ""]
        if values:
            filled.setlist(name, values)
    return filled.urlencode()
