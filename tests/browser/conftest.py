"""One browser and one site for each test process, and a small company that they show."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.server import Site, cloned_database, connected_to, running_site
from tests.browser.visitor import Seats, Visitor
from tests.world import World, build_world, give_passwords

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",  # for root, as in containers
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def executable() -> str:
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        missing = "needs Chromium (apt install chromium), or its path in CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path


@pytest.fixture(scope="session")
def database(executable, django_db_setup, django_db_blocker) -> Iterator[str]:
    with django_db_blocker.unblock(), cloned_database() as name:
        yield name


@pytest.fixture(scope="session")
def furnished(database, django_db_blocker) -> World:
    with django_db_blocker.unblock(), connected_to(database):
        world = build_world()
        give_passwords(world)
    return world


@pytest.fixture(scope="session")
def site(database, furnished, tmp_path_factory) -> Iterator[Site]:
    with running_site(database, tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="session")
def chromium(executable, site) -> Iterator[Browser]:
    """Started last: under Playwright's loop this thread has other database connections."""
    with sync_playwright() as playwright:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # the loop stays when a test begins
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def world(chromium, furnished, database, django_db_blocker) -> Iterator[World]:
    """The company, while this test's queries go to the site's database."""
    with django_db_blocker.unblock(), connected_to(database):
        yield furnished


@pytest.fixture
def visit(chromium, site, world) -> Iterator[Callable[..., Visitor]]:
    """Open browser windows: `visit("sales")`, `visit()` for somebody who is not signed in."""
    windows: list[Visitor] = []

    def open_window(who: str = "", **options: Any) -> Visitor:
        user = world.people[who] if who else None
        windows.append(Visitor(chromium, site.url, user, **options))
        return windows[-1]

    yield open_window
    for window in windows:
        window.close()


@pytest.fixture(scope="module")
def seats(chromium) -> Iterator[Seats]:
    kept = Seats(chromium)
    yield kept
    kept.close()


@pytest.fixture
def sit(site, world, seats) -> Iterator[Callable[[str], Visitor]]:
    """Go to the window in which somebody of the company sat before: `sit("sales")`."""
    yield lambda who: seats.take(who, site.url, world.people[who] if who else None)
    seats.expect_no_complaints()
