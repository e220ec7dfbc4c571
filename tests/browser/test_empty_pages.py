"""The product before anything is in it: every page that needs no record, accessible and without a failure."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crm.models import User
from tests import factories
from tests.browser.server import Site, cloned_database, connected_to, running_site
from tests.browser.test_pages import IS_FULL, LOOKS, findings, widths_of
from tests.browser.visitor import Visitor
from tests.site_map import PAGES, Page
from tests.world import ROLES

pytestmark = pytest.mark.browser

# They show a list and nothing else, so that nothing of it must be told apart from a failure.
LISTS = {
    "crm:account-list", "crm:audit-log", "crm:bin-list", "crm:change-list", "crm:data-quality",
    "crm:job-list", "crm:notification-list", "crm:partner-list", "crm:product-list", "crm:task-list",
    "crm:ticket-list",
    "campaigns:campaign-list", "analytics:model-list",
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
def look_at(
    empty_site: Site, chromium: Any, people: dict[str, User], empty_database: str, django_db_blocker: Any
) -> Iterator[Callable[[str], Visitor]]:
    windows: list[Visitor] = []

    def open_window(role: str) -> Visitor:
        user = people[role] if role else None
        windows.append(Visitor(chromium, empty_site.url, user))
        return windows[-1]

    with django_db_blocker.unblock(), connected_to(empty_database):
        yield open_window
        for window in windows:
            window.close()


def test_most_pages_need_no_record():
    assert {page.route for page in EMPTY_PAGES} >= LISTS


@pytest.mark.parametrize(
    "page",
    [page if page.route in LISTS else pytest.param(page, marks=pytest.mark.long) for page in EMPTY_PAGES],
    ids=str,
)
def test_a_page_without_anything_to_show_is_accessible(page, look_at):
    visitor = look_at(page.role)
    for (language, theme), rules in LOOKS.items():
        if (language, theme) == ("en", "dark") and not IS_FULL:
            continue  # the colours are those of the pages with rows
        visitor.set_cookies(django_language=language, theme=theme)
        assert visitor.go(page.address(None)).status == 200
        for width in widths_of(language):
            visitor.resize(width)
            assert findings(visitor.page, rules) == [], f"{language}, {theme}, {width} px"
            assert visitor.fits(), f"{width} px"
    if page.route in LISTS:
        assert visitor.page.locator("main .empty").count(), "nothing says that there is nothing"
