"""The product before anything is in it: every page that needs no record, accessible and without a failure."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crm.models import User
from tests import factories
from tests.browser.accessibility import check_looks
from tests.browser.server import Site, cloned_database, connected_to, running_site
from tests.browser.visitor import Seats, Visitor
from tests.site_map import PAGES, Page
from tests.world import ROLES

pytestmark = pytest.mark.browser

# They show a list and nothing else, so that nothing of it must be told apart from a failure.
LISTS = {
    "crm:account-list", "crm:attribute-list", "crm:audit-log", "crm:bin-list", "crm:book-list",
    "crm:change-list", "crm:data-quality",
    "crm:job-list", "crm:notification-list", "crm:partner-list", "crm:product-list", "crm:rate-list",
    "crm:task-list", "crm:ticket-list",
    "campaigns:campaign-list", "analytics:model-list", "analytics:evaluation-list",
    "crm:data-feed-list", "crm:duplicate-list", "crm:import-list", "crm:merge-list", "crm:site-list",
    "crm:person-list",
}  # fmt: skip


# Named by a code, but a row all the same.
OF_RECORDS = {"crm:standing-rule", "crm:standing-rule-clean"}


def needs_no_record(page: Page) -> bool:
    try:
        page.address(None)  # type: ignore[arg-type] # there is no world
    except AttributeError:
        return False
    return page.role != "careful" and page.route not in OF_RECORDS


EMPTY_PAGES = [page for page in PAGES if needs_no_record(page)]


@pytest.fixture(scope="module")
def empty_database(executable: str, django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    with django_db_blocker.unblock(), cloned_database("empty") as name:
        yield name


@pytest.fixture(scope="module")
def people(empty_database: str, django_db_blocker: Any) -> dict[str, User]:
    with django_db_blocker.unblock(), connected_to(empty_database):
        return {role: factories.UserFactory(role=role, username=role) for role in ROLES}


@pytest.fixture(scope="module")
def empty_site(empty_database: str, people: Any, tmp_path_factory: Any) -> Iterator[Site]:
    with running_site(empty_database, tmp_path_factory.mktemp("empty-site")) as running:
        yield running


@pytest.fixture
def sit_down(
    empty_site: Site, people: dict[str, User], empty_database: str, seats: Seats, django_db_blocker: Any
) -> Iterator[Callable[[str], Visitor]]:
    with django_db_blocker.unblock(), connected_to(empty_database):
        yield lambda role: seats.take(role, empty_site.url, people[role] if role else None)
    seats.expect_no_complaints()


def test_most_pages_need_no_record():
    assert {page.route for page in EMPTY_PAGES} >= LISTS


@pytest.mark.parametrize(
    "page",
    [page if page.route in LISTS else pytest.param(page, marks=pytest.mark.long) for page in EMPTY_PAGES],
    ids=str,
)
def test_a_page_without_anything_to_show_is_accessible(page, sit_down):
    visitor = sit_down(page.role)
    address = page.address(None)

    def go() -> None:
        assert visitor.go(address).status == 200

    check_looks(visitor, f"empty-{page}", go)

    if page.route in LISTS:
        assert visitor.page.locator("main .empty").count(), "nothing says that there is nothing"
