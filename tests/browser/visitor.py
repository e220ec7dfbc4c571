"""Somebody in front of a browser. What the browser complains about fails the test."""

import re
import time

from django.conf import settings
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Response

from crm.models import User
from tests.signing_in import signed_in_client

WIDE, NARROW = 1440, 390
FRESH_SECONDS = 120
# A refused style or script is an event; the console says so too, but not for every kind.
REPORT = """
addEventListener("securitypolicyviolation", (event) =>
    console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
"""


class Visitor:
    """A browser window of its own, signed in as `user` when one is given."""

    def __init__(
        self, browser: Browser, site: str, user: User | None = None, *, javascript: bool = True,
        language: str = "en", theme: str = "light",
    ) -> None:  # fmt: skip
        self.site = site
        self.complaints: list[str] = []
        self.forgiven: list[str] = []
        self.context = browser.new_context(
            base_url=site, java_script_enabled=javascript, reduced_motion="reduce", locale="en-GB",
            timezone_id="Europe/London", viewport={"width": WIDE, "height": 900},
        )  # fmt: skip
        self.context.set_default_timeout(10_000)
        self.set_cookies(**{settings.LANGUAGE_COOKIE_NAME: language, "theme": theme})
        if user is not None:
            self.sign_in_quietly(user)
        if javascript:
            self.context.add_init_script(REPORT)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", self._broke)
        self.page.on("response", self._answered)

    def sign_in_quietly(self, user: User) -> None:
        """Make the session that the sign-in page would make; that page has its own tests."""
        name = settings.SESSION_COOKIE_NAME
        self.set_cookies(**{name: signed_in_client(user).cookies[name].value})

    def set_cookies(self, **values: str) -> None:
        self.context.add_cookies(
            [{"name": name, "value": value, "url": self.site} for name, value in values.items()]
        )

    def set_theme(self, theme: str) -> None:
        """Give the open page the theme, as the menu does before it is stored."""
        self.page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)

    def go(self, path: str) -> Response:
        answer = self.page.goto(path, wait_until="load")
        assert answer is not None
        return answer

    def forgive(self, pattern: str) -> None:
        """Expect a complaint that matches, such as of an answer 409 that the test provokes."""
        self.forgiven.append(pattern)

    def resize(self, width: int) -> None:
        """Make the window `width` px wide and wait until the page is laid out anew."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.wait_for_function("width => innerWidth === width", arg=width)

    def fits(self) -> bool:
        """Say whether the page needs no scrolling to the side."""
        return bool(
            self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        )

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")

    def _broke(self, error: Error) -> None:
        self.complaints.append(f"script: {error.message}")

    def _answered(self, answer: Response) -> None:
        if answer.status >= 400:
            self.complaints.append(f"status of {answer.status}: {answer.url}")

    def expect_no_complaints(self) -> None:
        left = [text for text in self.complaints if not any(re.search(p, text) for p in self.forgiven)]
        self.complaints.clear()
        assert left == []

    def close(self) -> None:
        self.context.close()
        self.expect_no_complaints()


class Seats:
    """Windows that stay open: a browser that knows the scripts opens a page in half the time."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.windows: dict[str, Visitor] = {}
        self.taken_at: dict[str, float] = {}

    def take(self, who: str, site: str, user: User | None) -> Visitor:
        """Return the window of this person, signed in within the last minutes as some pages demand."""
        now = time.monotonic()
        if who not in self.windows:
            self.windows[who] = Visitor(self.browser, site, user)
            self.taken_at[who] = now
        elif user is not None and now - self.taken_at[who] > FRESH_SECONDS:
            self.windows[who].sign_in_quietly(user)
            self.taken_at[who] = now
        return self.windows[who]

    def expect_no_complaints(self) -> None:
        for window in self.windows.values():
            window.expect_no_complaints()

    def close(self) -> None:
        for window in self.windows.values():
            window.close()
