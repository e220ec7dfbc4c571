"""Every page of the site in a real browser: accessible, within its window, without complaints."""

import os
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as Tab

from config.embedded import REPOSITORY
from tests.browser.visitor import NARROW, WIDE, Visitor
from tests.site_map import PAGES, Page

pytestmark = pytest.mark.browser

LANGUAGES = ("en", "zh-hans")
GRAVE = {"serious", "critical"}
# What depends on colours; all else is the same in both themes.
OF_THEMES = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
AXE = Axe()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_page_is_accessible_and_fits_its_window(page, world, visit):
    visitor = visit(page.role)
    address = page.address(world)
    for language in LANGUAGES:
        visitor.set_cookies(django_language=language)
        for theme, rules in (("light", {}), ("dark", OF_THEMES)):
            visitor.set_cookies(theme=theme)

            assert visitor.go(address).status == 200
            assert findings(visitor.page, rules) == [], f"{language}, {theme}"
            check_widths(visitor, page, theme, take_pictures=language == LANGUAGES[0])


def findings(tab: Tab, rules: dict[str, Any]) -> list[str]:
    results = AXE.run(tab, options={"resultTypes": ["violations"], **rules}).response
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for rule in results["violations"]
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def check_widths(visitor: Visitor, page: Page, theme: str, *, take_pictures: bool) -> None:
    for width in (NARROW, WIDE):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        assert visitor.fits(), f"{width} px"
        if take_pictures and os.environ.get("SCREENSHOTS"):
            name = f"{page}-{width}-{theme}.png".replace(":", "-")
            visitor.page.screenshot(path=REPOSITORY / "screenshots" / name, full_page=True)
