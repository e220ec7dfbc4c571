import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Account, Activity, Bin, Change, Contact, Order, Task, Ticket
from tests import factories as f

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(sales_client):
    return f.AccountFactory(name="Amber Gifts", owner=sales_client.user)


def names_on(page) -> list[str]:
    return re.findall(r'class="table__main" href="/accounts/[^"]+">([^<]+)<', page.text)


def test_salespeople_see_their_own_and_their_teams_accounts(sales_client):
    team = f.TeamFactory()
    sales_client.user.team = team
    sales_client.user.save()
    f.AccountFactory(name="Mine", owner=sales_client.user)
    f.AccountFactory(name="Ours", team=team)
    f.AccountFactory(name="Theirs", owner=f.UserFactory())

    assert names_on(sales_client.get("/accounts/")) == ["Mine", "Ours"]


def test_the_list_walks_forwards_and_back(admin_client_):
    f.AccountFactory.create_batch(60)
    first = admin_client_.get("/accounts/")
    following = re.search(r'href="(\?[^"]*after=[^"]+)" rel="next"', first.text)[1]
    second = admin_client_.get(f"/accounts/{following.replace('&amp;', '&')}")
    previous = re.search(r'href="(\?[^"]*before=[^"]+)" rel="prev"', second.text)[1]

    back = admin_client_.get(f"/accounts/{previous.replace('&amp;', '&')}")

    assert len(names_on(first)) == 50
    assert len(names_on(second)) == 10
    assert names_on(back) == names_on(first)


def test_a_page_that_is_gone_is_said_to_be(admin_client_):
    f.AccountFactory(name="Still here")

    page = admin_client_.get("/accounts/?after=forged")

    assert names_on(page) == ["Still here"]
    assert "no longer exists" in page.text


def test_a_filter_that_cannot_be_read_is_named(admin_client_):
    page = admin_client_.get("/accounts/?churn_min=lots")

    assert "Churn risk from" in page.text
    assert "Enter a number" in page.text


def test_nothing_exists_and_nothing_fits_are_told_apart(admin_client_):
    assert "No accounts yet" in admin_client_.get("/accounts/").text

    assert "No account fits" in admin_client_.get("/accounts/?country=FR").text


def test_the_count_is_capped_until_it_is_clicked(admin_client_, monkeypatch):
    monkeypatch.setattr("crm.views.accounts.COUNT_CAP", 55)
    f.AccountFactory.create_batch(60)

    assert ">55+</a>" in admin_client_.get("/accounts/").text
    fragment = admin_client_.get("/accounts/?count=exact", headers={"HX-Request": "true"})
    assert "60 accounts" in " ".join(fragment.text.split())
    assert "<html" not in fragment.text
    assert "HX-Request" in fragment["Vary"]


def test_what_is_more_than_is_counted_is_not_counted_again_on_the_next_page(
    admin_client_, sales_client, monkeypatch
):
    monkeypatch.setattr("crm.views.accounts.COUNT_CAP", 55)
    f.AccountFactory.create_batch(60)
    f.AccountFactory.create_batch(52, owner=sales_client.user)
    first = admin_client_.get("/accounts/?sort=name")
    after = first.context["page"].next_cursor

    with CaptureQueriesContext(connection) as asked:
        second = admin_client_.get("/accounts/", {"sort": "name", "after": after})

    assert ">55+</a>" in second.text
    assert "count(*)" not in " ".join(query["sql"] for query in asked if "text_id" in query["sql"])
    # Nobody else's list is meant, no other filter, and nothing that has become short meanwhile.
    assert '<span id="count">52 ' in sales_client.get("/accounts/?sort=name").text
    filtered = f"/accounts/?sort=name&owner={sales_client.user.public_id}"
    assert '<span id="count">52 ' in admin_client_.get(filtered).text
    Account.objects.filter(owner=None).delete()
    Account.objects.filter(pk__in=Account.objects.values("pk")[:10]).delete()
    assert '<span id="count">42 ' in admin_client_.get("/accounts/?sort=name").text


def test_fields_that_nobody_filled_in_lower_no_cap(admin_client_, monkeypatch):
    monkeypatch.setattr("crm.views.accounts.COUNT_CAP_OF_JOINS", 52)
    f.AccountFactory.create_batch(60, industry="Florist")

    with_panel = admin_client_.get("/accounts/?industry=Florist&churn_min=&value_min=&purchase_max=&more=1")

    assert '<span id="count">60 ' in with_panel.text
    assert '<span id="count">60 ' in admin_client_.get("/accounts/?industry=Florist").text


def test_a_page_whose_accounts_are_gone_leads_to_the_first_one(admin_client_):
    f.AccountFactory.create_batch(60)
    after = admin_client_.get("/accounts/?sort=name").context["page"].next_cursor
    Account.objects.filter(pk__in=Account.objects.order_by("-name", "-pk").values("pk")[:10]).delete()

    page = admin_client_.get("/accounts/", {"sort": "name", "after": after}, follow=True)

    assert page.redirect_chain == [("?sort=name", 302)]
    assert "That page of the list no longer exists" in page.text
    assert len(names_on(page)) == 50


def test_columns_can_be_chosen_and_follow_the_book(admin_client_):
    f.BookFactory(code="bank", score_kinds=["payment_risk"])
    f.AccountFactory(book__code="bank")

    bank = admin_client_.get("/accounts/?book=bank").text
    chosen = admin_client_.get("/accounts/?col=industry").text

    assert 'data-label="Payment risk"' in bank
    assert 'data-label="Churn risk"' not in bank
    assert re.findall(r'data-label="([^"]+)"', chosen) == ["Industry"]


def test_any_currency_can_be_entered_and_a_new_account_has_that_of_the_reports(admin_client_):
    book = f.BookFactory()
    given = {"name": "Fjord", "kind": "organisation", "book": book.pk, "stage": "lead"}

    refused = admin_client_.post("/accounts/new/", {**given, "currency": "XXQ"})
    admin_client_.post("/accounts/new/", {**given, "currency": "sek"})

    assert refused.status_code == 422
    assert "This is no currency" in refused.text
    assert Account.objects.get(name="Fjord").currency == "SEK"
    new = admin_client_.get("/accounts/new/")
    assert new.context["form"]["currency"].value() == "GBP"
    assert '<option value="SEK">' in new.text


def test_ticked_accounts_change_hands(admin_client_):
    owner = f.UserFactory(team=f.TeamFactory())
    ticked, other = f.AccountFactory(), f.AccountFactory()

    admin_client_.post("/accounts/assign/", {"ids": [ticked.public_id, "nonsense"], "owner": owner.public_id})

    ticked.refresh_from_db()
    other.refresh_from_db()
    assert (ticked.owner, other.owner) == (owner, None)


def test_nobody_assigns_what_they_do_not_see(sales_client):
    foreign = f.AccountFactory(owner=f.UserFactory())

    data = {"ids": [foreign.public_id], "owner": sales_client.user.public_id}
    sales_client.post("/accounts/assign/", data)

    assert not Account.objects.filter(owner=sales_client.user).exists()


def test_a_new_account_opens_its_page(sales_client):
    f.AttributeDefinitionFactory(key="size", type="number", label="Size")
    book = f.BookFactory()

    response = sales_client.post(
        "/accounts/new/",
        {
            "name": "New Ltd", "kind": "organisation", "book": book.pk, "stage": "lead", "currency": "GBP",
            "owner": sales_client.user.public_id, "country": "FR", "attr_size": "12",
        },
    )  # fmt: skip

    account = Account.objects.get()
    assert response.url == account.get_absolute_url()
    assert (account.owner, account.country, account.attributes) == (sales_client.user, "FR", {"size": 12})


def test_an_edit_that_crosses_another_shows_both_values(sales_client, account):
    form = {"name": "Mine", "kind": "organisation", "stage": "customer", "currency": "GBP", "revision": 1}
    Account.objects.filter(pk=account.pk).update(name="Theirs")

    refused = sales_client.post(f"{account.get_absolute_url()}edit/", form)
    revision = re.search(r'name="revision" value="(\d+)"', refused.text)[1]
    accepted = sales_client.post(f"{account.get_absolute_url()}edit/", form | {"revision": revision})

    account.refresh_from_db()
    assert refused.status_code == 409
    assert "<td>Theirs</td><td>Mine</td>" in refused.text
    assert accepted.status_code == 302
    assert account.name == "Mine"


def test_one_field_is_edited_in_place(sales_client, account):
    address = f"{account.get_absolute_url()}fields/name/"
    form = sales_client.get(address, headers={"HX-Request": "true"}).text

    saved = sales_client.post(address, {"name": "Better", "revision": 1}, headers={"HX-Request": "true"})

    assert '<input type="text" name="name" value="Amber Gifts"' in form
    assert "Better" in saved.text
    assert "<form" not in saved.text
    assert Account.objects.get(pk=account.pk).name == "Better"


def test_a_field_conflict_and_a_refused_value_stand_at_the_field(sales_client, account):
    address = f"{account.get_absolute_url()}fields/name/"
    Account.objects.filter(pk=account.pk).update(name="Theirs")

    conflict = sales_client.post(address, {"name": "Mine", "revision": 1}, headers={"HX-Request": "true"})
    refused = sales_client.post(address, {"name": "", "revision": 2}, headers={"HX-Request": "true"})

    assert "“Theirs”" in conflict.text
    assert "“Mine”" in conflict.text
    assert "This field is required" in refused.text
    assert Account.objects.get(pk=account.pk).name == "Theirs"


def test_a_field_works_without_a_script_too(sales_client, account):
    response = sales_client.post(
        f"{account.get_absolute_url()}fields/stage/", {"stage": "former", "revision": 1}
    )

    assert response.url == account.get_absolute_url()
    assert Account.objects.get(pk=account.pk).stage == "former"


def test_there_is_no_field_of_another_name(sales_client, account):
    assert sales_client.get(f"{account.get_absolute_url()}fields/book/").status_code == 404
    assert sales_client.get(f"{account.get_absolute_url()}fields/changed_xid/").status_code == 404


def test_a_note_goes_into_the_timeline_and_to_the_feed(sales_client, account):
    sales_client.post(
        f"{account.get_absolute_url()}activities/new/", {"kind": "call", "text": "They are <b>angry</b>"}
    )

    page = sales_client.get(account.get_absolute_url())
    assert "They are &lt;b&gt;angry&lt;/b&gt;" in page.text
    assert Activity.objects.get().author == sales_client.user
    assert Change.objects.get().kind == "activity.logged"


def test_an_empty_note_is_not_logged(sales_client, account):
    response = sales_client.post(
        f"{account.get_absolute_url()}activities/new/", {"kind": "call", "text": " "}
    )

    assert response.status_code == 422
    assert not Activity.objects.exists()


def test_a_recommendation_becomes_a_task(sales_client, account):
    f.RecommendationFactory(account=account, product__name="Cakestand")
    page = sales_client.get(account.get_absolute_url()).text
    title = re.search(r'name="title" value="(Offer Cakestand)"', page)[1]

    sales_client.post("/tasks/new/", {"account": account.public_id, "title": title})

    task = Task.objects.get()
    assert (task.account, task.title, task.assignee) == (account, "Offer Cakestand", sales_client.user)
    assert Change.objects.get().data == {"what": "task"}


def test_forms_lead_back_to_our_own_pages_only(sales_client, account):
    data = {"account": account.public_id, "title": "x", "next": "https://evil.example.com/"}

    assert sales_client.post("/tasks/new/", data).url == account.get_absolute_url()


def test_a_pinned_note_stands_on_top(sales_client, account):
    note = f.ActivityFactory(account=account, text="Never call before ten")

    sales_client.post(f"/activities/{note.public_id}/pin/", {"pinned": "1"})

    page = sales_client.get(account.get_absolute_url()).text
    assert page.index("Pinned") < page.index("Never call before ten")


def test_contacts_are_added_and_edited(sales_client, account):
    sales_client.post(
        f"{account.get_absolute_url()}contacts/new/", {"name": "Jane", "email": "j@example.com"}
    )
    contact = Contact.objects.get()
    sales_client.post(f"/contacts/{contact.public_id}/edit/", {"name": "Janet", "revision": 1})
    late = sales_client.post(f"/contacts/{contact.public_id}/edit/", {"name": "Joan", "revision": 1})

    contact.refresh_from_db()
    assert contact.name == "Janet"
    assert late.status_code == 409
    assert "Janet" in sales_client.get(f"{account.get_absolute_url()}?tab=people").text


def test_a_deleted_account_waits_in_the_bin_and_comes_back(sales_client, account):
    f.OrderFactory(account=account)
    confirm = sales_client.get(f"{account.get_absolute_url()}delete/")
    assert "Delete this account?" in confirm.text
    assert Account.objects.exists()

    sales_client.post(f"{account.get_absolute_url()}delete/")
    assert sales_client.get(account.get_absolute_url()).status_code == 404
    assert "Amber Gifts" in sales_client.get("/bin/").text
    back = sales_client.post(f"/bin/{Bin.objects.get().public_id}/restore/")

    assert back.url == account.get_absolute_url()
    assert Order.objects.count() == 1


def test_what_cannot_come_back_says_why(sales_client, account):
    f.ExternalIdFactory(row_id=account.pk, value="42")
    sales_client.post(f"{account.get_absolute_url()}delete/")
    f.ExternalIdFactory(row_id=1, value="42")

    page = sales_client.post(f"/bin/{Bin.objects.get().public_id}/restore/", follow=True)

    assert "one_row_per_external_id" in page.text
    assert Bin.objects.exists()


def test_a_ticket_runs_its_course(sales_client, account):
    opened = sales_client.post(
        f"{account.get_absolute_url()}tickets/new/",
        {"kind": "fault", "priority": "4", "subject": "Broken", "text": "It fell"},
    )
    ticket = Ticket.objects.get()
    sales_client.post(
        f"/tickets/{ticket.public_id}/assign/", {"priority": "2", "assignee": sales_client.user.public_id}
    )
    sales_client.post(f"/tickets/{ticket.public_id}/move/", {"state": "solved"})
    refused = sales_client.post(f"/tickets/{ticket.public_id}/move/", {"state": "pending"}, follow=True)

    ticket.refresh_from_db()
    assert opened.url == f"/tickets/{ticket.public_id}/"
    assert (ticket.state, ticket.priority, ticket.assignee) == ("solved", 2, sales_client.user)
    assert "go there" in refused.text
    assert "Broken" in sales_client.get("/tickets/?state=solved").text
    assert "Broken" not in sales_client.get("/tickets/").text


def test_a_ticket_of_somebody_elses_contact_is_refused(sales_client, account):
    stranger = f.ContactFactory()

    response = sales_client.post(
        f"{account.get_absolute_url()}tickets/new/",
        {"kind": "fault", "priority": "2", "subject": "Broken", "contact": stranger.public_id},
    )

    assert response.status_code == 422
    assert not Ticket.objects.exists()


def test_tasks_are_ticked_off_and_opened_again(sales_client):
    task = f.TaskFactory(account=None, assignee=sales_client.user, title="Call back")
    f.TaskFactory(account=None, assignee=f.UserFactory(), title="Not mine")

    sales_client.post(f"/tasks/{task.public_id}/done/", {"done": "1"})
    assert "Call back" in sales_client.get("/tasks/?done=1").text
    sales_client.post(f"/tasks/{task.public_id}/done/", {"done": "0"})

    page = sales_client.get("/tasks/?all=1").text
    assert "Call back" in page
    assert "Not mine" not in page


def test_the_demo_book_says_that_it_is_one(sales_client):
    book = f.BookFactory(code="demo", is_demo=True, ends_at=f.NOW)
    account = f.AccountFactory(book=book, owner=sales_client.user)

    page = sales_client.get(account.get_absolute_url()).text

    assert "Demo book ends on" in page
    assert "simulated" in page


def test_filters_without_a_control_of_their_own_can_be_taken_away(admin_client_):
    f.AttributeDefinitionFactory(key="tier", type="choice", label="Tier", choices={"g": "Gold"})
    partner = f.PartnerFactory(name="Quayside")

    page = admin_client_.get(
        f"/accounts/?country=FR&attr_tier=g&churn_min=0.4&partner={partner.public_id}"
    ).text
    opened = admin_client_.get("/accounts/?churn_min=0.07&purchase_max=30%25&value_min=0.5&more=1").text

    chips = re.findall(r'class="chip" href="([^"]+)">([^<]+?) <', page)
    assert [text for _url, text in chips] == ["Churn risk from: 40%", "Partner: Quayside", "Tier: Gold"]
    assert "attr_tier" not in chips[2][0]
    assert "country=FR" in chips[2][0]
    assert re.findall(r'name="(\w+_(?:min|max))" value="([^"]+)" inputmode', opened) == [
        ("churn_min", "7%"), ("purchase_max", "30%"), ("value_min", "0.5"),
    ]  # fmt: skip
