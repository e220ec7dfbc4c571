"""What happens between check and commit, and to imports that broke off."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection

from crm.models import (
    Account,
    AttributeDefinition,
    AttributeValue,
    Contact,
    ExternalId,
    Import,
    Invoice,
    Job,
)
from crm.pipelines.imports import check_file, commit_file
from crm.services.file_imports import (
    FileTooBigError,
    ImportStateError,
    cancel_import,
    path_of,
    receive_file,
    save_mapping,
    start_commit,
)
from crm.services.job_runs import run_job
from crm.services.sweep import forget_staging_tables
from tests.factories import AccountFactory, BookFactory, ExternalIdFactory, InvoiceFactory, UserFactory
from tests.importing import checked, committed, refusals, undone, verdicts, work

pytestmark = pytest.mark.django_db(transaction=True)

INVOICE = {"Number": "R1", "Customer": "17", "Date": "2026-01-01", "Due": "2026-01-31", "Total": "90"}


@pytest.fixture
def customer():
    made = AccountFactory(book=BookFactory())
    ExternalIdFactory(source="erp", value="17", row_id=made.pk)
    return made


def staging_tables():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname ~ '^crm_(read|staged|verdict)_[0-9]+$' ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


def commit(source_import):
    work(start_commit(source_import=source_import, by=None))
    source_import.refresh_from_db()


def test_what_somebody_wrote_meanwhile_is_seen_at_the_commit(customer):
    made = checked("invoices", [INVOICE])
    assert verdicts(made) == {"create": 1}
    InvoiceFactory(account=customer, number="R1", amount=80)

    commit(made)

    assert verdicts(made) == {"update": 1}
    assert Invoice.objects.get().amount == 90


def test_a_row_that_is_wrong_by_now_is_put_aside(customer):
    made = checked("invoices", [INVOICE])
    ExternalId.objects.all().delete()

    commit(made)

    assert verdicts(made) == {"refuse": 1}
    assert refusals(made) == {1: [("Customer", "17", "unknown_account")]}


def before_batches(monkeypatch, act):
    """Do something each time that the commit looks for its next batch."""
    next_bound = commit_file.next_bound

    def acted(run, after):
        act(after)
        return next_bound(run, after)

    monkeypatch.setattr(commit_file, "next_bound", acted)


def test_what_is_put_aside_late_outlasts_a_crash_of_the_database(customer, monkeypatch):
    monkeypatch.setattr(check_file, "ROWS_A_BATCH", 1)
    ExternalIdFactory(source="erp", value="18", row_id=customer.pk)
    made = checked("invoices", [INVOICE, {**INVOICE, "Number": "R2", "Customer": "18"}])
    ExternalId.objects.filter(value="17").delete()
    with monkeypatch.context() as patch:
        before_batches(patch, lambda after: after and 1 / 0)
        run_job(start_commit(source_import=made, by=None).pk, commit_file.run)
    assert Import.objects.get(pk=made.pk).through_row == 1
    with connection.cursor() as cursor:  # what a crash does to tables that are not logged
        cursor.execute(f"TRUNCATE crm_staged_{made.pk}, crm_verdict_{made.pk}")

    commit(made)

    assert verdicts(made) == {"create": 1, "refuse": 1}
    assert refusals(made) == {1: [("Customer", "17", "unknown_account")]}
    assert made.quarantined.get().cells == INVOICE


def test_an_attribute_that_an_undo_takes_away_meanwhile_is_defined_again(monkeypatch):
    seats = {"Seats": {"attribute": {"key": "seats", "label": "Seats", "type": "number"}}}
    row = {"Customer ID": "1", "Name": "A", "Seats": "5"}
    first = committed("accounts", [row], mapping=seats)
    made = checked("accounts", [{**row, "Customer ID": "2"}], mapping=seats, book=first.book)
    with monkeypatch.context() as patch:
        before_batches(patch, lambda after: after or undone(first))
        commit(made)

    assert AttributeDefinition.objects.get().key == "seats"
    assert AttributeValue.objects.get().value == 5
    undone(made)
    assert not AttributeDefinition.objects.exists()


def test_a_row_that_is_fine_by_now_arrives_and_is_no_longer_put_aside(customer):
    made = checked("invoices", [{**INVOICE, "Customer": "18"}])
    assert verdicts(made) == {"refuse": 1}
    ExternalIdFactory(source="erp", value="18", row_id=customer.pk)

    commit(made)

    assert verdicts(made) == {"create": 1}
    assert refusals(made) == {}


def test_a_number_taken_while_the_batch_is_written_is_judged_again(customer, monkeypatch):
    made = checked("invoices", [INVOICE])
    write, taken = commit_file._write_batch, []

    def beaten_once(*arguments):
        if not taken:
            taken.append(InvoiceFactory(account=customer, number="R1", amount=80))
            raise IntegrityError
        write(*arguments)

    monkeypatch.setattr(commit_file, "_write_batch", beaten_once)
    commit(made)

    assert verdicts(made) == {"update": 1}


def test_an_edit_of_the_same_moment_is_not_lost(customer, monkeypatch):
    row = {"Customer ID": "17", "Name": "Ann Lee", "ID": "c1"}
    committed("contacts", [row])
    made = checked("contacts", [{**row, "Name": "Ann B. Lee"}])
    lock = commit_file._lock_standing

    def edited_first(cursor, spec):
        with ThreadPoolExecutor(1) as others:
            others.submit(edit_phone).result()
        return lock(cursor, spec)

    monkeypatch.setattr(commit_file, "_lock_standing", edited_first)
    commit(made)

    contact = Contact.objects.get()
    assert (contact.name, contact.phone) == ("Ann B. Lee", "+44 1")


def edit_phone():
    Contact.objects.update(phone="+44 1")
    connection.close()


def test_staged_rows_that_a_crash_of_the_database_took_are_read_again(customer):
    made = checked("contacts", [{"Customer ID": "17", "Name": "Ann Lee"}])
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE crm_staged_{made.pk}")

    commit(made)

    assert verdicts(made) == {"create": 1}


def test_a_commit_that_failed_goes_on(customer, monkeypatch):
    made = checked("contacts", [{"Customer ID": "17", "Name": f"Person {n}"} for n in range(3)])
    with monkeypatch.context() as patch:
        patch.setattr(commit_file, "_move_on", lambda *_: 1 / 0)
        job = start_commit(source_import=made, by=None)
        run_job(job.pk, commit_file.run)
    made.refresh_from_db()
    assert (made.state, Contact.objects.count()) == (Import.State.FAILED, 0)

    commit(made)

    assert (made.state, Contact.objects.count()) == (Import.State.DONE, 3)


def test_a_cancelled_import_writes_nothing_and_cannot_be_committed(customer):
    made = checked("contacts", [{"Customer ID": "17", "Name": "Ann Lee"}])
    job = start_commit(source_import=made, by=None)

    cancel_import(source_import=made, by=UserFactory())

    assert Job.objects.get(pk=job.pk).state == Job.State.CANCELLED
    with pytest.raises(ImportStateError):
        start_commit(source_import=made, by=None)
    with pytest.raises(ImportStateError):
        save_mapping(source_import=made, mapping=made.mapping, by=None)
    assert not Contact.objects.exists()


def test_nothing_staged_is_left_behind(customer):
    forget_staging_tables()  # of imports of other tests, whose rows are gone
    committed("contacts", [{"Customer ID": "17", "Name": "Ann Lee"}])
    assert staging_tables() == []
    waiting = checked("contacts", [{"Customer ID": "17", "Name": "Bob Lee"}])
    given_up = checked("contacts", [{"Customer ID": "17", "Name": "Cat Lee"}])
    cancel_import(source_import=given_up, by=UserFactory())

    forget_staging_tables()

    assert staging_tables() == [f"crm_staged_{waiting.pk}", f"crm_verdict_{waiting.pk}"]


def test_two_mappings_one_after_the_other_the_last_one_counts(customer):
    made = checked("contacts", [{"Customer ID": "17", "Name": "Ann Lee", "Job": "Buyer"}])
    mapping = {**made.mapping, "Job": {"field": "job_title"}}

    work(save_mapping(source_import=made, mapping=mapping, by=None))
    commit(made)

    assert Contact.objects.get().job_title == "Buyer"


def test_while_a_file_is_checked_its_mapping_stands(customer):
    made = checked("contacts", [{"Customer ID": "17", "Name": "Ann Lee"}])
    save_mapping(source_import=made, mapping=made.mapping, by=None)

    with pytest.raises(ImportStateError):
        save_mapping(source_import=made, mapping=made.mapping, by=None)


def test_a_file_over_the_cap_is_not_kept(settings, tmp_path):
    settings.FILES_ROOT, settings.IMPORT_MAX_BYTES = tmp_path, 10

    with pytest.raises(FileTooBigError):
        receive_file(
            book=BookFactory(), kind="accounts", source="erp", owner=None, name="a.csv", chunks=[b"x" * 6] * 3
        )

    assert list((tmp_path / "imports").iterdir()) == []
    assert not Import.objects.exists()


def test_a_name_with_tricks_in_it_is_stored_below_the_folder(settings, tmp_path):
    settings.FILES_ROOT = tmp_path

    made = receive_file(
        book=BookFactory(),
        kind="accounts",
        source="erp",
        owner=None,
        name="../../etc/päss wd.csv",
        chunks=[b"a"],
    )

    assert path_of(made).resolve().is_relative_to(tmp_path / "imports")
    assert path_of(made).name == "pass_wd.csv"
    assert not Account.objects.exists()
