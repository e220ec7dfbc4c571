"""Keys, scopes, rates, and the form of every error."""

import time

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from crm.models import ApiKey, Partner
from crm.services.api_keys import UnknownScopeError, create_api_key, revoke_api_key
from tests.factories import PartnerFactory
from tests.partner_api import Caller

pytestmark = pytest.mark.django_db

READING = {
    "/accounts/": "accounts:read",
    "/accounts/{account}/": "accounts:read",
    "/products/": "accounts:read",
    "/accounts/{account}/orders/": "orders:read",
    "/orders/{account}/": "orders:read",
}
WRITING = {
    "/leads/": "leads:write",
    "/events/": "events:write",
    "/accounts/{account}/visitor-tokens/": "events:write",
}


def limited_to(rate):
    changed = settings.REST_FRAMEWORK | {"DEFAULT_THROTTLE_RATES": {"key": rate}}
    return override_settings(REST_FRAMEWORK=changed)


def assert_problem(answer, status, code):
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == answer.headers["X-Request-ID"] != ""
    assert problem["title"]
    assert problem["detail"]
    return problem


def test_keeps_only_a_digest_of_a_key(partner_key):
    kept = ApiKey.objects.get(pk=partner_key.key.pk)

    assert partner_key.token.startswith(f"sx_{kept.prefix}_")
    assert len(bytes(kept.digest)) == 32
    assert partner_key.token.encode() not in bytes(kept.digest)


def test_a_key_has_no_scope_that_does_not_exist():
    with pytest.raises(UnknownScopeError):
        create_api_key(partner=PartnerFactory(), label="wrong", scopes=["accounts:delete"])


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "not_authenticated"),
        ("Bearer sx_abcdefghjk_wrong", "key_unknown"),
        ("Bearer ", "key_unknown"),
        ("Bearer sx_é_ü", "key_unknown"),
        ("Basic YTpi", "scheme_unknown"),
    ],
)
def test_refuses_who_has_no_key(header, code):
    answer = Client(headers={"Authorization": header} if header else {}).get("/api/v1/accounts/")

    assert_problem(answer, 401, code)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="sextant"'


def test_refuses_a_key_with_one_wrong_letter(partner_key):
    wrong = "A" if partner_key.token[-1] != "A" else "B"
    partner_key.token = partner_key.token[:-1] + wrong

    assert_problem(partner_key.get("/accounts/"), 401, "key_unknown")


def test_refuses_a_revoked_key(partner_key):
    revoke_api_key(key=partner_key.key)

    assert_problem(partner_key.get("/accounts/"), 401, "key_revoked")


def test_refuses_the_keys_of_a_partner_that_is_not_active(partner_key):
    Partner.objects.filter(pk=partner_key.partner.pk).update(is_active=False)

    assert_problem(partner_key.get("/accounts/"), 401, "partner_inactive")


def test_a_signed_in_member_of_staff_needs_a_key_too(admin_client_):
    assert_problem(admin_client_.get("/api/v1/accounts/"), 401, "not_authenticated")


@pytest.mark.parametrize(("path", "scope"), [*READING.items(), *WRITING.items()])
def test_each_endpoint_asks_for_its_scope(path, scope):
    caller = Caller.make(scopes=tuple(set(ApiKey.SCOPES) - {scope}))
    address = path.format(account=caller.account().public_id)

    answer = caller.post(address, {}) if path in WRITING else caller.get(address)

    assert scope in assert_problem(answer, 403, "scope_missing")["detail"]
    assert "RateLimit-Remaining" in answer.headers


def test_notes_the_use_of_a_key_once_a_minute(partner_key):
    partner_key.get("/accounts/")
    first = ApiKey.objects.get(pk=partner_key.key.pk).last_used_at

    with CaptureQueriesContext(connection) as captured:
        partner_key.get("/accounts/")

    assert first is not None
    assert not [query for query in captured if query["sql"].startswith("UPDATE")]


def test_answers_429_once_the_rate_is_used_up(partner_key):
    with limited_to("3/min"):
        answers = [partner_key.get("/accounts/") for _ in range(4)]
        other = Caller.make().get("/accounts/")

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"3"}
    assert_problem(answers[3], 429, "throttled")
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 120
    assert 0 <= int(answers[3].headers["RateLimit-Reset"]) <= 60
    assert other.status_code == 200


def test_who_waits_as_told_gets_through(partner_key):
    with limited_to("2/sec"):
        used_up = [partner_key.get("/accounts/") for _ in range(20)][-1]
        time.sleep(int(used_up.headers["Retry-After"]))
        again = partner_key.get("/accounts/")

    assert used_up.status_code == 429
    assert again.status_code == 200


@override_settings(REDIS_URL="redis://127.0.0.1:1/0")
def test_serves_uncounted_without_redis(partner_key):
    answer = partner_key.get("/accounts/")

    assert answer.status_code == 200
    assert "RateLimit-Limit" not in answer.headers


@pytest.mark.parametrize("path", ["/api/", "/api/v2/accounts/", "/api/v1/nothing/", "/api/v1/accounts/7/"])
@pytest.mark.parametrize("method", ["get", "post", "delete", "options"])
def test_unknown_addresses_are_problems_too(client, path, method):
    assert_problem(getattr(client, method)(path), 404, "not_found")


def test_says_when_only_the_slash_is_missing(client):
    assert "slash" in assert_problem(client.get("/api/v1/accounts"), 404, "not_found")["detail"]


@pytest.mark.parametrize("path", ["/api/v1/nothing/", "/api/v1/nothing", "/api/v1/accounts//"])
def test_promises_nothing_behind_a_slash_where_nothing_is(client, path):
    assert assert_problem(client.get(path), 404, "not_found")["detail"] == "Nothing at this address."


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_refuses_methods_that_an_address_does_not_have(partner_key, method):
    answer = getattr(Client(headers=partner_key.headers), method)("/api/v1/accounts/")

    assert_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


def test_refuses_what_is_not_json(partner_key):
    client = Client(headers=partner_key.headers)

    form = client.post("/api/v1/leads/", {"name": "x"})
    broken = client.post("/api/v1/leads/", "{", content_type="application/json")
    listed = client.post("/api/v1/leads/", "[]", content_type="application/json")
    page = client.get("/api/v1/accounts/", headers={"Accept": "text/html"})

    assert_problem(form, 415, "unsupported_media_type")
    assert_problem(broken, 400, "parse_error")
    assert_problem(listed, 400, "validation_failed")
    assert_problem(page, 406, "not_acceptable")


def test_refuses_a_body_that_is_too_large(partner_key):
    assert_problem(partner_key.post("/leads/", {"note": "x" * 1_000_001}), 413, "too_large")


def test_errors_speak_the_language_asked_for(partner_key):
    answer = partner_key.get("/accounts/?country=FRANCE", **{"Accept-Language": "zh-Hans"})

    assert answer.headers["Content-Language"] == "zh-hans"
    assert any("字符" in error["detail"] for error in answer.json()["errors"])


def test_our_own_failures_are_problems_with_the_id_of_the_request(partner_key, monkeypatch):
    def fail(_principal):
        raise RuntimeError

    monkeypatch.setattr("crm.api.accounts.own_accounts", fail)
    client = Client(headers=partner_key.headers, raise_request_exception=False)

    assert_problem(client.get("/api/v1/accounts/"), 500, "server_error")


def test_answers_are_nobody_elses(partner_key):
    answer = partner_key.get("/accounts/")

    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in answer.headers["Vary"]
