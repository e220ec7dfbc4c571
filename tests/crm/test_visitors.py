"""Visitors joined to people: by token, tracked link or form, backwards too, and never to a stranger's."""

import threading
from urllib.parse import urlsplit

import pytest
from django.core import signing
from django.db import connection, connections
from django.test import Client

from crm.models import Change, Event, Visitor, WebSession
from crm.services import visitors
from crm.services.bin import move_to_bin
from crm.services.erasure import erase_account
from crm.services.visitors import (
    ARRIVE,
    IDENTIFY,
    LINK,
    Person,
    TokenInvalidError,
    find_by_email,
    join_visitor,
    make_token,
    read_token,
)
from tests.crm.test_collector import SHOP, seen, send
from tests.factories import AccountFactory, BookFactory, ContactFactory, TrackedSiteFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def site():
    return TrackedSiteFactory(origins=[SHOP])


@pytest.fixture
def contact(site):
    return ContactFactory(account__book=site.book, email="Lin@Example.com")


def tell(site, visitor="abcdef123456", **said):
    assert send(site, body={"v": visitor, **said}).status_code == 204


def test_a_visitor_who_signs_in_brings_what_it_did_before(site, contact):
    send(site, seen(), seen("view", "key-000002"))
    send(site, seen(key="key-000003"), visitor="someoneelse00")

    tell(site, i=make_token(who=contact, purpose=IDENTIFY), e=[seen("search", "key-000004", q="lamp")])

    mine = Visitor.objects.get(account=contact.account)
    assert (mine.contact, mine.joined, mine.joined_at is not None) == (contact, "sign_in", True)
    assert Event.objects.filter(account=contact.account).count() == 3
    assert Event.objects.filter(account=None).count() == 1
    told = list(Change.objects.order_by("id").values_list("kind", "account_id", "data"))
    account_id = contact.account_id
    assert told == [
        ("event.received", account_id, {"events": 2, "visitor": "joined"}),
        ("event.received", account_id, {"events": 1}),
    ]


def test_the_past_keeps_what_was_known_then(site, contact):
    send(site, seen())
    before = Event.objects.values_list("id", "known_at").get()

    tell(site, i=make_token(who=contact, purpose=IDENTIFY))

    with connection.cursor() as cursor:
        cursor.execute("SELECT id, known_at, account_id FROM crm_event_past WHERE id = %s", before[:1])
        assert cursor.fetchall() == [(*before, None)]
    assert Event.objects.get().known_at > before[1]


def test_joining_again_changes_nothing(site, contact):
    token = make_token(who=contact, purpose=IDENTIFY)
    send(site, seen())
    tell(site, i=token)
    before = (Visitor.objects.values().get()["joined_at"], Change.objects.count())

    tell(site, i=token)

    assert (Visitor.objects.values().get()["joined_at"], Change.objects.count()) == before


def test_on_a_shared_browser_everybody_keeps_their_own(site, contact):
    other = ContactFactory(account__book=site.book)
    send(site, seen())
    tell(site, i=make_token(who=contact, purpose=IDENTIFY))

    tell(site, i=make_token(who=other, purpose=IDENTIFY), e=[seen(key="key-000002")])

    assert list(Event.objects.order_by("id").values_list("account_id", flat=True)) == [
        contact.account_id,
        other.account_id,
    ]
    assert Visitor.objects.get().contact == other


def test_an_account_may_be_named_without_a_contact(site, contact):
    visitor = Visitor.objects.create(site=site, key="1-abc")
    join_visitor(visitor_id=visitor.pk, person=Person(contact.account_id, contact.pk), how="form")

    join_visitor(visitor_id=visitor.pk, person=Person(contact.account_id), how="sign_in")
    visitor.refresh_from_db()
    assert (visitor.contact, visitor.joined) == (contact, "form")

    other = AccountFactory(book=site.book)
    join_visitor(visitor_id=visitor.pk, person=Person(other.pk), how="sign_in")
    visitor.refresh_from_db()
    assert (visitor.account, visitor.contact) == (other, None)


def test_a_token_says_only_what_it_was_made_for(site, contact, monkeypatch):
    token = make_token(who=contact, purpose=IDENTIFY)
    assert read_token(token=token, purpose=IDENTIFY, book=site.book) == Person(contact.account_id, contact.pk)

    elsewhere = BookFactory(code="other")
    tried = [
        (token, LINK, site.book),
        (token, ARRIVE, site.book),
        (token, IDENTIFY, elsewhere),
        (token[:-1] + ("A" if token[-1] != "A" else "B"), IDENTIFY, site.book),
        ("", IDENTIFY, site.book),
        (signing.TimestampSigner(sep=".", salt="crm.visitor.identify").sign("x"), IDENTIFY, site.book),
    ]
    for text, purpose, book in tried:
        with pytest.raises(TokenInvalidError):
            read_token(token=text, purpose=purpose, book=book)
    monkeypatch.setitem(visitors.LASTS, IDENTIFY, -1)
    with pytest.raises(TokenInvalidError):
        read_token(token=token, purpose=IDENTIFY, book=site.book)


def test_tokens_name_nobody_who_is_gone(site, contact):
    token = make_token(who=contact.account, purpose=IDENTIFY)
    assert read_token(token=token, purpose=IDENTIFY, book=site.book) == Person(contact.account_id)

    contact.account.delete()

    with pytest.raises(TokenInvalidError):
        read_token(token=token, purpose=IDENTIFY, book=site.book)


def test_a_form_names_the_one_contact_with_its_address(site, contact):
    send(site, seen())

    tell(site, m=" lin@example.COM ")

    assert Visitor.objects.values_list("contact_id", "joined").get() == (contact.pk, "form")
    assert Event.objects.get().account == contact.account


def test_a_form_may_carry_a_token_too(site, contact):
    tell(site, m=make_token(who=contact, purpose=IDENTIFY))

    assert Visitor.objects.values_list("contact_id", "joined").get() == (contact.pk, "form")


def test_of_two_contacts_with_one_address_nobody_knows_which_it_is(site, contact):
    ContactFactory(account__book=site.book, email="LIN@example.com")

    tell(site, m="lin@example.com")

    assert Visitor.objects.get().account is None
    assert find_by_email(email="", book=site.book) is None


def test_a_forged_token_is_answered_like_any_other(site):
    tell(site, i="c" + "A" * 22 + ".1abcde." + "x" * 43)

    assert Visitor.objects.get().account is None


def test_a_program_is_joined_to_nobody(site, contact):
    said = {"v": "abcdef123456", "i": make_token(who=contact, purpose=IDENTIFY)}
    send(site, body=said, **{"User-Agent": "curl/8.5.0"})

    assert Visitor.objects.values_list("account_id", "is_bot").get() == (None, True)


def follow(token, to):
    return Client().get(f"/l/{token}/", {"to": to})


def test_a_tracked_link_leads_to_the_site_and_says_there_who_came(site, contact):
    answer = follow(make_token(who=contact, purpose=LINK), f"{SHOP}/lamps?utm_source=mail")

    assert answer.status_code == 302
    target = urlsplit(answer.headers["Location"])
    assert target.geturl().startswith(f"{SHOP}/lamps?utm_source=mail#sx=")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer.headers["Cache-Control"]
    assert not answer.cookies
    tell(site, i=target.fragment.removeprefix("sx="))
    assert Visitor.objects.values_list("contact_id", "joined").get() == (contact.pk, "link")


def test_a_link_keeps_the_place_on_the_page(site, contact):
    answer = follow(make_token(who=contact, purpose=LINK), f"{SHOP}/lamps#prices")

    assert "#prices&sx=" in answer.headers["Location"]


def test_an_old_link_leads_there_as_nobody(site, contact, monkeypatch):
    token = make_token(who=contact, purpose=LINK)
    monkeypatch.setitem(visitors.LASTS, LINK, -1)

    assert follow(token, f"{SHOP}/lamps").headers["Location"] == f"{SHOP}/lamps"


@pytest.mark.parametrize(
    "to",
    [
        "", "/", "lamps", "//evil.example.org/", "https://evil.example.org/",
        "https://shop.example.com.evil.example.org/", "https://shop.example.com@evil.example.org/",
        "https://evil.example.org#shop.example.com", "https://shop.example.com:444/",
        "http://shop.example.com/", "javascript:alert(1)//https://shop.example.com/",
        "https://shop.example.com\\@evil.example.org/", "https:\\\\evil.example.org/",
        "https://shop.example.com\t.evil.example.org/", "https://evil.example.org\\.shop.example.com",
        " https://shop.example.com/", "https://[::1]/", "https://[", "https://shop.example.com:99999/",
    ],
)  # fmt: skip
def test_a_link_leads_nowhere_else(site, contact, to):
    assert follow(make_token(who=contact, purpose=LINK), to).status_code == 404


def test_a_link_to_a_site_that_is_off_leads_nowhere(site, contact):
    site.is_enabled = False
    site.save()

    assert follow(make_token(who=contact, purpose=LINK), f"{SHOP}/").status_code == 404


def test_an_account_in_the_bin_is_forgotten_by_its_visitors_and_erased_with_them(site, contact):
    send(site, seen())
    tell(site, i=make_token(who=contact, purpose=IDENTIFY))
    send(site, seen(), visitor="someoneelse00")
    (event,) = Event.objects.filter(account=contact.account)
    WebSession.objects.create(
        visitor=Visitor.objects.get(contact=contact), started_at=event.at, ended_at=event.at, events=1
    )

    entry = move_to_bin(account=contact.account, by=UserFactory())

    assert set(Visitor.objects.values_list("account_id", "contact_id")) == {(None, None)}
    assert Visitor.objects.count() == 2

    erase_account(entry=entry)

    assert Visitor.objects.get().key == f"{site.pk}-someoneelse00"
    assert not WebSession.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM crm_event_past WHERE visitor = %s", [event.visitor])
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db(transaction=True)
def test_no_event_misses_the_account_that_is_being_found_out():
    site = TrackedSiteFactory(origins=[SHOP])
    contact = ContactFactory(account__book=site.book)
    said = [{"v": "abcdef123456", "e": [seen(key=f"key-{number:06d}")]} for number in range(24)]
    said.insert(12, {"v": "abcdef123456", "i": make_token(who=contact, purpose=IDENTIFY)})

    def speak(part):
        for body in part:
            send(site, body=body)
        connections.close_all()

    threads = [threading.Thread(target=speak, args=[said[start::4]]) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert list(Event.objects.values_list("account_id", flat=True)) == [contact.account_id] * 24
