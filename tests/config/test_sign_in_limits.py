"""Who is counted when somebody signs in, and what happens when nobody can be."""

import pytest
from django.core.cache import cache
from django.test import Client

from tests.factories import UserFactory

PASSWORD = "a long and unusual sentence"


@pytest.fixture
def person(db):
    cache.clear()
    person = UserFactory(username="mary")
    person.set_password(PASSWORD)
    person.save()
    yield person
    cache.clear()


def sign_in(password=PASSWORD, *, came_from="203.0.113.7", name="mary"):
    return Client().post(
        "/accounts/login/",
        {"login": name, "password": password},
        headers={"X-Forwarded-For": f"192.0.2.1, {came_from}"},  # what comes first the client says itself
    )


def test_behind_a_proxy_one_stranger_locks_nobody_else_out(person, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "2/60s/ip", "login": "60/m/ip"}
    for number in range(3):
        sign_in("wrong", came_from="198.51.100.9", name=f"guess{number}")

    assert sign_in(came_from="198.51.100.9").status_code == 200  # asked to wait
    assert sign_in().status_code == 302


def test_without_a_proxy_the_header_is_not_believed(person, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "2/60s/ip", "login": "60/m/ip"}
    for number in range(3):
        sign_in("wrong", came_from=f"198.51.100.{number}", name=f"guess{number}")

    assert sign_in().status_code == 200


def test_people_sign_in_while_redis_is_away(person, settings):
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"},
    }

    assert sign_in("wrong").status_code == 200
    assert sign_in().status_code == 302
