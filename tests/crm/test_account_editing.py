"""Editing an account among others who do, and what its page offers to whom."""

import pytest

from crm.models import Account
from tests import factories as f
from tests.signing_in import signed_in_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(sales_client):
    return f.AccountFactory(name="Amber Gifts", owner=sales_client.user)


def test_a_field_that_nobody_touched_is_saved_whatever_else_was_edited(sales_client, account):
    address = f"/accounts/{account.public_id}/fields/tax_id/"
    form = sales_client.get(address, headers={"HX-Request": "true"}).text
    assert '<input type="hidden" name="was" value="">' in form
    Account.objects.filter(pk=account.pk).update(website="https://theirs.example.com")
    stale = {"tax_id": "GB 123 4567 82", "was": "", "revision": account.revision}

    sales_client.post(address, stale, headers={"HX-Request": "true"})
    refused = sales_client.post(address, {**stale, "tax_id": "DE 1"}, headers={"HX-Request": "true"})

    account.refresh_from_db()
    assert (account.website, account.tax_id) == ("https://theirs.example.com", "GB 123 4567 82")
    assert "Somebody has changed this account meanwhile" in refused.text


def test_attributes_without_a_value_stand_aside(admin_client_):
    for key, label in (("seats", "Seats"), ("sex", "Sex")):
        f.AttributeDefinitionFactory(key=key, label=label, type="text")
    account = f.AccountFactory(attributes={"seats": "40"})

    form = admin_client_.get(f"/accounts/{account.public_id}/edit/").context["form"]
    page = admin_client_.get(f"/accounts/{account.public_id}/").text

    assert [bound.name for bound in form.empty] == ["attr_sex"]
    assert [bound.name for bound in form.parts()[-1][1]] == ["attr_seats"]
    aside = page.split("1 attribute without a value</summary>")[1].split("</details>")[0]
    assert "Sex" in aside
    assert "Seats" not in aside


@pytest.mark.parametrize(("role", "offered"), [("sales", "Add a task"), ("analyst", "See the scores")])
def test_what_needs_somebody_offers_what_they_may_do(role, offered):
    account = f.AccountFactory(owner=f.UserFactory(role="sales"))
    f.ScoreFactory(account=account, kind="churn", value=0.9)
    f.ValueFactory(account=account, kind="customer_value", amount=9_000)
    client = signed_in_client(account.owner if role == "sales" else f.UserFactory(role=role))

    sentence = client.get(f"/accounts/{account.public_id}/").text.split('class="needs-you"')[1]

    assert offered in sentence.split('class="tabs')[0]
