"""Forms of an account: what is given away, what two people changed at once, what was typed and refused."""

from html import unescape

import pytest

from crm.models import Account, Activity, Ticket
from tests import factories as f

pytestmark = pytest.mark.django_db

EDIT = {"name": "Amber", "kind": "organisation", "stage": "customer", "currency": "GBP", "revision": 1}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def account(sales_client):
    return f.AccountFactory(name="Amber", owner=sales_client.user)


@pytest.fixture
def stranger():
    return f.UserFactory(role="sales", team=f.TeamFactory())


def test_whoever_gives_an_account_away_is_told_and_back_on_the_list(sales_client, account, stranger):
    form = EDIT | {"owner": stranger.public_id}

    page = sales_client.post(f"{account.get_absolute_url()}edit/", form, follow=True)

    assert page.redirect_chain[0] == ("/accounts/", 302)
    assert page.status_code == 200
    assert f"Amber now belongs to {stranger}." in unescape(page.text)
    assert Account.objects.get().owner == stranger


def test_an_account_that_nobody_owns_any_more_is_gone_too(sales_client, account):
    page = sales_client.post(f"{account.get_absolute_url()}edit/", EDIT, follow=True)

    assert page.status_code == 200
    assert "Amber no longer belongs to you." in page.text


def test_giving_away_in_place_leads_to_the_list(sales_client, account, stranger):
    address = f"{account.get_absolute_url()}fields/owner/"
    form = {"owner": stranger.public_id, "revision": 1}

    response = sales_client.post(address, form, headers=HTMX)

    assert response.status_code == 200
    assert response["HX-Redirect"] == "/accounts/"
    assert f"Amber now belongs to {stranger}." in unescape(sales_client.get("/accounts/?view=all").text)


def test_giving_away_in_place_works_without_a_script(sales_client, account, stranger):
    form = {"owner": stranger.public_id, "revision": 1}

    response = sales_client.post(f"{account.get_absolute_url()}fields/owner/", form)

    assert (response.status_code, response.url) == (302, "/accounts/")


def test_a_new_account_of_somebody_else_leads_to_the_list(sales_client, stranger):
    form = EDIT | {"owner": stranger.public_id, "book": f.BookFactory().pk}

    page = sales_client.post("/accounts/new/", form, follow=True)

    assert page.status_code == 200
    assert f"Amber now belongs to {stranger}." in unescape(page.text)


def test_a_conflict_names_only_what_differs(admin_client_):
    choices = {"1": "School", "2": "University"}
    f.AttributeDefinitionFactory(key="education", type="choice", choices=choices)
    f.AttributeDefinitionFactory(key="since", type="date")
    f.AttributeDefinitionFactory(key="motto")
    account = f.AccountFactory(
        name="Amber", owner=None, stage="customer", currency="GBP", attributes={"since": "2026-05-04"}
    )
    Account.objects.filter(pk=account.pk).update(name="Theirs")
    form = EDIT | {"name": "Mine", "attr_education": "", "attr_motto": "", "attr_since": "2026-05-04"}

    page = admin_client_.post(f"{account.get_absolute_url()}edit/", form | {"country": account.country})

    assert page.status_code == 409
    assert [difference.label for difference in page.context["conflict"]] == ["Name"]


def test_a_note_as_long_as_the_browser_lets_it_be_is_kept(sales_client, account):
    text = "\r\n".join(["x" * 99] * 100)  # a browser counts 9,999 characters and sends 10,098

    response = sales_client.post(
        f"{account.get_absolute_url()}activities/new/", {"kind": "note", "text": text}
    )

    assert response.url == account.get_absolute_url()
    assert Activity.objects.get().text == text.replace("\r\n", "\n")


def test_a_ticket_counts_its_lines_alike(sales_client, account):
    text = "\r\n".join(["x" * 99] * 100)
    form = {
        "kind": Ticket.Kind.values[0],
        "priority": Ticket.Priority.NORMAL,
        "subject": "Late",
        "text": text,
    }

    sales_client.post(f"{account.get_absolute_url()}tickets/new/", form)

    assert Ticket.objects.get().text.count("\n") == 99


def test_a_note_that_is_refused_is_not_lost(sales_client, account):
    text = "They said:\r\n" + "x" * 10_000

    refused = sales_client.post(
        f"{account.get_absolute_url()}activities/new/", {"kind": "call", "text": text}
    )

    assert refused.status_code == 422
    assert refused.context["form"]["text"].value() == text
    assert "x" * 10_000 in refused.text
    assert '<option value="call" selected>' in refused.text
    assert not Activity.objects.exists()


def test_a_note_can_be_written_on_a_page_of_its_own(sales_client, account):
    page = sales_client.get(f"{account.get_absolute_url()}activities/new/")

    assert page.status_code == 200
    assert "<textarea" in page.text
