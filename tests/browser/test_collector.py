"""The collector's script on a page of another origin: consent first, and nothing against a refusal."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Request

from crm.models import Event, TrackedSite, Visitor
from crm.services.visitors import LINK, make_token
from tests import factories
from tests.config.conftest import wait_for
from tests.crm.test_collector import PERSON

pytestmark = pytest.mark.browser

READABLE = Path(__file__).parents[2] / "crm" / "collector" / "sextant.js"
PAGE = """<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>
<script>window.sextant=window.sextant||function(){{(sextant.q=sextant.q||[]).push(arguments)}}</script>
<script async src="{crm}/s.js?site={site}"></script>"""
# Browsers that refuse say so to scripts; one that has no such switch is given one.
REFUSALS = {
    "global privacy control": "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})",
    "do not track": "Object.defineProperty(navigator, 'doNotTrack', {value: '1'})",
}


@dataclass
class Shop:
    """A site of the company's own, with a browser in front of it."""

    url: str
    site: TrackedSite
    context: BrowserContext
    page: Page
    beacons: list[Request] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def noticed(self, request: Request) -> None:
        if "/e?site=" in request.url:
            self.beacons.append(request)

    def open(self, path: str = "/lamps?who=lin") -> None:
        self.page.goto(self.url + path)
        self.page.wait_for_function("!window.sextant.q")  # the script has taken over

    def say(self, *words: Any) -> None:
        self.page.evaluate("words => { sextant(...words) }", list(words))

    def cookies(self) -> list[Any]:
        return [cookie for cookie in self.context.cookies() if cookie["name"] == "sextant"]

    def stored(self, *kinds: str) -> list[Event]:
        """Wait until so many events have arrived, in whatever order, and return them as asked for."""
        deadline = time.monotonic() + 10
        while True:
            found = list(Event.objects.filter(visitor__startswith=f"{self.site.pk}-").order_by("id"))
            if len(found) >= len(kinds) or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        assert sorted(event.kind for event in found) == sorted(kinds)
        return sorted(found, key=lambda event: kinds.index(event.kind))


@pytest.fixture
def pages() -> Iterator[tuple[str, dict[str, str]]]:
    """A web server of another origin, and the text of its page, which the test fills in."""
    text: dict[str, str] = {}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text.get("page", "").encode() if not self.path.startswith("/favicon") else b""
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", text
    server.shutdown()
    server.server_close()


@pytest.fixture
def shop(chromium, site, world, pages) -> Iterator[Shop]:
    url, text = pages
    tracked = factories.TrackedSiteFactory(book=world.book, origins=[url])
    text["page"] = PAGE.format(crm=site.url, site=tracked.public_id)
    context = chromium.new_context(user_agent=PERSON)
    page = context.new_page()
    made = Shop(url, tracked, context, page)
    context.on("request", made.noticed)
    page.on("pageerror", lambda error: made.errors.append(error.message))
    yield made
    context.close()
    assert made.errors == []


@pytest.mark.parametrize("form", ["as it is sent", "as people read it"])
def test_nothing_is_stored_or_sent_before_consent_and_then_all_of_it(shop, form):
    if form == "as people read it":
        shop.context.route(
            "**/s.js*", lambda route: route.fulfill(path=READABLE, content_type="text/javascript")
        )
    product = factories.ProductFactory(book=shop.site.book)
    shop.open("/lamps?who=lin&utm_source=newsletter&utm_medium=email&utm_campaign=spring")
    shop.say("view", product.code)
    shop.say("search", "blue lamp")
    shop.page.wait_for_timeout(300)
    assert (shop.beacons, shop.cookies()) == ([], [])
    assert not Visitor.objects.filter(site=shop.site).exists()

    shop.say("consent", True)

    visit, view, search = shop.stored("visit", "view", "search")
    assert (visit.page, visit.source, visit.medium, visit.campaign_code) == (
        "/lamps", "newsletter", "email", "spring",
    )  # fmt: skip
    assert (view.product_id, search.term) == (product.pk, "blue lamp")
    assert {event.is_bot for event in (visit, view, search)} == {False}
    (cookie,) = shop.cookies()
    assert (cookie["domain"], cookie["sameSite"]) == ("127.0.0.1", "Lax")
    assert visit.visitor == f"{shop.site.pk}-{cookie['value']}"

    shop.page.goto("about:blank")
    *_, use = shop.stored("visit", "view", "search", "use")
    assert use.duration_seconds > 0


def test_the_same_visitor_comes_back_and_may_change_its_mind(shop):
    for _ in range(2):
        shop.open("/")
        shop.say("consent", True)
    shop.stored("visit", "use", "visit")
    assert Visitor.objects.filter(site=shop.site).count() == 1

    shop.say("consent", False)
    shop.say("search", "nothing")
    shop.page.wait_for_timeout(300)

    assert shop.cookies() == []
    shop.stored("visit", "use", "visit")


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_browser_that_refuses_stores_and_sends_nothing(shop, refusal):
    shop.context.add_init_script(REFUSALS[refusal])
    shop.open()

    shop.say("consent", True)
    shop.say("search", "lamp")
    shop.page.wait_for_timeout(300)

    assert (shop.beacons, shop.cookies()) == ([], [])
    shop.stored()


def test_a_refusal_in_the_headers_is_heard_too(shop):
    shop.context.set_extra_http_headers({"Sec-GPC": "1"})
    shop.open()

    shop.say("consent", True)
    shop.page.wait_for_timeout(500)

    assert len(shop.beacons) == 1
    shop.stored()


def test_who_follows_a_link_is_known_on_arrival(shop, site):
    contact = factories.ContactFactory(account__book=shop.site.book)
    token = make_token(who=contact, purpose=LINK)

    shop.page.goto(f"{site.url}/l/{token}/?to={shop.url}/lamps")
    shop.page.wait_for_function("!window.sextant.q")
    assert "#sx=" in shop.page.url
    shop.say("consent", True)

    (visit,) = shop.stored("visit")
    assert shop.page.url == f"{shop.url}/lamps"
    wait_for(lambda: Event.objects.filter(pk=visit.pk, account=contact.account).exists())
    joined = Visitor.objects.get(site=shop.site)
    assert (joined.contact, joined.joined) == (contact, "link")
