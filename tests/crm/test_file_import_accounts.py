"""Accounts out of a file: created, updated, left alone or refused, row by row."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from crm.models import (
    Account,
    AttributeDefinition,
    AttributeValue,
    ChangedRows,
    ExternalId,
    Import,
    Outcome,
    SourceDay,
)
from crm.pipelines.imports import check_file
from crm.services.file_imports import (
    MappingError,
    attributes_to_offer,
    receive_file,
    save_mapping,
    start_commit,
)
from crm.services.refusals import preview_of, refusals_csv
from tests.factories import AccountFactory, BookFactory, ExternalIdFactory
from tests.importing import checked, committed, csv_bytes, received, refusals, verdicts, work

pytestmark = pytest.mark.django_db

ROWS = [
    {"Customer ID": "17", "Name": "Harbour Lane Ltd", "Country": "Germany", "Seats": "12"},
    {"Customer ID": "18", "Name": "Müller & Söhne", "Country": "AT", "Seats": "3"},
]
SEATS = {"Seats": {"attribute": {"key": "seats", "label": "Seats", "type": "number"}}}


def test_new_accounts_are_created_with_what_the_source_calls_them():
    made = committed("accounts", ROWS)

    assert verdicts(made) == {"create": 2}
    account = Account.objects.get(name="Harbour Lane Ltd")
    assert (account.country, account.stage, account.currency, account.attributes) == (
        "DE",
        "customer",
        "GBP",
        {},
    )
    assert ExternalId.objects.get(source="erp", kind="account", value="17").row_id == account.pk


def test_the_same_file_twice_changes_nothing():
    committed("accounts", ROWS, mapping=SEATS)
    before = list(Account.objects.order_by("pk").values_list("pk", "revision", "changed_xid", "updated_at"))

    again = committed("accounts", ROWS, mapping=SEATS)

    assert verdicts(again) == {"skip": 2}
    assert (
        list(Account.objects.order_by("pk").values_list("pk", "revision", "changed_xid", "updated_at"))
        == before
    )
    assert AttributeValue.objects.count() == 2


def test_unknown_columns_go_nowhere_unless_somebody_says_so():
    made = checked("accounts", ROWS)

    assert made.mapping["Seats"] is None
    assert attributes_to_offer(made) == {"Seats": {"key": "seats", "label": "Seats", "type": "number"}}


def test_the_first_value_that_history_tells_held_from_the_beginning():
    rows = [
        {**ROWS[0], "Customer since": "2021-03-04"},
        {**ROWS[1], "Customer since": ""},
    ]
    made = committed("accounts", rows, mapping=SEATS, is_history=True)
    committed("accounts", [{**row, "Seats": "14"} for row in rows], mapping=SEATS, is_history=True)

    for name, day in ((ROWS[0]["Name"], date(2021, 3, 4)), (ROWS[1]["Name"], date(2000, 1, 1))):
        first, later = AttributeValue.objects.filter(account__name=name).order_by("valid_from")
        began = datetime.combine(day, time(), ZoneInfo("Europe/London"))
        assert first.valid_from == began
        assert min(first.valid_to, later.valid_from, later.known_at) > made.created_at
        with connection.cursor() as cursor:  # as it was known until the second file came
            cursor.execute("SELECT known_at FROM crm_attributevalue_past WHERE id = %s", [first.pk])
            assert cursor.fetchall() == [(began,)]


def test_an_attribute_has_a_history_from_now_on_and_enters_no_model():
    committed("accounts", ROWS, mapping=SEATS, is_history=True)
    made = committed("accounts", [{**ROWS[0], "Seats": "14"}], mapping=SEATS)

    assert verdicts(made) == {"update": 1}
    definition = AttributeDefinition.objects.get(key="seats")
    assert (definition.type, definition.is_known_before) == ("number", False)
    account = Account.objects.get(name="Harbour Lane Ltd")
    assert account.attributes == {"seats": 14}
    old, new = AttributeValue.objects.filter(account=account).order_by("valid_from")
    assert (old.value, new.value, new.valid_to) == (12, 14, None)
    assert old.valid_from < old.valid_to <= new.valid_from
    assert new.known_at >= made.created_at


def test_a_labelled_column_becomes_an_outcome_with_its_date():
    outcome = {"Left": {"outcome": {"kind": "left", "date_column": "Asked on", "horizon_days": 30}}}
    rows = [
        {**ROWS[0], "Left": "yes", "Asked on": "2026-01-01"},
        {**ROWS[1], "Left": "no", "Asked on": "2026-01-01"},
    ]

    committed("accounts", rows, mapping=outcome, is_history=True)
    again = committed("accounts", rows, mapping=outcome)
    corrected = committed("accounts", [{**rows[1], "Left": "ja"}, rows[0]], mapping=outcome)

    assert verdicts(again) == {"skip": 2}
    assert verdicts(corrected) == {"update": 1, "skip": 1}
    assert list(Outcome.objects.values_list("kind", "happened")) == [("left", True)] * 2
    first = Outcome.objects.order_by("pk")[0]
    assert (first.observed_at - first.cutoff_at).days == 30
    assert first.known_at == first.observed_at


def test_a_number_that_stands_twice_counts_once_and_says_which():
    made = committed("accounts", [*ROWS, {**ROWS[0], "Name": "Another"}])

    assert verdicts(made) == {"create": 2, "refuse": 1}
    assert refusals(made) == {3: [("Customer ID", "17", "doubled_in_file")]}
    assert made.quarantined.get().cells == {**ROWS[0], "Name": "Another"}


def test_every_error_of_a_row_is_told():
    made = committed(
        "accounts", [{"Customer ID": "", "Name": "x" * 201, "Country": "Atlantis", "Seats": "1"}]
    )

    assert refusals(made) == {
        1: [
            ("Customer ID", "", "required"),
            ("Name", "x" * 200, "too_long"),
            ("Country", "Atlantis", "unknown_country"),
        ]
    }
    lines = list(refusals_csv(made))
    assert len(lines) == 4
    assert lines[3].startswith("1,Country,Atlantis,")


def test_formulas_are_neutralised_in_the_report():
    made = committed("accounts", [{"Customer ID": "1", "Name": "A", "Country": '=HYPERLINK("x")'}])

    assert "'=HYPERLINK" in list(refusals_csv(made))[1]


def test_nothing_is_written_by_a_check():
    made = checked("accounts", ROWS)

    assert (made.state, verdicts(made)) == (Import.State.VALIDATED, {"create": 2})
    assert [row.verdict for row in preview_of(made)] == ["create", "create"]
    assert not Account.objects.exists()


def test_a_mapping_without_what_is_required_is_refused():
    made = received("accounts", csv_bytes([{"Alpha": "1", "Name": "x"}]))

    with pytest.raises(MappingError) as error:
        save_mapping(source_import=made, mapping=made.mapping, by=None)

    assert error.value.problems == [{"code": "field_missing", "field": "external_id"}]


def test_the_mapping_is_remembered_for_the_same_header():
    committed("accounts", ROWS, mapping=SEATS)

    assert received("accounts", csv_bytes(ROWS)).mapping["Seats"] == SEATS["Seats"]


def test_a_file_that_is_none_is_refused_as_a_whole():
    made = received("accounts", b"\x00\x01\x02 nothing", name="photo.bin")

    assert made.state == Import.State.FAILED
    assert made.problem["code"]


def test_two_systems_may_both_know_customer_17():
    committed("accounts", ROWS)
    made = committed("accounts", [{**ROWS[0], "Name": "Somebody else"}], source="webshop")

    assert verdicts(made) == {"create": 1}
    assert Account.objects.count() == 3


def test_it_goes_on_without_anybody_looking_when_told_so():
    made = receive_file(
        book=BookFactory(),
        kind="accounts",
        source="erp",
        owner=None,
        name="nightly.csv",
        chunks=[csv_bytes(ROWS)],
        goes_on=True,
    )
    for _ in range(3):
        work(Import.objects.get(pk=made.pk).job)

    assert Import.objects.get(pk=made.pk).state == Import.State.DONE
    assert Account.objects.count() == 2


def test_what_a_source_sent_is_counted_by_day():
    committed("accounts", [*ROWS, {"Customer ID": "19", "Name": "No country", "Country": "", "Seats": ""}])
    committed("accounts", ROWS)

    day = SourceDay.objects.get()
    assert (day.source, day.kind, day.rows) == ("erp", "accounts", 5)
    assert day.missing["country"] == pytest.approx(1 / 5)


@pytest.fixture
def merged():
    """An account that the source knows by two numbers, since two were made one."""
    account = AccountFactory(book=BookFactory(), name="Harbour Lane")
    for value in ("17", "18"):
        ExternalIdFactory(source="erp", value=value, row_id=account.pk)
    return account


@pytest.mark.parametrize("rows_a_batch", [1, 50_000])
def test_two_numbers_of_one_account_count_once_wherever_they_stand(merged, monkeypatch, rows_a_batch):
    monkeypatch.setattr(check_file, "ROWS_A_BATCH", rows_a_batch)
    rows = [ROWS[1], {"Customer ID": "19", "Name": "New", "Country": "", "Seats": ""}, ROWS[0]]

    made = committed("accounts", rows, mapping=SEATS, book=merged.book)

    merged.refresh_from_db()
    assert verdicts(made) == {"create": 1, "update": 1, "refuse": 1}
    assert (merged.name, merged.revision) == ("Müller & Söhne", 2)
    assert refusals(made) == {3: [("Customer ID", "17", "doubled_in_file")]}
    assert made.quarantined.get().errors[0]["data"] == {"first": 1}
    assert ChangedRows.objects.filter(table_name="crm_account", action="updated").count() == 1
    assert verdicts(committed("accounts", rows, mapping=SEATS, book=merged.book)) == {"skip": 2, "refuse": 1}


def test_accounts_that_were_merged_after_the_check_count_once(merged, monkeypatch):
    monkeypatch.setattr(check_file, "ROWS_A_BATCH", 1)
    other = AccountFactory(book=merged.book)
    ExternalId.objects.filter(value="18").update(row_id=other.pk)
    made = checked("accounts", ROWS, book=merged.book)
    assert verdicts(made) == {"update": 2}
    ExternalId.objects.filter(value="18").update(row_id=merged.pk)

    work(start_commit(source_import=made, by=None))

    made.refresh_from_db()
    assert verdicts(made) == {"update": 1, "refuse": 1}
    assert refusals(made) == {2: [("Customer ID", "18", "doubled_in_file")]}
