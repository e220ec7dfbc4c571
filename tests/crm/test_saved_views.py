import pytest

from crm.models import SavedView
from tests import factories as f

pytestmark = pytest.mark.django_db


def save(client, name: str, query: str, **more):
    return client.post("/views/new/", {"page": "account-list", "name": name, "query": query, **more})


def test_a_view_keeps_filters_order_and_columns(sales_client):
    response = save(sales_client, "French", "col=owner&country=FR&sort=-churn")

    view = SavedView.objects.get()
    assert response.url == f"/accounts/?view={view.public_id}&col=owner&country=FR&sort=-churn"
    page = sales_client.get(response.url).text
    assert 'aria-current="page">French' in page
    assert "Discard" not in page


def test_a_changed_view_can_be_saved_or_discarded(sales_client):
    opened = save(sales_client, "French", "country=FR").url
    changed = opened.replace("country=FR", "country=DE")

    page = sales_client.get(changed).text
    assert "Discard" in page
    view = SavedView.objects.get()
    sales_client.post(f"/views/{view.public_id}/", {"action": "save", "query": "country=DE"})

    assert "Discard" not in sales_client.get(changed).text


def test_the_default_view_opens_first_and_all_stays_reachable(sales_client):
    save(sales_client, "French", "country=FR")
    view = SavedView.objects.get()
    sales_client.post(f"/views/{view.public_id}/", {"action": "default"})

    assert sales_client.get("/accounts/").url.endswith("&country=FR")
    assert sales_client.get("/accounts/?view=all").status_code == 200
    sales_client.post(f"/views/{view.public_id}/", {"action": "no_default"})
    assert sales_client.get("/accounts/").status_code == 200


def test_a_shared_view_is_seen_by_all_and_changed_by_its_owner_only(sales_client, analyst_client):
    save(analyst_client, "Losses", "sort=-expected_loss", is_shared="on")
    save(analyst_client, "Private", "country=FR")
    shared = SavedView.objects.get(name="Losses")

    page = sales_client.get("/accounts/").text
    answer = sales_client.post(f"/views/{shared.public_id}/", {"action": "delete"})

    assert "Losses" in page
    assert "Private" not in page
    assert answer.status_code == 404
    assert SavedView.objects.count() == 2


def test_views_are_renamed_moved_and_deleted(sales_client):
    for name in ("One", "Two"):
        save(sales_client, name, f"q={name}")
    two = SavedView.objects.get(name="Two")

    sales_client.post(f"/views/{two.public_id}/", {"action": "left"})
    sales_client.post(f"/views/{two.public_id}/", {"action": "rename", "name": "Second", "is_shared": "on"})
    page = sales_client.get("/accounts/").text
    gone = sales_client.post(f"/views/{two.public_id}/", {"action": "delete"})

    assert page.index("Second") < page.index("One")
    assert gone.url == "/accounts/?view=all"
    assert SavedView.objects.get().name == "One"


def test_a_name_is_wanted_and_used_once(sales_client):
    save(sales_client, "", "country=FR")
    save(sales_client, "French", "country=FR")
    save(sales_client, "French", "country=DE")

    assert SavedView.objects.get().query == "country=FR"


def test_a_shared_view_of_mine_shows_the_readers_own(sales_client, analyst_client):
    f.AccountFactory(name="Saras", owner=sales_client.user)
    f.AccountFactory(name="Anas", owner=analyst_client.user)
    url = save(analyst_client, "Mine", "owner=me", is_shared="on").url

    page = sales_client.get(url).text

    assert "Saras" in page
    assert "Anas" not in page


def test_the_order_of_what_a_view_keeps_makes_it_no_other(sales_client):
    view = SavedView.objects.create(
        owner=sales_client.user, page="account-list", name="Risky", query="value_min=5000&sort=-churn"
    )

    page = sales_client.get(f"/accounts/?view={view.public_id}&{view.query}").text

    assert "Discard" not in page
