"""What is measured: each page with the floor it stands on, and what the two may cost at most."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.db.models import Count, F
from django.db.models.functions import Abs
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crm.models import Account, Partner, User
from crm.selectors.account_list import account_sort, sorted_accounts
from crm.selectors.keyset import make_cursor
from crm.services.api_keys import create_api_key

LIST, DETAIL, API_LIST, API_DETAIL = "bare list", "bare detail", "bare API list", "bare API detail"
GOALS = {LIST: 2.0, DETAIL: 3.0, API_LIST: 2.0, API_DETAIL: 2.0}
PER_PAGE = 50
# `never` makes another list of each request: nothing is known of it, neither its count nor its frame.
FILTERS = {
    "by churn": "sort=-churn",
    "by churn, never asked before": "sort=-churn&never={new}",
    "country of .1 %, by value": "country=IS&sort=-value",
    "two scores, by name": "churn_min=0.7&purchase_min=0.5&sort=name",
    "attribute of a third": "attr_tier=premium",
    "attribute of .2 %": "attr_seats=77",
    "nothing has this name": "q=nonesuch",
    "no two scores like that": "churn_min=0.99999&purchase_min=0.99999",
}


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    path: str
    floor: str
    headers: dict[str, str]
    queries: int
    bytes: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def make_cases() -> tuple[list[Case], dict[str, Case]]:
    """Return the cases and, by name, their floors, with sessions and a key to open them."""
    sales = _signed_in("generated-sales")
    administrator = _signed_in("generated-admin")
    key = _key()
    shown = _account_with_orders()
    floors = {
        LIST: _case(LIST, "/floor/list/", LIST, administrator),
        DETAIL: _case(DETAIL, f"/floor/{shown.public_id}/", DETAIL, administrator),
        API_LIST: _case(API_LIST, "/floor/api/", API_LIST, key),
        API_DETAIL: _case(API_DETAIL, f"/floor/api/{shown.public_id}/", API_DETAIL, key),
    }
    cases = [
        *_list_cases("administrator", "generated-admin", administrator),
        *_list_cases("sales", "generated-sales", sales),
        _case("account page, administrator", f"/accounts/{shown.public_id}/", DETAIL, administrator),
        _case("account page, sales", f"/accounts/{shown.public_id}/", DETAIL, sales),
        _case("API list", "/api/v1/accounts/", API_LIST, key),
        _case("API list by churn", "/api/v1/accounts/?sort=-churn", API_LIST, key),
        _case("API detail", f"/api/v1/accounts/{shown.public_id}/", API_DETAIL, key),
    ]
    return cases, floors


def _list_cases(who: str, username: str, headers: dict[str, str]) -> list[Case]:
    cases = [
        _case(f"list, {who}: {name}", f"/accounts/?{query}", LIST, headers) for name, query in FILTERS.items()
    ]
    page, cursor = _deep_cursor(User.objects.get(username=username), "-churn", 1_000)
    path = f"/accounts/?sort=-churn&after={cursor}"
    return [*cases, _case(f"list, {who}: page {page:,} by churn", path, LIST, headers)]


def _deep_cursor(user: User, text: str, wanted: int) -> tuple[int, str]:
    """Return the cursor that page `wanted`, or the last full one, begins after, without walking there."""
    sort = account_sort(text)
    accounts = sorted_accounts(Account.objects.visible_to(user), sort)
    page = min(wanted, accounts.count() // PER_PAGE)
    ordered = accounts.order_by(
        *(f"{'-' if column.descending else ''}{column.expression}" for column in sort.order.columns)
    )
    return page, make_cursor(ordered[(page - 1) * PER_PAGE - 1], sort.order)


def _case(name: str, path: str, floor: str, headers: dict[str, str]) -> Case:
    """Open the page once in this process, to see that it answers and by how many queries."""
    client = Client(headers=headers)
    client.get(path)  # what only the first request asks for does not count
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answers {answer.status_code}")
    return Case(name, path, floor, headers, len(captured), len(answer.content))


def _signed_in(username: str) -> dict[str, str]:
    user = User.objects.get(username=username)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}"}


def _key() -> dict[str, str]:
    partner = Partner.objects.get(name="Generated partner")
    made = create_api_key(partner=partner, label="Benchmark", scopes=["accounts:read"])
    return {"Authorization": f"Bearer {made.token}"}


def _account_with_orders() -> Account:
    """Return an account of the salesperson and the partner with about twenty orders."""
    own = Account.objects.filter(owner__username="generated-sales", partner_links__isnull=False)
    return own.annotate(n=Count("orders")).order_by(Abs(F("n") - 20), "pk")[0]
