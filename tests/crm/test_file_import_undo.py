"""Taking an import back: what it wrote goes, what it overwrote returns, what was edited since stays."""

import threading
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.models import Model
from django.db.models.functions import Now

from crm.models import (
    Account,
    AttributeDefinition,
    AttributeValue,
    Change,
    ChangedRows,
    ChangeSet,
    Contact,
    Event,
    EventKey,
    ExternalId,
    Import,
    Invoice,
    Order,
    OrderLine,
    Score,
)
from crm.pipelines.imports import check_file, commit_file
from crm.services.accounts import edit_account
from crm.services.bulk_edits import assign_accounts
from crm.services.change_sets import forget_expired_steps
from crm.services.file_imports import (
    ImportStateError,
    cancel_import,
    forget_old_files,
    path_of,
    start_commit,
    start_undo,
)
from crm.services.jobs import enqueue, run_job
from crm.services.quarantine import let_go
from crm.services.undo import next_group, undo, undo_group
from tests.factories import (
    AccountFactory,
    BookFactory,
    ContactFactory,
    ExternalIdFactory,
    ProductFactory,
    ScoreFactory,
    UserFactory,
)
from tests.importing import checked, committed, undone, work

# Each commit is a transaction of its own: a row is known as ours by the one that wrote it.
pytestmark = pytest.mark.django_db(transaction=True)

SEATS = {"Seats": {"attribute": {"key": "seats", "label": "Seats", "type": "number"}}}


def account(number, **changes):
    return {"Customer ID": str(number), "Name": f"Company {number}", "Country": "GB", "Seats": "5", **changes}


def line(number, **changes):
    row = {"Order": number, "Customer": "17", "Date": "2026-01-05", "SKU": "A", "Qty": "2", "Price": "2.50"}
    return {**row, **changes}


def standing(*models: type[Model]) -> list[list[dict[str, object]]]:
    """Return the rows of these tables without the stamps that every write moves."""
    stamps = {"revision", "changed_xid", "updated_at", "known_at"}
    return [
        [
            {name: value for name, value in row.items() if name not in stamps}
            for row in model._base_manager.order_by("pk").values()
        ]
        for model in models
    ]


@pytest.fixture
def customer():
    made = AccountFactory(book=BookFactory(), name="Customer 17")
    ExternalIdFactory(source="erp", value="17", row_id=made.pk)
    for code in "AB":
        ProductFactory(book=made.book, code=code)
    return made


def test_what_was_created_goes_with_what_was_computed_from_it():
    made = committed("accounts", [account(1), account(2)], mapping=SEATS)
    ScoreFactory(account=Account.objects.get(name="Company 1"))

    change_set = undone(made)

    assert change_set.state == ChangeSet.State.UNDONE
    assert change_set.data["refused_rows"] == 0
    gone = (Account, AttributeValue, AttributeDefinition, ExternalId, Score)
    assert [model._base_manager.count() for model in gone] == [0] * 5
    assert Import.objects.get().state == Import.State.UNDONE
    assert Change.objects.filter(kind="import.undone").count() == 1


def test_what_was_updated_gets_its_old_values_back_with_their_history():
    committed("accounts", [account(1), account(2)], mapping=SEATS)
    before = standing(Account, AttributeValue, ExternalId, AttributeDefinition)

    made = committed(
        "accounts", [account(1, Name="Renamed", Seats="9"), account(2), account(3)], mapping=SEATS
    )
    assert standing(Account, AttributeValue, ExternalId, AttributeDefinition) != before
    undone(made)

    assert standing(Account, AttributeValue, ExternalId, AttributeDefinition) == before


def test_what_was_edited_since_stays_and_is_told():
    made = committed("accounts", [account(1), account(2)], mapping=SEATS)
    edited = Account.objects.get(name="Company 1")
    edit_account(account=edited, revision=edited.revision, changes={"name": "By hand"})

    change_set = undone(made)

    assert list(Account.objects.values_list("name", "attributes")) == [("By hand", {"seats": 5})]
    assert ExternalId.objects.get().row_id == edited.pk
    assert AttributeValue.objects.get().account == edited
    refused = {(row["table"], row["code"]) for row in change_set.data["refused"]}
    assert ("crm_account", "edited") in refused


def test_what_is_edited_at_the_same_moment_stays_too():
    made = committed("accounts", [account(1), account(2)], mapping=SEATS)
    edited = Account.objects.get(name="Company 1")
    undoing = threading.Thread(target=_undo_apart, args=[made])

    with transaction.atomic():
        edit_account(account=edited, revision=edited.revision, changes={"name": "By hand"})
        undoing.start()
        _wait_until_somebody_waits()
    undoing.join(60)

    assert list(Account.objects.values_list("name", flat=True)) == ["By hand"]
    refused = ChangeSet.objects.get().data["refused"]
    assert ("crm_account", edited.pk, "edited") in {(row["table"], row["id"], row["code"]) for row in refused}


def _undo_apart(source_import):
    try:
        undone(source_import)
    finally:
        connection.close()


def _wait_until_somebody_waits():
    until = time.monotonic() + 30
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
            time.sleep(0.05)
    pytest.fail("nobody waits")


def test_an_account_that_somebody_needs_by_now_stays():
    made = committed("accounts", [account(1), account(2)])
    ContactFactory(account=Account.objects.get(name="Company 1"))

    change_set = undone(made)

    assert list(Account.objects.values_list("name", flat=True)) == ["Company 1"]
    assert ExternalId.objects.count() == 1
    assert [row["code"] for row in change_set.data["refused"] if row["table"] == "crm_account"] == ["in_use"]


def test_an_order_gets_its_old_lines_back(customer):
    committed("orders", [line("1"), line("1", SKU="B"), line("2")])
    before = standing(Order, OrderLine)

    made = committed("orders", [line("1", Qty="7"), line("2"), line("3")])
    assert Order.objects.get(number="1").amount == Decimal("17.5")
    undone(made)

    assert standing(Order, OrderLine) == before


def test_an_order_of_which_a_line_was_edited_since_stays_whole(customer):
    committed("orders", [line("1"), line("1", SKU="B")])
    made = committed("orders", [line("1", Qty="7"), line("1", SKU="B", Qty="3"), line("2")])
    OrderLine.objects.filter(order__number="1", quantity=7).update(quantity=8)
    before = list(OrderLine.objects.filter(order__number="1").order_by("pk").values())

    change_set = undone(made)

    assert list(OrderLine.objects.filter(order__number="1").order_by("pk").values()) == before
    assert Order.objects.get(number="1").amount == 25
    assert not Order.objects.filter(number="2").exists()
    assert change_set.data["refused_rows"] > 0


def test_a_line_added_since_keeps_its_order(customer):
    committed("orders", [line("1")])
    made = committed("orders", [line("1", Qty="7")])
    order = Order.objects.get()
    copied = OrderLine.objects.get()
    OrderLine.objects.create(
        order=order, product=copied.product, quantity=1, unit_price=1, amount=1, amount_reporting=1
    )

    undone(made)

    assert sorted(OrderLine.objects.values_list("quantity", flat=True)) == [1, 7]


def test_events_go_with_their_keys_and_may_come_again(customer):
    row = {"Event": "view", "Timestamp": "2026-01-05T10:00:00Z", "Customer": "17", "SKU": "A"}
    undone(committed("events", [row]))

    assert (Event.objects.count(), EventKey.objects.count()) == (0, 0)
    committed("events", [row])
    assert Event.objects.count() == 1


def test_links_to_rows_that_stood_before_go_alone(customer):
    row = {"Number": "R1", "Customer": "17", "Date": "2026-01-01", "Due": "2026-01-31", "Total": "90"}
    committed("invoices", [row])
    made = committed("invoices", [{**row, "Total": "95"}])

    undone(made)

    assert Invoice.objects.get().amount == 90


def test_a_cancelled_commit_is_offered_for_undo(customer, monkeypatch):

    monkeypatch.setattr(check_file, "ROWS_A_BATCH", 2)
    made = checked("contacts", [{"Customer ID": "17", "Name": f"Person {n}"} for n in range(6)])
    job = start_commit(source_import=made, by=None)
    _stop_after_one_batch(monkeypatch, made)

    run_job(job.pk, commit_file.run)
    made.refresh_from_db()
    assert (made.state, Contact.objects.count()) == (Import.State.CANCELLED, 2)

    undone(made)

    made.refresh_from_db()
    assert (made.state, Contact.objects.count()) == (Import.State.UNDONE, 0)


def _stop_after_one_batch(monkeypatch, source_import):

    wrote = commit_file._write_batch

    def write_then_cancel(*arguments):
        wrote(*arguments)
        cancel_import(source_import=source_import, by=UserFactory())

    monkeypatch.setattr(commit_file, "_write_batch", write_then_cancel)


def test_an_undo_that_broke_off_goes_on(customer, monkeypatch):

    monkeypatch.setattr(check_file, "ROWS_A_BATCH", 2)
    made = committed("contacts", [{"Customer ID": "17", "Name": f"Person {n}"} for n in range(6)])
    change_set = ChangeSet.objects.get()
    undo_group(change_set=change_set, group=next_group(change_set))
    assert Contact.objects.count() == 4

    change_set = undone(made)

    assert Contact.objects.count() == 0
    assert change_set.data["undone_rows"] == 6


def test_an_import_that_is_being_undone_does_not_go_on(customer, monkeypatch):
    made = committed("contacts", [{"Customer ID": "17", "Name": f"Person {n}"} for n in range(6)])
    Import.objects.update(state=Import.State.FAILED)  # as if it had broken off
    start_undo(change_set=ChangeSet.objects.get(), by=None)

    with pytest.raises(ImportStateError):
        start_commit(source_import=made, by=None)


def test_what_is_undone_is_not_undone_again():
    made = committed("accounts", [account(1)])
    change_set = undone(made)

    with pytest.raises(ImportStateError):
        start_undo(change_set=change_set, by=None)
    stale = enqueue(task="crm.undo_change_set", params={"change_set": change_set.pk})
    assert work(stale).result == {"change_set": change_set.pk, "unchanged": True}


def test_an_undone_file_may_come_again():
    rows = [account(1), account(2)]
    undone(committed("accounts", rows, mapping=SEATS))

    made = committed("accounts", rows, mapping=SEATS)

    assert made.counts["rows"]["create"] == 2
    assert Account.objects.count() == 2


def test_after_a_month_nothing_is_kept_of_what_could_be_taken_back(settings, tmp_path):
    settings.FILES_ROOT = tmp_path
    made = committed("accounts", [account(1), account(2, Country="nowhere"), account(3, Country="nowhere")])
    let_go(source_import=made, row_ids=[made.quarantined.earliest("pk").pk])
    past = Now() - timedelta(days=31)
    ChangeSet.objects.update(undo_until=past)
    Import.objects.update(finished_at=past)

    assert (forget_expired_steps(), forget_old_files()) == (2, 1)

    assert not ChangedRows.objects.exists()
    assert not path_of(made).exists()
    assert "sample" not in Import.objects.get().reading
    assert [bool(row.cells) for row in made.quarantined.order_by("row_number")] == [False, True]
    with pytest.raises(ImportStateError):
        start_undo(change_set=ChangeSet.objects.get(), by=None)
    assert Account.objects.count() == 1


def test_a_bulk_edit_that_is_taken_back_is_told_of_each_account_that_it_reaches():
    before, owner = UserFactory(), UserFactory()
    kept, edited = (AccountFactory(owner=before, name=name) for name in ("Kept", "Edited"))
    change_set, _changed = assign_accounts(account_ids=[kept.pk, edited.pk], owner=owner, by=before)
    edited.refresh_from_db()
    edit_account(account=edited, revision=edited.revision, changes={"industry": "Toys"})
    Change.objects.all().delete()

    undo(change_set=change_set)

    assert list(Change.objects.values_list("kind", "account_id")) == [("account.updated", kept.pk)]
