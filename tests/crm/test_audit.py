import pytest

from crm.models import Account, ApiKey, Contact
from crm.selectors.audit import list_audit
from tests import factories as f

pytestmark = pytest.mark.django_db


def changes(entry):
    return {change.name: (change.before, change.after) for change in entry.changes}


def test_each_edit_knows_what_was_and_what_came():
    account = f.AccountFactory(name="One", attributes={"size": 1, "vip": True})
    Account.objects.filter(pk=account.pk).update(name="Two")
    Account.objects.filter(pk=account.pk).update(name="Three", attributes={"size": 2, "vip": True})

    newest, oldest = list_audit(account=account)

    assert changes(oldest) == {"name": ("One", "Two")}
    assert changes(newest) == {"name": ("Two", "Three"), "attributes.size": (1, 2)}


def test_a_custom_attribute_reads_as_its_label_with_its_choices_in_words(admin_client_):
    f.AttributeDefinitionFactory(
        key="band-2", type="choice", label="Turnover band", choices={"b": "Up to 1 M", "c": "Over 1 M"}
    )
    account = f.AccountFactory(attributes={"band-2": "b"})
    Account.objects.filter(pk=account.pk).update(attributes={"band-2": "c"})
    url = account.get_absolute_url()

    pages = [admin_client_.get(path).text for path in (url, f"{url}?tab=audit", "/audit/")]

    timeline, audit, log = (page.partition('id="content"')[2] for page in pages)
    assert "changed 1 field: Turnover band" in timeline
    for shown in (audit, log):
        assert "<dt>Turnover band</dt>" in shown
        assert "<del>Up to 1 M</del>" in shown
        assert "<ins>Over 1 M</ins>" in shown


def test_a_deletion_keeps_what_there_was():
    contact = f.ContactFactory(name="Jane", email="jane@example.com")
    Contact.objects.filter(pk=contact.pk).delete()

    (entry,) = list_audit(account=contact.account)

    assert entry.action == "delete"
    assert changes(entry)["email"] == ("jane@example.com", None)


def test_an_account_shows_its_own_edits_and_its_rows():
    task = f.TaskFactory(title="Old")
    type(task).objects.filter(pk=task.pk).update(title="New")
    other = f.AccountFactory()
    Account.objects.filter(pk=other.pk).update(name="Elsewhere")

    (entry,) = list_audit(account=task.account)

    assert entry.table == "crm_taskevent"


def test_the_page_names_who_did_it_and_what_it_was(admin_client_):
    owner = f.UserFactory(first_name="Olga", last_name="Brandt")
    account = f.AccountFactory(name="Amber", stage="lead")
    admin_client_.user.first_name = "Ada"
    admin_client_.user.save()
    data = {"ids": [account.public_id], "owner": owner.public_id}
    admin_client_.post("/accounts/assign/", data)

    page = admin_client_.get("/audit/").text
    of_account = admin_client_.get(f"{account.get_absolute_url()}?tab=audit").text

    for text in (page, of_account):
        assert "<ins>Olga Brandt</ins>" in text
        assert "Ada" in text
    assert "Nothing was edited" in admin_client_.get("/audit/?kind=crm_ticketevent").text
    assert "Nothing was edited" in admin_client_.get(f"/audit/?actor={owner.public_id}").text
    assert "Olga Brandt" in admin_client_.get(f"/audit/?actor={admin_client_.user.public_id}").text


def test_older_edits_are_reached_by_keyset(admin_client_):
    account = f.AccountFactory()
    for number in range(60):
        Account.objects.filter(pk=account.pk).update(name=f"Name {number}")
    first = list_audit()
    last = first[49]

    rest = list_audit(older_than=(last.at, last.table, last.pk))

    assert len(first) == 51
    assert len(rest) == 10
    assert 'rel="next"' in admin_client_.get("/audit/").text


def test_what_administrators_say_of_books_attributes_and_keys_is_kept(admin_client_):
    book, seats = f.BookFactory(name="Shop"), f.AttributeDefinitionFactory(label="Seats")
    key = ApiKey.objects.create(partner=f.PartnerFactory(), label="Shop", prefix="abc", digest=b"d")
    type(book).objects.filter(pk=book.pk).update(name="The shop")
    type(seats).objects.filter(pk=seats.pk).update(is_known_before=True)
    type(key).objects.filter(pk=key.pk).update(last_used_at=f.NOW)  # each request does that
    type(key).objects.filter(pk=key.pk).update(revoked_at=f.NOW)

    log = admin_client_.get("/audit/").text

    assert "<ins>The shop</ins>" in log
    assert "Attribute" in log
    assert "Seats" in log
    assert "API key" in log
    assert "revoked" in log
    assert "last used" not in log
