"""Every page of the site in a real browser: accessible, within its window, without complaints."""

import pytest

from tests.browser.accessibility import check_looks
from tests.browser.visitor import Visitor
from tests.site_map import PAGES

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_page_is_accessible_and_fits_its_window(page, world, sit):
    visitor = sit(page.role)
    address = page.address(world)

    check_looks(visitor, str(page), lambda: arrive(visitor, address))


def arrive(visitor: Visitor, address: str) -> None:
    assert visitor.go(address).status == 200
    assert visitor.page.url == visitor.site + address
