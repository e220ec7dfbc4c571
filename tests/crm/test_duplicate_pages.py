"""The pages about accounts that may be one."""

import re

import pytest

from crm.models import Account, ChangeSet, DuplicatePair, Job, MergedAccount
from crm.services.accounts import create_account, save_contact
from crm.services.matching import store_keys
from crm.services.merges import merge, propose
from tests import factories as f
from tests.importing import checked, committed

pytestmark = pytest.mark.django_db


def two(**details) -> tuple[Account, Account]:
    first = f.AccountFactory(name="Twin Stores Ltd", country="GB", **details)
    second = f.AccountFactory(name="TWIN STORES", country="DE", website="twin.example", **details)
    return first, second


def test_pairs_are_listed_with_their_reasons_the_likeliest_first(admin_client_):
    propose(one=f.AccountFactory(name="Alike"), two=f.AccountFactory(name="alike"))
    first, second = two(phone="+44 20 7946 0321")
    propose(one=first, two=second)

    page = admin_client_.get("/duplicates/").text

    assert page.index("Twin Stores Ltd and TWIN STORES") < page.index("Alike and alike")
    assert "Same telephone number" in page
    assert "Likely" in page


def test_pairs_are_walked_through_page_by_page(admin_client_):
    for number in range(30):
        propose(one=f.AccountFactory(name=f"Alike {number}"), two=f.AccountFactory(name=f"alike {number}"))

    first = admin_client_.get("/duplicates/").text
    following = re.search(r'href="(\?[^"]*after=[^"]+)" rel="next"', first)[1]
    second = admin_client_.get(f"/duplicates/{following.replace('&amp;', '&')}").text

    assert (first.count("/apart/"), second.count("/apart/")) == (25, 5)


def test_a_salesperson_sees_a_pair_only_with_both_accounts(sales_client):
    mine, theirs = f.AccountFactory(name="Twin", owner=sales_client.user), f.AccountFactory(name="twin")
    pair = propose(one=mine, two=theirs)

    assert "Twin" not in sales_client.get("/duplicates/").text
    assert sales_client.get(f"/duplicates/{pair.public_id}/").status_code == 404
    assert sales_client.post(f"/duplicates/{pair.public_id}/merge/").status_code == 404
    assert Account.objects.count() == 2


def test_marketing_merges_nothing(marketing_client):
    pair = propose(one=f.AccountFactory(name="Twin"), two=f.AccountFactory(name="twin"))

    assert marketing_client.get("/duplicates/").status_code == 403
    assert marketing_client.post(f"/duplicates/{pair.public_id}/merge/").status_code == 403


def test_side_by_side_one_chooses_who_stays_and_what_it_says(admin_client_):
    first, second = two()
    pair = propose(one=first, two=second)
    shown = admin_client_.get(f"/duplicates/{pair.public_id}/").text

    answer = admin_client_.post(
        f"/duplicates/{pair.public_id}/merge/", {"survivor": "second", "field_name": "first"}
    )

    assert 'name="field_country"' in shown
    assert 'name="field_kind"' not in shown  # both say the same
    assert answer.url == second.get_absolute_url()
    second.refresh_from_db()
    assert (second.name, second.country, second.website) == ("Twin Stores Ltd", "DE", "twin.example")
    assert ChangeSet.objects.get().owner == admin_client_.user


def test_the_account_on_which_more_hangs_is_proposed_to_stay(admin_client_):
    first, second = two()
    f.OrderFactory(account=second)

    shown = admin_client_.get(f"/duplicates/{propose(one=first, two=second).public_id}/").text

    assert re.search(r'name="survivor" value="second" checked', shown)


def test_the_old_address_leads_to_the_survivor_as_long_as_they_are_one(admin_client_):
    first, second = two()
    merge(survivor=first, other=second, choices={}, by=None)

    moved = admin_client_.get(second.get_absolute_url())
    admin_client_.post(f"/duplicates/merged/{second.public_id}/undo/")
    parted = admin_client_.get(second.get_absolute_url())

    assert (moved.status_code, moved.url) == (301, first.get_absolute_url())
    assert moved["Cache-Control"] == "no-store"
    assert parted.status_code == 200


def test_the_old_address_tells_nothing_to_those_who_do_not_see_the_survivor(sales_client):
    first, second = two()
    merge(survivor=first, other=second, choices={}, by=None)

    assert sales_client.get(second.get_absolute_url()).status_code == 404
    assert sales_client.post(f"/duplicates/merged/{second.public_id}/undo/").status_code == 404


def test_kept_apart_is_remembered_and_can_be_thought_over(admin_client_):
    pair = propose(one=f.AccountFactory(name="Twin"), two=f.AccountFactory(name="twin"))

    admin_client_.post(f"/duplicates/{pair.public_id}/apart/")

    pair.refresh_from_db()
    assert (pair.state, pair.decided_by) == (DuplicatePair.State.KEPT_APART, admin_client_.user)
    listed = admin_client_.get("/duplicates/").text
    assert f"/duplicates/{pair.public_id}/" not in listed
    again = admin_client_.get(f"/duplicates/{pair.public_id}/").text
    assert "decided" in again
    assert "They can be merged all the same." in again


def test_merges_are_listed_and_taken_back(admin_client_):
    first, second = two()
    contact = f.ContactFactory(account=second)
    merge(survivor=first, other=second, choices={}, by=admin_client_.user)
    contact.refresh_from_db()
    save_contact(account=first, contact=contact, revision=contact.revision, details={"name": "New"})

    listed = admin_client_.get("/duplicates/merged/").text
    answer = admin_client_.post(f"/duplicates/merged/{second.public_id}/undo/", follow=True).text

    assert "TWIN STORES into Twin Stores Ltd" in listed
    assert "1 row moved" in listed
    assert "1 thing that was edited since stayed with Twin Stores Ltd." in answer
    assert "Contact: 1" in answer
    assert not MergedAccount.objects.exists()
    assert Account.objects.filter(pk=second.pk).exists()


def test_a_merge_below_another_says_which_comes_first(admin_client_):
    first, second = two()
    merge(survivor=first, other=second, choices={}, by=None)
    merge(survivor=f.AccountFactory(), other=first, choices={}, by=None)

    answer = admin_client_.post(f"/duplicates/merged/{second.public_id}/undo/", follow=True)

    assert "Take that back first." in answer.text


def test_an_account_is_merged_from_its_own_page(admin_client_):
    account, other = f.AccountFactory(name="Amber"), f.AccountFactory(name="Quince Stores")
    address = f"/accounts/{account.public_id}/merge/"

    found = admin_client_.get(f"{address}?q=quin").text
    answer = admin_client_.post(address, {"other": other.public_id}, follow=True)

    assert address in admin_client_.get(account.get_absolute_url()).text
    assert str(other.public_id) in found
    assert "One customer or two?" in answer.text
    assert "Nothing that we compare is the same." in answer.text


def test_an_account_is_not_merged_with_itself(admin_client_):
    account = f.AccountFactory()

    answer = admin_client_.post(
        f"/accounts/{account.public_id}/merge/", {"other": account.public_id}, follow=True
    )

    assert "merged with itself" in answer.text.replace("&#x27;", "'")


@pytest.fixture
def entered():
    book = f.BookFactory()
    return {"name": "Lind GmbH", "kind": "organisation", "book": book.pk, "stage": "lead", "currency": "GBP"}


def test_a_new_account_that_may_exist_is_saved_only_when_meant(sales_client, entered):
    book = Account.objects.none().model._meta.get_field("book").related_model.objects.get()
    create_account(details={"name": "Lind", "book": book, "kind": "organisation", "owner": sales_client.user})

    warned = sales_client.post("/accounts/new/", entered)
    assert (warned.status_code, Account.objects.count()) == (409, 1)
    assert "Is it one of these?" in warned.text
    assert "Same name" in warned.text
    sales_client.post("/accounts/new/", {**entered, "save_anyway": "1"})

    assert Account.objects.count() == 2


def test_nobody_is_told_of_accounts_that_one_may_not_see(sales_client, entered):
    hidden = f.AccountFactory(name="Lind", owner=f.UserFactory())
    store_keys([hidden.pk])

    answer = sales_client.post("/accounts/new/", entered)

    assert answer.status_code == 302


def test_the_new_columns_are_shown_and_edited_in_place(admin_client_):
    account = f.AccountFactory(website="lind.example", phone="020 7946 0321")
    page = admin_client_.get(account.get_absolute_url()).text

    answer = admin_client_.post(
        f"/accounts/{account.public_id}/fields/tax_id/", {"tax_id": "GB 123 4567 82", "revision": "1"}
    )

    assert "lind.example" in page
    assert "020 7946 0321" in page
    assert answer.status_code == 302
    account.refresh_from_db()
    assert account.tax_id == "GB 123 4567 82"


@pytest.mark.django_db(transaction=True)
def test_the_preview_of_an_import_says_whom_a_new_row_looks_like(admin_client_, tmp_path, settings):
    settings.FILES_ROOT = tmp_path
    known = f.AccountFactory(name="Quince Limited", website="quince.example")
    store_keys([known.pk])
    rows = [
        {"External ID": "A1", "Name": "QUINCE", "Website": "https://www.quince.example/"},
        {"External ID": "A2", "Name": "Plum", "Website": "plum.example"},
    ]

    made = checked("accounts", rows, book=known.book)
    page = admin_client_.get(f"/imports/{made.public_id}/").text

    assert page.count("Looks like") == 1
    assert known.get_absolute_url() in page


@pytest.mark.django_db(transaction=True)
def test_imported_accounts_are_compared_as_soon_as_they_are_in(tmp_path, settings):
    settings.FILES_ROOT = tmp_path
    committed("accounts", [{"External ID": "A1", "Name": "Quince"}])

    assert Job.objects.filter(task="crm.find_duplicates", state=Job.State.QUEUED).exists()
