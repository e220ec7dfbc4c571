"""The fixed cast: one signed-in browser for each role."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.utils import translation

from crm.models import User
from crm.selectors.lately import forget_lately
from tests.databases import _empty_tables_alone, django_db_createdb, django_db_setup  # noqa: F401 (fixtures)
from tests.factories import UserFactory
from tests.partner_api import Caller

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Tests that commit come last, and so do long ones: what is left by then is dealt out in small lots,
    # so that the processes end together.
    items.sort(key=lambda item: ("proof" in item.keywords or _commits(item), "proof" not in item.keywords))
    if os.environ.get("SEXTANT_PROOF") == "full":
        return
    for item in items:
        if "long" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="takes long; SEXTANT_PROOF=full"))


def _commits(item: pytest.Item) -> bool:
    marks = item.iter_markers("django_db")
    return "transactional_db" in getattr(item, "fixturenames", ()) or any(
        mark.kwargs.get("transaction") for mark in marks
    )


@pytest.fixture(scope="session")
def data_file():
    """Return a function that finds a file of the real data sets (`DATA_DIR`) or skips the test."""

    def find(relative: str) -> Path:
        path = REPOSITORY / os.environ.get("DATA_DIR", "../shared/data") / relative
        if not path.exists():
            pytest.skip(f"real data set {relative} is absent (set DATA_DIR)")
        return path

    return find


class SignedIn(Client):
    """A browser in which somebody is signed in."""

    user: User


def signed_in(role: str, **details: object) -> SignedIn:
    client = SignedIn()
    client.user = UserFactory(role=role, **details)
    client.force_login(client.user)
    return client


@pytest.fixture(autouse=True)
def _nothing_is_known_from_the_last_test() -> None:
    forget_lately()


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """A request leaves its language active in the process that made it."""
    with translation.override("en"):
        yield


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
