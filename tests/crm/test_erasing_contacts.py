"""One person goes for good; the account, its other people and what was said with them stay."""

import pytest
from django.db import connection
from django.urls import reverse

from crm.models import (
    ChangedRows,
    ChangeSet,
    Contact,
    Erasure,
    Event,
    Job,
    MatchKey,
    QuarantinedRow,
    Visitor,
)
from crm.pipelines import erasing
from crm.services.accounts import save_contact
from crm.services.contact_erasure import start_contact_erasure
from crm.services.jobs import run_job
from tests import factories as f
from tests.crm.test_erasing import everywhere
from tests.importing import committed

CONTACTS = {
    "of": {"field": "account"}, "who": {"field": "name"}, "mail": {"field": "email"},
    "number": {"field": "external_id"},
}  # fmt: skip
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.FILES_ROOT = tmp_path


@pytest.fixture
def account():
    account = f.AccountFactory(name="Stone Ltd", country="GB")
    f.ExternalIdFactory(source="erp", value="A-1", row_id=account.pk)
    return account


@pytest.fixture
def zebedee(account):
    details = {"name": "Zebedee", "email": "zebedee@quartz.example", "phone": "020 7946 0018"}
    contact = save_contact(account=account, details=details)
    details["name"] = "Zebedee Quartz"
    return save_contact(account=account, details=details, contact=contact, revision=contact.revision)


def erase(contact):
    job = start_contact_erasure(contact=contact, by=f.UserFactory(role="administrator"))
    run_job(job.pk, erasing.run)
    job.refresh_from_db()
    assert job.state == "done", job.error
    return job


def test_nothing_of_the_person_is_left_and_the_account_stays(account, zebedee):
    colleague = f.ContactFactory(account=account, name="Ida", email="ida@stone.example")
    activity = f.ActivityFactory(account=account, contact=zebedee, text="Met at the fair")
    visitor = Visitor.objects.create(site=f.TrackedSiteFactory(), key="1-z", account=account, contact=zebedee)
    Event.objects.create(account=account, visitor="1-z", kind="search", term="zebedee", at=f.NOW)
    Event.objects.create(account=account, visitor="1-i", kind="visit", at=f.NOW)

    erase(zebedee)

    left = everywhere()
    assert [word for word in ("zebedee", "quartz", "7946", "1-z") if word in left] == []
    account.refresh_from_db()
    activity.refresh_from_db()
    assert (account.name, list(account.contacts.all())) == ("Stone Ltd", [colleague])
    assert (activity.text, activity.contact) == ("Met at the fair", None)
    assert (account.events.count(), Visitor.objects.filter(pk=visitor.pk).exists()) == (1, False)
    assert Erasure.objects.get().public_id == zebedee.public_id
    assert set(MatchKey.objects.values_list("kind", "key")) >= {("email", "ida@stone.example")}
    assert Job.objects.get(task="analytics.forget").params == {"accounts": [account.pk]}


def test_old_versions_of_tickets_do_not_say_who_it_was_with(account, zebedee):
    ticket = f.TicketFactory(account=account, contact=zebedee)

    erase(zebedee)

    ticket.refresh_from_db()
    assert ticket.contact is None
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, contact_id FROM crm_ticket_past")
        assert set(cursor.fetchall()) == {(ticket.pk, None)}


def test_steps_of_change_sets_forget_the_person_and_no_one_else(account, zebedee):
    change_set = ChangeSet.objects.create(kind="bulk_edit", undo_until=f.NOW)
    other = {"id": zebedee.pk + 1, "account_id": account.pk, "name": "Ida"}
    step = change_set.steps.create(
        table_name="crm_contact", action=ChangedRows.Action.UPDATED, row_ids=[zebedee.pk, zebedee.pk + 1],
        old_rows=[{"id": zebedee.pk, "account_id": account.pk, "name": "Zebedee"}, other],
    )  # fmt: skip

    erase(zebedee)

    step.refresh_from_db()
    assert step.old_rows == [{}, other]


def test_files_and_refused_rows_with_the_person_go_and_those_of_colleagues_stay(account):
    rows = [{"of": "A-1", "who": "Zebedee", "mail": "zebedee@quartz.example", "number": "C-7"}]
    spoken = committed("contacts", rows, mapping=CONTACTS, book=account.book)
    refused = [
        {"of": "nobody", "who": "Z", "mail": "Zebedee@quartz.example", "number": "C-8"},
        {"of": "nobody", "who": "Ida", "mail": "ida@stone.example", "number": "C-9"},
    ]
    mended = committed("contacts", refused, mapping=CONTACTS, book=account.book)
    other = committed("contacts", refused[1:], mapping=CONTACTS, book=account.book)

    job = erase(Contact.objects.get(email="zebedee@quartz.example"))

    for source in (spoken, mended, other):
        source.refresh_from_db()
    assert [bool(source.file_erased_at) for source in (spoken, mended, other)] == [True, True, False]
    states = QuarantinedRow.objects.filter(source_import=mended).order_by("row_number")
    assert list(states.values_list("state", "cells")) == [("dismissed", {}), ("waiting", refused[1])]
    assert (job.result["files"], job.result["refused_rows"]) == (2, 1)


def test_the_page_asks_for_the_name(admin_client_, sales_client, zebedee):
    address = reverse("crm:contact-erase", args=[zebedee.public_id])
    form = reverse("crm:contact-edit", args=[zebedee.public_id])

    assert address in admin_client_.get(form).text
    assert "without saying whom they were with" in admin_client_.get(address).text
    assert admin_client_.post(address, {"name": "Zebedee"}).status_code == 422
    answer = admin_client_.post(address, {"name": "Zebedee Quartz"})
    assert answer.url == Job.objects.get(task="crm.erase_account").get_absolute_url()
    assert sales_client.get(address).status_code == 403


def test_erasing_somebody_who_is_gone_changes_nothing(zebedee):
    job = start_contact_erasure(contact=zebedee, by=None)
    zebedee.delete()

    run_job(job.pk, erasing.run)

    job.refresh_from_db()
    assert job.result == {"unchanged": True}
