"""Every route against every role and whose record it is, as `permissions.py` means it."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from crm.api.unknown import UnknownView
from crm.models import Account, ApiKey
from tests.architecture.permissions import (
    API_ROWS,
    NOBODY,
    OWN_ACCESS,
    PUBLIC,
    REACH,
    ROLES,
    ROWS,
    ApiRow,
    Cast,
    Row,
)
from tests.partner_api import Caller

pytestmark = pytest.mark.django_db
ANSWERED = {200, 302, 400, 409, 422}  # the request was let in, whatever the form then lacked


def route_names(patterns=None, namespace: str = "") -> Iterator[str]:
    for pattern in patterns or get_resolver().url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from route_names(pattern.url_patterns, namespace + inner)
        elif isinstance(pattern, URLPattern) and getattr(pattern.callback, "cls", None) is not UnknownView:
            yield namespace + (pattern.name or f"a route without a name: {pattern.pattern}")


def ask(cast: Cast, row: Row, whose: str) -> int:
    kwargs = row.target(cast, whose) if row.target else {}
    send = getattr(cast.client, row.method)
    return int(send(reverse(row.route, kwargs=kwargs), dict(row.form)).status_code)


def test_every_route_has_one_row():
    rows = [row.route for row in (*ROWS, *API_ROWS)]
    said = [*rows, *PUBLIC, *OWN_ACCESS]

    assert sorted(set(route_names()) - set(said)) == []
    assert sorted(set(said) - set(route_names())) == []
    assert len(said) == len(set(said))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_role_reaches_what_the_table_says_and_nothing_else(row, role):
    cast = Cast(role)
    variants = ("own", "team", "other") if row.target else ("own",)

    answers = {whose: ask(cast, row, whose) for whose in variants}

    for whose, status in answers.items():
        if role not in row.who:
            assert status == 403, (whose, status)
        elif whose in REACH[row.reach][role]:
            assert status in ANSWERED, (whose, status)
        else:
            assert status == 404, (whose, status)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_nobody_gets_in_without_signing_in(row):
    cast = Cast(NOBODY)
    kwargs = row.target(cast, "own") if row.target else {}

    response = getattr(cast.client, row.method)(reverse(row.route, kwargs=kwargs), dict(row.form))

    assert response.status_code == 302
    assert response.url.startswith("/accounts/login/?next=")


@pytest.mark.parametrize("route", sorted(OWN_ACCESS))
def test_own_access_wants_a_sign_in_too(route):
    response = Client().get(reverse(route))

    assert response.status_code == 302
    assert response.url.startswith(("/accounts/login/", "/"))


@pytest.mark.parametrize("row", [row for row in ROWS if row.method == "post"], ids=str)
def test_what_changes_something_cannot_be_asked_for_by_a_link(row):
    cast = Cast("administrator")
    kwargs = row.target(cast, "own") if row.target else {}
    before = Account.objects.count()

    status = cast.client.get(reverse(row.route, kwargs=kwargs)).status_code

    assert status in {200, 405}
    assert Account.objects.count() == before


@pytest.mark.parametrize("row", API_ROWS, ids=str)
def test_a_key_reaches_the_accounts_of_its_partner_only(row: ApiRow):
    ours, theirs = Caller.make(), Caller.make()
    own, foreign = ours.account(), theirs.account()

    def answer(account) -> int:
        address = reverse(row.route, kwargs=row.target(account) if row.target else {})
        path = address.removeprefix("/api/v1")
        response = ours.post(path, row.body) if row.method == "post" else ours.get(path)
        return int(response.status_code)

    assert answer(own) in {200, 201, 202}
    if row.target:
        assert answer(foreign) == 404
    elif row.method == "get":
        listed = ours.get(reverse(row.route).removeprefix("/api/v1")).text
        assert str(foreign.public_id) not in listed


@pytest.mark.parametrize("row", [row for row in API_ROWS if row.scope], ids=str)
def test_a_key_needs_the_scope_and_a_sign_in_is_no_key(row: ApiRow):
    lacking = Caller.make(scopes=tuple(scope for scope in ApiKey.SCOPES if scope != row.scope))
    address = reverse(row.route, kwargs=row.target(lacking.account()) if row.target else {})
    path = address.removeprefix("/api/v1")
    staff = Cast("administrator").client

    lacks = lacking.post(path, row.body) if row.method == "post" else lacking.get(path)
    signed_in = getattr(staff, row.method)(address, row.body, content_type="application/json")

    assert lacks.status_code == 403
    assert signed_in.status_code == 401
