"""What a page must keep in every language, theme and width: no scrolling to the side, no grave finding."""

import os
from collections.abc import Callable
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as Tab

from config.embedded import REPOSITORY
from tests.browser.visitor import NARROW, WIDE, Visitor

GRAVE = {"serious", "critical"}
# A theme changes colours and nothing else, a language changes words and no colour.
OF_COLOUR = ["color-contrast", "link-in-text-block"]
COLOURS: dict[str, Any] = {"runOnly": {"type": "rule", "values": OF_COLOUR}}
ALL_BUT_COLOURS: dict[str, Any] = {"rules": {rule: {"enabled": False} for rule in OF_COLOUR}}
AXE = Axe()
# Everything that is ours has arrived, and a finding shows its tag: no need to look for either again.
OPTIONS: dict[str, Any] = {"resultTypes": ["violations"], "preload": False, "selectors": False}


def check_looks(visitor: Visitor, name: str, go: Callable[[], None]) -> None:
    """Look at the page that `go` leads to in both languages, both themes, wide and narrow.

    Two loads and three looks find what a look at each of the eight finds; `make proof` has those.
    """
    check = _check_every_look if os.environ.get("SEXTANT_PROOF") == "full" else _check_few_looks
    check(visitor, name, go)


def _check_few_looks(visitor: Visitor, name: str, go: Callable[[], None]) -> None:
    visitor.set_cookies(django_language="en", theme="light")
    go()
    _check_width(visitor, f"{name}-en-light", NARROW)
    _check_width(visitor, f"{name}-en-light", WIDE)
    assert findings(visitor.page) == [], f"{name}: English, light, wide"
    visitor.set_theme("dark")
    assert findings(visitor.page, COLOURS) == [], f"{name}: dark"
    visitor.set_cookies(django_language="zh-hans", theme="dark")
    go()
    _check_width(visitor, f"{name}-zh-hans-dark", WIDE)
    _check_width(visitor, f"{name}-zh-hans-dark", NARROW)
    assert findings(visitor.page, ALL_BUT_COLOURS) == [], f"{name}: Chinese, narrow"


def _check_every_look(visitor: Visitor, name: str, go: Callable[[], None]) -> None:
    for language in ("en", "zh-hans"):
        for theme in ("light", "dark"):
            visitor.set_cookies(django_language=language, theme=theme)
            go()
            for width in (NARROW, WIDE):
                _check_width(visitor, f"{name}-{language}-{theme}", width)
                assert findings(visitor.page) == [], f"{name}: {language}, {theme}, {width} px"


def _check_width(visitor: Visitor, name: str, width: int) -> None:
    visitor.resize(width)
    assert visitor.fits(), f"{name}: {width} px"
    if os.environ.get("SCREENSHOTS"):
        path = REPOSITORY / "screenshots" / f"{name}-{width}.png".replace(":", "-")
        visitor.page.screenshot(path=path, full_page=True)


def findings(tab: Tab, rules: dict[str, Any] | None = None) -> list[str]:
    if not tab.evaluate("'axe' in window"):
        tab.evaluate(AXE.axe_script)
    found = tab.evaluate("options => axe.run(document, options)", OPTIONS | (rules or {}))
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for rule in found["violations"]
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]
