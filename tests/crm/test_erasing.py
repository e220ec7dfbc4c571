"""What is personal of an account goes, wherever it stands; amounts and dates stay, as nobody's."""

import csv
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from crm.models import (
    Account,
    ChangedRows,
    ChangeSet,
    Erasure,
    Event,
    ExternalId,
    Import,
    Job,
    QuarantinedRow,
    RuleHit,
    Visitor,
    WebSession,
)
from crm.models.personal import PERSONAL_COLUMNS
from crm.pipelines import erasing
from crm.pipelines.export_accounts import export_folder
from crm.selectors.audit import list_audit
from crm.services import erasure
from crm.services.accounts import edit_account
from crm.services.bin import move_to_bin
from crm.services.erasure import start_erasure
from crm.services.file_imports import path_of
from crm.services.jobs import run_job
from crm.services.merges import UnmergeRefusedError, merge, unmerge
from tests import factories as f
from tests.importing import committed, csv_bytes, received, refusals, undone

ACCOUNTS = {"Number": {"field": "external_id"}, "Name": {"field": "name"}}
NAME, EMAIL, PHONE = "Zebedee Quartz", "zebedee@quartz.example", "+44 20 7946 0018"


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.FILES_ROOT = tmp_path


@pytest.fixture
def zebedee(db):
    """Make a customer of whom there is something in every table that holds what is personal."""
    account = f.AccountFactory(
        name=NAME, email=EMAIL, phone=PHONE, tax_id="GB 123 4567 82", website="https://quartz.example",
        attributes={"motto": NAME}, country="GB",
    )  # fmt: skip
    f.ExternalIdFactory(source="erp", value="Z-17", row_id=account.pk)
    contact = f.ContactFactory(account=account, name=NAME, email="z.private@example.com")
    f.ActivityFactory(account=account, text=f"Met {NAME}", contact=contact)
    f.TaskFactory(account=account, title=f"Call {NAME}")
    f.TicketFactory(account=account, subject=f"{NAME} asks", text=f"Dear {NAME}", contact=contact)
    visitor = Visitor.objects.create(site=f.TrackedSiteFactory(), key="1-z", account=account, contact=contact)
    WebSession.objects.create(visitor=visitor, started_at=f.NOW, ended_at=f.NOW, events=1)
    Event.objects.create(account=account, visitor="1-z", kind="search", term=NAME, at=f.NOW)
    Event.objects.create(visitor="1-z", kind="visit", page="/zebedee", at=f.NOW)
    f.OrderFactory(account=account, number="O-99")
    f.PaymentFactory(invoice__account=account)
    f.ScoreFactory(account=account)
    return edit_account(account=account, revision=account.revision, changes={"industry": "Quarries"})


def erase(account, by=None):
    job = start_erasure(account_id=account.pk, by=by or f.UserFactory(role="administrator"))
    run_job(job.pk, erasing.run)
    job.refresh_from_db()
    assert job.state == "done", job.error
    return job


def everywhere() -> str:
    """Return everything that stands in any table of ours, old versions included."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()"
            " AND table_name ~ '^(crm|campaigns|analytics)_'"
        )
        found = []
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT coalesce(string_agg(to_jsonb(t)::text, ' '), '') FROM {table} AS t")
            found.append(cursor.fetchone()[0])
    return " ".join(found).lower()


def test_nothing_personal_is_left_in_any_table(zebedee):
    assert "zebedee" in everywhere()

    erase(zebedee)

    left = everywhere()
    # No shorter part of the telephone number: that turns up by chance in some identifier.
    personal = ("zebedee", "quartz", "z.private", "7946 0018", "79460018", "4567 82", "1-z", "z-17")
    assert [word for word in personal if word in left] == []


def test_amounts_and_dates_stay(zebedee):
    before = list(zebedee.orders.values_list("amount", "placed_at")), zebedee.invoices.count()

    erase(zebedee)

    after = Account.objects.get(pk=zebedee.pk)
    assert (list(after.orders.values_list("amount", "placed_at")), after.invoices.count()) == before
    assert (after.payments.count(), after.scores.count(), after.tickets.count()) == (1, 1, 1)
    assert (after.industry, after.country) == ("Quarries", "GB")
    assert after.name == f"Erased account {zebedee.public_id.hex[-8:]}"


def test_old_versions_of_a_ticket_keep_when_it_was_and_nothing_of_what_was_said(zebedee):
    ticket = zebedee.tickets.get()
    ticket.subject = f"{NAME} asks again"
    ticket.save()

    erase(zebedee)

    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, opened_at, subject, text, contact_id FROM crm_ticket_past")
        past = cursor.fetchall()
    assert len(past) >= 2
    assert set(past) == {("question", ticket.opened_at, "–", "", None)}


def test_others_keep_what_is_theirs(zebedee):
    other = f.AccountFactory(name="Ida Stone", email="ida@stone.example")
    f.ContactFactory(account=other, name="Ida")
    edit_account(account=other, revision=other.revision, changes={"industry": "Stone"})
    Event.objects.create(account=other, visitor="1-z", kind="visit", at=f.NOW)  # lent her the browser

    erase(zebedee)

    other.refresh_from_db()
    assert (other.name, other.contacts.count(), other.events.count()) == ("Ida Stone", 1, 1)
    assert [entry.action for entry in list_audit(account=other)] == ["update"]


def test_the_audit_log_says_by_whom_and_nothing_of_what_was(zebedee):
    by = f.UserFactory(role="administrator")

    erase(zebedee, by)

    (entry,) = list_audit(account=zebedee)
    assert (entry.action, entry.actor_id) == ("update", by.pk)
    assert [(change.name, change.before) for change in entry.changes] == [("name", "–")]
    done = Erasure.objects.get()
    assert (done.public_id, done.erased_by) == (zebedee.public_id, by)
    assert (done.counts["contacts"], done.counts["events"], done.counts["tickets"]) == (1, 2, 1)
    assert Job.objects.get(task="analytics.forget").params == {"accounts": [zebedee.pk]}


def test_erasing_twice_is_harmless(zebedee):
    erase(zebedee)
    name = Account.objects.get(pk=zebedee.pk).name

    erase(zebedee)

    assert Account.objects.get(pk=zebedee.pk).name == name
    assert Erasure.objects.count() == 1


def test_an_attempt_that_broke_off_is_done_again_as_a_whole(zebedee, monkeypatch):
    source = committed("accounts", rows_of("Z-17"), mapping=ACCOUNTS, book=zebedee.book)
    job = start_erasure(account_id=zebedee.pk, by=None)

    def broken(**_given):
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(erasing, "erase_standing", broken)
        run_job(job.pk, erasing.run)
    job.refresh_from_db()
    source.refresh_from_db()
    assert job.state == "failed"
    assert source.file_erased_at is not None
    assert NAME.lower() in everywhere()

    erase(zebedee)

    assert "zebedee" not in everywhere()


def test_every_table_with_personal_columns_of_an_account_is_thought_of():
    removed = {"crm.Activity", "crm.Contact", "crm.Task", "crm.Event", "crm.AttributeValue", "crm.MatchKey"}
    emptied = {"crm.Account", "crm.Ticket"}
    of_accounts = {
        label
        for label in PERSONAL_COLUMNS
        if label == "crm.Account"
        or "account_id" in {field.attname for field in apps.get_model(label)._meta.concrete_fields}
    }

    assert of_accounts == removed | emptied | {"crm.Visitor"}
    assert set(PERSONAL_COLUMNS["crm.Account"]) == set(erasure.EMPTIED)


def test_who_was_merged_into_it_goes_too_and_the_merge_stays_for_good(zebedee, admin_client_):
    survivor = f.AccountFactory(book=zebedee.book, name="Q. Ltd")
    change_set = merge(survivor=survivor, other=zebedee, choices={"name": "survivor"}, by=None)

    erase(survivor)

    assert "zebedee" not in everywhere()
    assert survivor.orders.count() == 1
    assert not ChangedRows.objects.filter(change_set=change_set).exists()
    with pytest.raises(UnmergeRefusedError) as refused:
        unmerge(change_set=ChangeSet.objects.get(pk=change_set.pk), by=None)
    assert refused.value.code == "too_late"
    assert "Unmerge" not in admin_client_.get(reverse("crm:merge-list")).text
    assert admin_client_.get(zebedee.get_absolute_url()).url == survivor.get_absolute_url()


# Files


def rows_of(*numbers, **more):
    return [{"Number": number, "Name": f"Name {number}", **more} for number in numbers]


@pytest.mark.django_db(transaction=True)  # undo compares transactions, and a test has one
def test_a_file_that_speaks_of_it_is_deleted_and_its_undo_goes_on_working():
    spoken = committed("accounts", rows_of("Z-17", "Z-18"), mapping=ACCOUNTS)
    other = committed("accounts", rows_of("A-1", "Z-170"), mapping=ACCOUNTS, book=spoken.book)
    mine = Account.objects.get(name="Name Z-17")
    path = path_of(spoken)

    job = erase(mine)

    spoken.refresh_from_db()
    other.refresh_from_db()
    assert job.result["files"] == 1
    assert not path.parent.exists()
    assert (spoken.stored_name, spoken.file_erased_at is not None, spoken.state) == ("", True, "done")
    assert "sample" not in spoken.reading
    assert path_of(other).exists()
    assert other.reading["sample"]
    change_set = undone(spoken)
    assert {row["code"] for row in change_set.data["refused"]} == {"edited"}
    assert not Account.objects.filter(name="Name Z-18").exists()
    assert Account.objects.filter(pk=mine.pk).exists()


@pytest.mark.parametrize(
    ("row", "is_deleted"),
    [
        ({"who": "", "mail": "write to ZEBEDEE@quartz.example, please"}, True),
        ({"who": "", "mail": "notzebedee@quartz.example"}, False),
        ({"who": "Z-17", "mail": ""}, True),
        ({"who": "020 7946 0018", "mail": ""}, True),
        ({"who": "020 7946 0019", "mail": ""}, False),
        ({"who": "Z-17-B", "mail": ""}, False),
    ],
)
def test_a_file_that_nobody_has_mapped_yet(zebedee, row, is_deleted):
    source = received("tickets", csv_bytes([row]), source="erp")
    Import.objects.filter(pk=source.pk).update(mapping={})

    erase(zebedee)

    source.refresh_from_db()
    assert (source.file_erased_at is not None, source.state == "cancelled") == (is_deleted, is_deleted)


def test_numbers_of_another_system_are_other_customers(zebedee):
    source = committed("accounts", rows_of("Z-17"), mapping=ACCOUNTS, source="shop")

    erase(zebedee)

    source.refresh_from_db()
    assert source.file_erased_at is None
    assert ExternalId.objects.filter(source="shop", value="Z-17").exists()


def test_refused_rows_and_rows_that_a_rule_caught_are_emptied(zebedee):
    tickets = {"customer": {"field": "account"}, "words": {"field": "subject"}, "day": {"field": "opened_at"}}
    rows = [
        {"customer": "Z-17", "words": "Broken", "day": "never"},
        {"customer": "A-1", "words": f"from {EMAIL}", "day": "2026-01-01"},
        {"customer": "A-2", "words": "Z-17 pieces", "day": "2026-01-01"},
    ]
    source = committed("tickets", rows, mapping=tickets, book=zebedee.book)
    hit = RuleHit.objects.create(
        source_import=source, rule="r", verdict="kept", row_number=9, field="day", row={"customer": "Z-17"}
    )
    assert set(refusals(source)) == {1, 2, 3}

    job = erase(zebedee)

    left = QuarantinedRow.objects.order_by("row_number").values_list("row_number", "state", "cells")
    assert list(left) == [(1, "dismissed", {}), (2, "dismissed", {}), (3, "waiting", rows[2])]
    hit.refresh_from_db()
    assert hit.row == {}
    assert (job.result["refused_rows"], job.result["caught_rows"]) == (2, 1)
    assert not QuarantinedRow.objects.filter(row_number__lt=3).exclude(errors=[]).exists()


def test_exported_lists_with_its_name_are_deleted(zebedee):
    for name, cell in (("accounts-1-1.csv", NAME), ("accounts-2-1.csv", "Somebody else")):
        with (export_folder() / name).open("w", newline="") as file:
            csv.writer(file).writerows([["Name"], [cell]])

    erase(zebedee)

    assert [path.name for path in export_folder().iterdir()] == ["accounts-2-1.csv"]


# Out of the bin, by page and by command


def test_an_account_in_the_bin_goes_wholly(zebedee):
    by = f.UserFactory(role="administrator")
    f.ExternalIdFactory(source="erp", kind="ticket", value="zebedee-1", row_id=zebedee.tickets.get().pk)
    move_to_bin(account=zebedee, by=by)

    erase(zebedee, by)

    assert "zebedee" not in everywhere()
    assert "o-99" not in everywhere()
    assert Erasure.objects.get().public_id == zebedee.public_id


def test_an_account_that_is_gone_meanwhile_changes_nothing(zebedee):
    merge(survivor=f.AccountFactory(book=zebedee.book), other=zebedee, choices={}, by=None)

    assert erase(zebedee).result == {"unchanged": True}


def test_the_page_asks_for_the_name_and_starts_a_job(admin_client_, zebedee):
    address = reverse("crm:account-erase", args=[zebedee.public_id])

    assert address in admin_client_.get(zebedee.get_absolute_url()).text
    page = admin_client_.get(address).text
    wrong = admin_client_.post(address, {"name": "Somebody"})
    assert (wrong.status_code, Job.objects.filter(task="crm.erase_account").exists()) == (422, False)
    answer = admin_client_.post(address, {"name": f" {NAME} "})

    job = Job.objects.get(task="crm.erase_account")
    assert "Amounts and dates, without a name" in page
    assert "Nobody can undo this" in page
    assert answer.url == job.get_absolute_url()
    assert NAME not in str([job.params, job.scope])
    run_job(job.pk, erasing.run)
    assert "Erased on" in admin_client_.get(zebedee.get_absolute_url()).text
    assert "Erase personal data" in admin_client_.get(answer.url).text


def test_what_lies_in_the_bin_can_be_erased_from_there(admin_client_, zebedee):
    entry = move_to_bin(account=zebedee, by=admin_client_.user)
    address = reverse("crm:bin-erase", args=[entry.public_id])

    assert address in admin_client_.get(reverse("crm:bin-list")).text
    assert "can’t be put back any more" in admin_client_.get(address).text
    admin_client_.post(address, {"name": NAME})
    run_job(Job.objects.get(task="crm.erase_account").pk, erasing.run)

    assert NAME not in admin_client_.get(reverse("crm:bin-list")).text


def test_only_administrators_are_offered_it(support_client, zebedee):
    page = support_client.get(zebedee.get_absolute_url()).text

    assert reverse("crm:account-erase", args=[zebedee.public_id]) not in page


def test_the_command_erases_by_the_public_id(zebedee):
    out = StringIO()

    call_command("erase_account", str(zebedee.public_id), "--yes", stdout=out)

    assert "erased" in out.getvalue()
    assert "zebedee" not in everywhere()


def test_the_command_asks_for_the_name(zebedee, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _question: "Somebody")

    with pytest.raises(CommandError, match="not its name"):
        call_command("erase_account", str(zebedee.public_id))

    zebedee.refresh_from_db()
    assert zebedee.name == NAME


@pytest.mark.parametrize("public_id", ["0195a1c2-7f3e-7cc1-8a55-2f6f0f6f3a11", "Zebedee"])
def test_the_command_says_when_there_is_nobody(db, public_id):
    with pytest.raises(CommandError, match="no account"):
        call_command("erase_account", public_id, "--yes")


def test_the_import_says_what_became_of_its_file(admin_client_, zebedee):
    source = committed("accounts", rows_of("Z-17"), mapping=ACCOUNTS, book=zebedee.book)

    erase(zebedee)

    page = admin_client_.get(reverse("crm:import-detail", args=[source.public_id])).text
    assert "deleted by an erasure" in page
