"""Tracked sites: made, edited, switched off, and how long events are kept."""

from datetime import timedelta

import pytest
from django.utils import timezone

from crm.models import EventRetention, TrackedSite, Visitor, WebSession
from crm.selectors.sites import origin_of
from tests.factories import AccountFactory, BookFactory, TrackedSiteFactory

pytestmark = pytest.mark.django_db


def test_a_site_is_made_and_says_what_to_put_on_its_pages(admin_client_):
    form = {
        "name": "Lantern shop", "book": BookFactory().pk, "is_enabled": "on",
        "origins": "https://Shop.example.com/\n\nhttp://localhost:8080\nhttps://shop.example.com\n",
    }  # fmt: skip

    answer = admin_client_.post("/sites/new/", form)

    site = TrackedSite.objects.get()
    assert site.origins == ["https://shop.example.com", "http://localhost:8080"]
    assert answer.headers["Location"] == f"/sites/{site.public_id}/"
    page = admin_client_.get(answer.headers["Location"]).text
    assert f"src=&quot;http://testserver/s.js?site={site.public_id}&quot;" in page or (
        f'src="http://testserver/s.js?site={site.public_id}"' in page
    )


@pytest.mark.parametrize(
    "origins",
    [
        "", "shop.example.com", "https://shop.example.com/lamps", "https://*.example.com", "http://shop.example.com",
        "https://user@shop.example.com", "javascript:alert(1)", "https://shop.example.com:99999",
        "\n".join(f"https://shop{n}.example.com" for n in range(21)),
    ],
)  # fmt: skip
def test_refuses_what_is_no_origin(admin_client_, origins):
    form = {"name": "Shop", "book": BookFactory().pk, "origins": origins}

    assert admin_client_.post("/sites/new/", form).status_code == 422
    assert not TrackedSite.objects.exists()


def test_a_site_is_edited_and_keeps_its_book(admin_client_):
    site = TrackedSiteFactory()
    other = BookFactory(code="other")
    form = {"name": "Renamed", "book": other.pk, "origins": "https://new.example.com"}

    admin_client_.post(f"/sites/{site.public_id}/edit/", form)

    before, site = site, TrackedSite.objects.get()
    assert (site.name, site.origins, site.is_enabled) == ("Renamed", ["https://new.example.com"], False)
    assert site.book_id == before.book_id
    assert "This site is off" in admin_client_.get(f"/sites/{site.public_id}/").text


def test_shows_what_came_of_it(admin_client_):
    site = TrackedSiteFactory()
    account = AccountFactory(book=site.book)
    now = timezone.now()
    for key, events, whose, is_bot in (
        ("a", 6, account, False),
        ("b", 3, None, False),
        ("c", 50, None, True),
    ):
        visitor = Visitor.objects.create(site=site, key=key, account=whose, is_bot=is_bot)
        WebSession.objects.create(visitor=visitor, started_at=now, ended_at=now, events=events, is_bot=is_bot)
    old = now - timedelta(days=60)
    WebSession.objects.create(visitor=visitor, started_at=old, ended_at=old, events=7)

    overview = admin_client_.get(f"/sites/{site.public_id}/").context["overview"]

    assert (overview.row.visitors, overview.row.joined, overview.row.bots) == (2, 1, 1)
    assert len(overview.days) == 30
    assert (overview.events, overview.days[-1].events, overview.days[-1].bots) == (9, 9, 50)


def test_says_how_long_each_kind_is_kept(admin_client_):
    answer = admin_client_.post("/sites/", {"visit": "30", "search": "", "view": "400", "use": "1"})

    assert answer.status_code == 302
    assert dict(EventRetention.objects.values_list("kind", "days")) == {"visit": 30, "view": 400, "use": 1}
    assert 'value="400"' in admin_client_.get("/sites/").text


def test_keeps_nothing_for_less_than_a_day(admin_client_):
    before = dict(EventRetention.objects.values_list("kind", "days"))

    assert admin_client_.post("/sites/", {"visit": "0"}).status_code == 422
    assert dict(EventRetention.objects.values_list("kind", "days")) == before


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://Shop.example.com/a?b#c", "https://shop.example.com"),
        ("https://shop.example.com:443/", "https://shop.example.com"),
        ("http://shop.example.com:8080", "http://shop.example.com:8080"),
        ("ftp://shop.example.com", ""),
        ("https://", ""),
        ("https://a@shop.example.com", ""),
        ("https://shop.example.com\\@evil", ""),
    ],
)
def test_an_origin_is_what_browsers_say(address, origin):
    assert origin_of(address) == origin
