"""The fixed cast: one signed-in browser for each role."""

import pytest
from django.test import Client

from crm.models import User
from tests.factories import UserFactory
from tests.partner_api import Caller


class SignedIn(Client):
    """A browser in which somebody is signed in."""

    user: User


def signed_in(role: str, **details: object) -> SignedIn:
    client = SignedIn()
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
