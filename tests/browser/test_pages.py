"""Every page of the site in a real browser: accessible, within its window, without complaints."""

import os
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as Tab

from config.embedded import REPOSITORY
from tests.browser.visitor import NARROW, WIDE, Visitor
from tests.site_map import PAGES

pytestmark = pytest.mark.browser

GRAVE = {"serious", "critical"}
# A theme changes colours and nothing else, a language changes words and no colour.
OF_COLOUR = ["color-contrast", "link-in-text-block"]
LOOKS: dict[tuple[str, str], dict[str, Any]] = {
    ("en", "light"): {},
    ("en", "dark"): {"runOnly": {"type": "rule", "values": OF_COLOUR}},
    ("zh-hans", "dark"): {"rules": {rule: {"enabled": False} for rule in OF_COLOUR}},
}
AXE = Axe()
IS_FULL = os.environ.get("SEXTANT_PROOF") == "full"  # `make proof` looks at every page in every look


def widths_of(language: str) -> tuple[int, ...]:
    """Return the widths at which a language is looked at: what is laid out anew is the same in both."""
    if IS_FULL:
        return (WIDE, NARROW)
    return (WIDE,) if language == "en" else (NARROW,)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_page_is_accessible_and_fits_its_window(page, world, visit):
    visitor = visit(page.role)
    address = page.address(world)
    for (language, theme), rules in LOOKS.items():
        visitor.set_cookies(django_language=language, theme=theme)

        assert visitor.go(address).status == 200
        assert visitor.page.url == visitor.site + address
        check_widths(visitor, f"{page}-{language}-{theme}")
        for width in widths_of(language):
            visitor.resize(width)
            assert findings(visitor.page, rules) == [], f"{language}, {theme}, {width} px"


def findings(tab: Tab, rules: dict[str, Any]) -> list[str]:
    results = AXE.run(tab, options={"resultTypes": ["violations"], **rules}).response
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for rule in results["violations"]
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def check_widths(visitor: Visitor, name: str) -> None:
    for width in (NARROW, WIDE):
        visitor.resize(width)
        assert visitor.fits(), f"{width} px"
        if os.environ.get("SCREENSHOTS"):
            path = REPOSITORY / "screenshots" / f"{name}-{width}.png".replace(":", "-")
            visitor.page.screenshot(path=path, full_page=True)
