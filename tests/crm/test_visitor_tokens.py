"""Tokens that a company's own server gets: for its own accounts, good for what it asked."""

import pytest

from crm.models import Visitor
from crm.services.merges import merge
from crm.services.visitors import LINK, Person, read_token
from tests.crm.test_collector import SHOP, send
from tests.factories import TrackedSiteFactory
from tests.partner_api import Caller

pytestmark = pytest.mark.django_db


def test_a_signed_in_visitor_is_joined_by_a_token_of_the_api(partner_key):
    account = partner_key.account()
    site = TrackedSiteFactory(book=account.book, origins=[SHOP])

    made = partner_key.post(f"/accounts/{account.public_id}/visitor-tokens/", {})
    send(site, body={"v": "abcdef123456", "i": made.json()["data"]["token"]})

    assert made.status_code == 201
    assert made.json()["data"]["expires_in_seconds"] == 86_400
    assert Visitor.objects.values_list("account_id", "joined").get() == (account.pk, "sign_in")


def test_a_token_for_a_link_is_good_for_links_only(partner_key):
    account = partner_key.account()
    site = TrackedSiteFactory(book=account.book, origins=[SHOP])

    made = partner_key.post(f"/accounts/{account.public_id}/visitor-tokens/", {"use": "link"})
    token = made.json()["data"]["token"]
    send(site, body={"v": "abcdef123456", "i": token})

    assert read_token(token=token, purpose=LINK, book=account.book) == Person(account.pk)
    assert Visitor.objects.get().account is None


def test_nobody_gets_a_token_for_anothers_account(partner_key):
    theirs = Caller.make().account()

    assert partner_key.post(f"/accounts/{theirs.public_id}/visitor-tokens/", {}).status_code == 404


def test_an_account_that_was_merged_away_leads_to_the_other(partner_key):
    survivor, other = partner_key.account(), partner_key.account()
    merge(survivor=survivor, other=other, choices={}, by=None)

    answer = partner_key.post(f"/accounts/{other.public_id}/visitor-tokens/", {})

    assert answer.status_code == 308
    assert answer.headers["Location"].endswith(f"/accounts/{survivor.public_id}/visitor-tokens/")


def test_says_what_is_wrong_with_what_was_asked(partner_key):
    account = partner_key.account()

    answer = partner_key.post(f"/accounts/{account.public_id}/visitor-tokens/", {"use": "steal"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/use"
