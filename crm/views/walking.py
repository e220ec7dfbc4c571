"""Walking a list record by record: the account page knows the list that one came from."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from crm.filters import AccountFilter
from crm.models import Account
from crm.selectors.account_list import account_sort
from crm.selectors.neighbours import Neighbour, get_neighbours
from crm.views.access import HtmxRequest

LONGEST_STATE = 2_000


@dataclass(frozen=True, slots=True)
class Walk:
    """The list's state as links carry it, and the accounts beside this one in it."""

    state: str
    previous: Neighbour | None
    next: Neighbour | None

    @property
    def first(self) -> str:
        return f"?{self._parameter}"

    @property
    def more(self) -> str:
        return f"&{self._parameter}"

    @property
    def list_url(self) -> str:
        return f"{reverse('crm:account-list')}?{self.state or 'view=all'}"

    @property
    def _parameter(self) -> str:
        return urlencode({"list": self.state})


def read_walk(request: HtmxRequest, account: Account) -> Walk | None:
    """Return where one is in the list that the address names, or nothing when it names none."""
    state = request.GET.get("list")
    if state is None or len(state) > LONGEST_STATE:
        return None
    query = QueryDict(state)
    visible = Account.objects.visible_to(request.user)
    filters = AccountFilter(query, queryset=visible, request=request)
    sort = account_sort(query.get("sort", ""))
    return Walk(state, *get_neighbours(filters.qs, sort=sort, account=account))
