"""What the pages of tracked sites report: who may, what is stored of it, and what nobody is told."""

import json
from pathlib import Path

import pytest
from django.test import Client

from crm.models import Change, Event, EventKey, TrackedSite, Visitor
from crm.services import collecting
from crm.services.beacons import BeaconError, read_beacon
from crm.services.collecting import is_bot
from tests.factories import AccountFactory, ContactFactory, ProductFactory, TrackedSiteFactory

SHOP = "https://shop.example.com"
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SCRIPTS = Path(__file__).parents[2] / "crm" / "collector"


@pytest.fixture
def site(db):
    return TrackedSiteFactory(origins=[SHOP])


def seen(kind="visit", key="key-000001", **more):
    return {"t": kind, "k": key, "p": "/", **more}


def send(site, *events, visitor="abcdef123456", body=None, **headers):
    said = {"v": visitor, "e": list(events)} if body is None else body
    text = said if isinstance(said, str | bytes) else json.dumps(said)
    given = {"Origin": SHOP, "User-Agent": PERSON} | headers
    client = Client(enforce_csrf_checks=True)
    return client.post(f"/e?site={site.public_id}", text, content_type="text/plain", headers=given)


def says_nothing(answer):
    return (answer.status_code, answer.content, dict(answer.cookies)) == (204, b"", {})


def test_the_script_is_small_and_the_same_for_everybody(db):
    answer = Client().get("/s.js?site=whatever")

    assert answer.status_code == 200
    assert len(answer.content) <= 1_200
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "public" in answer.headers["Cache-Control"]
    assert not answer.cookies
    assert (SCRIPTS / "sextant.js").stat().st_size > len(answer.content)


def test_stores_what_a_visitor_did(site):
    product = ProductFactory(book=site.book)

    answer = send(
        site,
        seen(p="/lamps?who=lin@example.com", us="Newsletter", um="email", uc="spring"),
        seen("view", "key-000002", c=product.code),
        seen("search", "key-000003", q="lamp"),
        seen("use", "key-000004", d=12.5),
    )

    assert says_nothing(answer)
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    columns = ("kind", "page", "product_id", "term", "duration_seconds", "source", "medium", "campaign_code")
    assert list(Event.objects.order_by("id").values_list(*columns)) == [
        ("visit", "/lamps", None, "", None, "Newsletter", "email", "spring"),
        ("view", "/", product.pk, "", None, "", "", ""),
        ("search", "/", None, "lamp", None, "", "", ""),
        ("use", "/", None, "", 12.5, "", "", ""),
    ]
    visitor = Visitor.objects.get()
    assert set(Event.objects.values_list("visitor", flat=True)) == {visitor.key}
    assert (visitor.site, visitor.account, visitor.is_bot) == (site, None, False)
    assert not Change.objects.exists()


def test_what_came_before_is_not_stored_again(site):
    for _ in range(3):
        send(site, seen(), seen("view", "key-000002"))

    assert Event.objects.count() == EventKey.objects.count() == 2
    assert Visitor.objects.count() == 1


def test_events_of_a_known_visitor_belong_to_its_account_and_are_told(site):
    account = AccountFactory(book=site.book)
    send(site)
    Visitor.objects.update(account=account)

    send(site, seen())

    assert Event.objects.get().account == account
    told = Change.objects.get()
    assert (told.kind, told.account_id, told.data) == ("event.received", account.pk, {"events": 1})


@pytest.mark.parametrize(
    "headers",
    [
        {"DNT": "1"},
        {"Sec-GPC": "1"},
        {"Origin": "https://elsewhere.example.com"},
        {"Origin": ""},
        {"Origin": "null"},
    ],
)
def test_stores_nothing_for_who_refuses_or_comes_from_elsewhere(site, headers):
    answer = send(site, seen(), **headers)

    assert says_nothing(answer)
    assert not Visitor.objects.exists()
    assert not Event.objects.exists()
    if "Origin" in headers:
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[]", "7", b"\xff\xfe", "[" * 10_000,
        {"e": []}, {"v": "short", "e": []}, {"v": "ABCDEF'; DROP", "e": []}, {"v": None},
        {"v": "abcdef123456", "x": "y" * 20_000},
    ],
)  # fmt: skip
def test_answers_nonsense_like_everything_else(site, body):
    assert says_nothing(send(site, body=body))
    assert not Visitor.objects.exists()


def test_a_site_that_is_off_or_unknown_takes_nothing(site):
    TrackedSite.objects.update(is_enabled=False)

    assert says_nothing(send(site, seen()))
    for wrong in ("", "?site=7", "?site=0195a1c2-7f3e-7cc1-8a55-2f6f0f6f3a11"):
        answer = Client().post(f"/e{wrong}", "{}", content_type="text/plain", headers={"Origin": SHOP})
        assert says_nothing(answer)
    assert not Visitor.objects.exists()


def test_only_the_sites_own_pages_may_ask_beforehand(site):
    def ask(origin):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return Client().options(f"/e?site={site.public_id}", headers=headers)

    assert ask(SHOP).headers["Access-Control-Allow-Origin"] == SHOP
    assert "Access-Control-Allow-Origin" not in ask("https://elsewhere.example.com").headers
    assert says_nothing(ask(SHOP))
    assert "Origin" in ask(SHOP).headers["Vary"]


def test_programs_are_kept_apart_and_tell_nobody(site):
    account = AccountFactory(book=site.book)
    send(site)
    Visitor.objects.update(account=account)

    send(site, seen(), **{"User-Agent": "Mozilla/5.0 (compatible; Examplebot/2.1; +https://example.com/bot)"})
    send(site, seen(key="key-000002"))  # from now on, whatever it calls itself

    assert list(Event.objects.values_list("is_bot", flat=True)) == [True, True]
    assert Visitor.objects.get().is_bot
    assert not Change.objects.exists()


@pytest.mark.parametrize(
    ("agent", "verdict"),
    [
        (PERSON, False),
        ("Mozilla/5.0 (Linux; Android 14; CUBOT X90) AppleWebKit/537.36 Chrome/140.0 Mobile", False),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Safari/604.1", False),
        ("", True),
        ("curl/8.5.0", True),
        ("Mozilla/5.0 (compatible; bingbot/2.0)", True),
        ("Mozilla/5.0 (X11) AppleWebKit/537.36 HeadlessChrome/140.0", True),
    ],
)
def test_tells_programs_by_their_names(agent, verdict):
    assert is_bot(agent) is verdict


def test_a_visitor_who_sends_too_often_is_not_listened_to(site, monkeypatch):
    monkeypatch.setattr(collecting, "VISITOR_A_MINUTE", 3)
    visitor = f"rate{site.pk:010d}z"  # counted in Redis, which no transaction rolls back

    for number in range(6):
        assert says_nothing(send(site, seen(key=f"key-{number:06d}"), visitor=visitor))

    assert Event.objects.count() == 3


def test_two_sites_may_see_the_same_visitor_without_mixing_it_up(site):
    other = TrackedSiteFactory(origins=[SHOP])

    send(site, seen())
    send(other, seen())

    assert Visitor.objects.count() == Event.objects.count() == 2


def test_coming_from_ones_own_page_is_no_source(site):
    send(site, seen(r="shop.example.com"), seen(key="key-000002", r="news.example.org"))

    assert list(Event.objects.order_by("id").values_list("source", flat=True)) == ["", "news.example.org"]


def test_leaves_out_events_that_make_no_sense():
    events = [
        seen("steal"), seen(key="x"), seen(key=None), 7, None, {"t": "visit"},
        seen("use", d=-1), seen("use", d=float("1e400")), seen("use", d=True), seen("use", d="3"),
        seen("use", d=10**400), seen("use", d=-(10**400)),
        seen("view", c=7), seen("search", q="a\x00b" + "c" * 300), seen(p="no path"), seen(r="<script>"),
    ]  # fmt: skip

    beacon = read_beacon(json.dumps({"v": "abcdef123456", "e": events}).encode())

    assert [event.kind for event in beacon.events] == ["use"] * 6 + ["view", "search", "visit", "visit"]
    assert {event.duration_seconds for event in beacon.events} == {None}
    assert beacon.events[7].term == "ab" + "c" * 198
    assert {(event.page, event.source, event.product_code) for event in beacon.events[-2:]} == {
        ("", "", ""),
        ("/", "", ""),
    }


def test_reads_at_most_fifty_events_at_once():
    events = [seen(key=f"key-{number:06d}") for number in range(200)]

    assert len(read_beacon(json.dumps({"v": "abcdef123456", "e": events}).encode()).events) == 50
    with pytest.raises(BeaconError):
        read_beacon(b"null")


def test_a_stranger_to_the_book_is_nobody(site):
    contact = ContactFactory(account__book=TrackedSiteFactory(book__code="other").book, email="a@example.com")

    send(site, body={"v": "abcdef123456", "m": contact.email})

    assert Visitor.objects.get().account is None
