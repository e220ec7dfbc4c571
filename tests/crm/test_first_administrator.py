"""The first person of an installation is made from the command line, and may everything."""

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from crm.models import User
from crm.models.access import VIEW_AUDIT, can

pytestmark = pytest.mark.django_db
PASSWORD = "amber-heron-4711"


@pytest.fixture
def first(monkeypatch):
    """Run the command as the operator guide says it, without somebody at the keyboard."""
    said = {"USERNAME": "ada", "EMAIL": "ada@example.com", "PASSWORD": PASSWORD}
    for name, value in said.items():
        monkeypatch.setenv(f"DJANGO_SUPERUSER_{name}", value)
    call_command("createsuperuser", "--noinput", verbosity=0)
    return User.objects.get(username="ada")


def test_the_first_person_is_an_administrator(first):
    assert first.role == User.Role.ADMINISTRATOR
    assert can(first, VIEW_AUDIT)


def test_the_first_person_signs_in_and_reaches_an_administrators_page(first):
    browser = Client()
    page = reverse("crm:audit-log")
    turned_away = browser.get(page)

    browser.post(reverse("account_login"), {"login": "ada", "password": PASSWORD})

    assert turned_away.status_code == 302
    assert browser.get(page).status_code == 200


def test_anybody_else_begins_in_sales():
    assert User.objects.create_user("sara").role == User.Role.SALES
