"""The fixed cast: one signed-in browser for each role."""

import pytest
from django.test import Client

from tests.factories import UserFactory
from tests.partner_api import Caller


def signed_in(role: str, **details: object) -> Client:
    """Return a browser in which somebody with this role is signed in, as `client.user`."""
    client = Client()
    client.user = UserFactory(role=role, **details)
    client.force_login(client.user)
    return client


@pytest.fixture
def sales_client(db):
    return signed_in("sales")


@pytest.fixture
def support_client(db):
    return signed_in("support")


@pytest.fixture
def marketing_client(db):
    return signed_in("marketing")


@pytest.fixture
def analyst_client(db):
    return signed_in("analyst")


@pytest.fixture
def partner_manager_client(db):
    return signed_in("partner_manager")


@pytest.fixture
def admin_client_(db):
    return signed_in("administrator")


@pytest.fixture
def partner_key(db):
    """A partner's key with every scope; `.account()` makes an account that is linked to it."""
    return Caller.make()
