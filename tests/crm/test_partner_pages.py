"""Partner managers make partners, link accounts, and hand out keys; others look, or don't."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.models import ApiKey, Partner, PartnerAccount
from tests.factories import (
    NOW,
    AccountFactory,
    BookFactory,
    OrderFactory,
    PartnerAccountFactory,
    PartnerFactory,
    ScoreFactory,
)
from tests.partner_api import Caller

pytestmark = pytest.mark.django_db


def address(route, *args):
    return reverse(f"crm:{route}", args=[getattr(arg, "public_id", arg) for arg in args])


@pytest.mark.parametrize(
    ("role", "looks", "manages"),
    [
        ("sales_client", 403, 403),
        ("support_client", 403, 403),
        ("marketing_client", 403, 403),
        ("analyst_client", 200, 403),
        ("partner_manager_client", 200, 200),
        ("admin_client_", 200, 200),
    ],
)
def test_pages_open_by_role(request, role, looks, manages):
    client, partner = request.getfixturevalue(role), PartnerFactory()
    key = Caller.make(partner).key
    looking = [address("partner-list"), address("partner-detail", partner)]
    managing = [
        address("partner-create"),
        address("partner-edit", partner),
        address("partner-link-create", partner),
        address("partner-key-create", partner),
        address("partner-key-revoke", partner, key),
    ]

    assert [client.get(path).status_code for path in looking] == [looks] * 2
    assert [client.get(path).status_code for path in managing] == [manages] * 5


def test_lists_partners_with_what_hangs_on_each(partner_manager_client):
    caller = Caller.make(PartnerFactory(name="Northgate", tier="gold"))
    caller.account()
    caller.account(stage="lead")
    caller.get("/accounts/")
    PartnerFactory(name="Southgate", is_active=False)

    every = partner_manager_client.get(address("partner-list")).text
    gold = partner_manager_client.get(address("partner-list") + "?tier=gold&q=north").text
    none = partner_manager_client.get(address("partner-list") + "?q=nobody").text

    assert "Northgate" in every
    assert "Southgate" in every
    assert "Not active" in every
    assert "Southgate" not in gold
    assert "No partner like that" in none


def test_an_empty_list_says_what_belongs_there(analyst_client, partner_manager_client):
    assert "Partner managers make them" in analyst_client.get(address("partner-list")).text
    assert "A partner gets the accounts" in partner_manager_client.get(address("partner-list")).text


def test_makes_a_partner(partner_manager_client):
    entered = {"name": "Northgate", "tier": "silver", "book": BookFactory().pk, "is_active": "on"}

    answer = partner_manager_client.post(address("partner-create"), entered)

    partner = Partner.objects.get(name="Northgate")
    assert answer.url == address("partner-detail", partner)
    assert (partner.tier, partner.is_active) == ("silver", True)


def test_two_partners_have_two_names(partner_manager_client):
    partner = PartnerFactory(name="Northgate")
    entered = {"name": "Northgate", "tier": "silver", "book": partner.book_id}

    answer = partner_manager_client.post(address("partner-create"), entered)

    assert answer.status_code == 422
    assert Partner.objects.count() == 1


def test_edits_a_partner_unless_somebody_else_did(partner_manager_client):
    partner = PartnerFactory(name="Northgate")
    entered = {"name": "Northgate Ltd", "tier": "gold", "book": partner.book_id, "revision": 1}

    saved = partner_manager_client.post(address("partner-edit", partner), entered)
    late = partner_manager_client.post(address("partner-edit", partner), entered | {"tier": "silver"})

    assert saved.url == address("partner-detail", partner)
    assert late.status_code == 422
    assert "Somebody else saved this partner" in late.text
    assert Partner.objects.get().tier == "gold"


def test_links_an_account_between_days(partner_manager_client):
    partner, account = PartnerFactory(), AccountFactory(name="Harbour Lights")
    path = address("partner-link-create", partner)

    found = partner_manager_client.get(path + "?q=harb").text
    days = {"since": "2026-03-30", "until": "2099-12-31"}
    entered = {"account": account.public_id, "role": "resells", **days}
    partner_manager_client.post(path + "?q=harb", entered)

    assert str(account.public_id) in found
    link = PartnerAccount.objects.get()
    assert (link.partner, link.account, link.role) == (partner, account, "resells")
    assert link.since == datetime(2026, 3, 29, 23, tzinfo=UTC)  # midnight of British Summer Time
    assert link.until == datetime(2100, 1, 1, tzinfo=UTC)
    assert "Harbour Lights" in partner_manager_client.get(address("partner-detail", partner)).text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"account": ""}, "Choose an account"),
        ({"since": "2026-03-05", "until": "2026-03-01"}, "A link ends after it begins"),
        ({"until": "2020-03-01"}, "A link ends after it begins"),
        ({"role": "owns"}, "Select a valid choice"),
    ],
)
def test_says_what_is_wrong_with_a_link(partner_manager_client, changes, message):
    partner, account = PartnerFactory(), AccountFactory(name="Harbour Lights")
    path = address("partner-link-create", partner) + "?q=harbour"

    answer = partner_manager_client.post(path, {"account": account.public_id, "role": "resells"} | changes)

    assert answer.status_code == 422
    assert message in answer.text
    assert not PartnerAccount.objects.exists()


def test_a_role_is_given_once(partner_manager_client):
    link = PartnerAccountFactory()
    path = address("partner-link-create", link.partner) + "?q=account"

    answer = partner_manager_client.post(path, {"account": link.account.public_id, "role": "referred"})

    assert "has this role with the account already" in answer.text


def test_ending_a_link_closes_the_account_to_the_partner(partner_manager_client):
    caller = Caller.make()
    account = caller.account(name="Harbour Lights")
    link = PartnerAccount.objects.get()

    partner_manager_client.post(address("partner-link-end", caller.partner, link))

    assert caller.get(f"/accounts/{account.public_id}/").status_code == 404
    page = address("partner-detail", caller.partner)
    assert partner_manager_client.get(page).context["rows"] == []
    assert "Harbour Lights" in partner_manager_client.get(page + "?tab=ended").text


def test_ending_a_link_that_has_not_begun_forgets_it(partner_manager_client):
    link = PartnerAccountFactory(since=NOW + timedelta(days=36_500))

    partner_manager_client.post(address("partner-link-end", link.partner, link))

    assert not PartnerAccount.objects.exists()


def test_shows_a_key_once_and_it_opens_what_it_should(partner_manager_client):
    partner = PartnerFactory()
    entered = {"label": "Web shop", "scopes": ["accounts:read"]}

    shown = partner_manager_client.post(address("partner-key-create", partner), entered)

    token = re.search(r'value="(sx_[^"]+)"', shown.text).group(1)
    key = ApiKey.objects.get()
    assert "no-store" in shown.headers["Cache-Control"]
    assert key.created_by == partner_manager_client.user
    assert Caller(partner, key, token).get("/accounts/").status_code == 200
    assert Caller(partner, key, token).post("/leads/", {}).status_code == 403
    page = partner_manager_client.get(address("partner-detail", partner)).text
    assert key.prefix in page
    assert token not in page


def test_a_key_needs_a_label_and_a_scope(partner_manager_client):
    answer = partner_manager_client.post(address("partner-key-create", PartnerFactory()), {})

    assert answer.status_code == 422
    assert "Choose at least one" in answer.text
    assert not ApiKey.objects.exists()


def test_revokes_a_key_after_asking(partner_manager_client):
    caller = Caller.make()
    path = address("partner-key-revoke", caller.partner, caller.key)

    asked = partner_manager_client.get(path)
    still_works = caller.get("/accounts/").status_code
    partner_manager_client.post(path)

    assert "stops working at once" in asked.text
    assert still_works == 200
    assert caller.get("/accounts/").status_code == 401
    page = partner_manager_client.get(address("partner-detail", caller.partner)).text
    assert "Revoked" in page


def test_a_key_is_revoked_under_its_own_partner_only(partner_manager_client):
    path = address("partner-key-revoke", PartnerFactory(), Caller.make().key)

    assert partner_manager_client.post(path).status_code == 404


def test_detail_says_what_the_accounts_are_worth(partner_manager_client):
    caller = Caller.make(PartnerFactory(book__ends_at=NOW))
    account = caller.account(name="Harbour Lights")
    PartnerAccountFactory(partner=caller.partner, account=account, role="services")
    ScoreFactory(account=account, value=0.7)
    OrderFactory(account=account, amount=Decimal(1234), placed_at=NOW - timedelta(days=30))
    OrderFactory(account=account, amount=Decimal(99), placed_at=NOW - timedelta(days=400))
    caller.account(name="Unworked lead", stage="lead")

    page = partner_manager_client.get(address("partner-detail", caller.partner))
    leads = partner_manager_client.get(address("partner-detail", caller.partner) + "?tab=leads").text

    assert page.context["worth"].bought == 1234
    assert page.context["worth"].likely_to_leave == 1
    assert (page.context["counts"].accounts, page.context["counts"].leads) == (1, 1)
    assert "Unworked lead" in leads
    assert "Nobody yet" in leads


@pytest.mark.parametrize("route", ["partner-list", "partner-detail"])
def test_needs_as_many_queries_for_thirty_rows_as_for_three(partner_manager_client, route):
    def queries(rows: int) -> int:
        caller = Caller.make()
        for _ in range(rows):
            caller.account()
            Caller.make(caller.partner)
            Caller.make()
        path = address(route, *([caller.partner] if route == "partner-detail" else []))
        with CaptureQueriesContext(connection) as captured:
            assert partner_manager_client.get(path).status_code == 200
        return len(captured)

    queries(1)

    assert queries(3) == queries(30)
