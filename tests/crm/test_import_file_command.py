"""`manage.py import_file`: a file in one go, with codes that a script can act on."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from crm.models import Account, Book, Import
from tests.importing import csv_bytes

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = [
    {"Customer ID": "17", "Name": "Harbour Lane Ltd", "Country": "Germany", "Seats": "12"},
    {"Customer ID": "18", "Name": "Alder & Sons", "Country": "AT", "Seats": "3"},
]


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "customers.csv"
    found.write_bytes(csv_bytes(ROWS))
    return found


def run(path, *more):
    said = StringIO()
    call_command("import_file", str(path), "--book", "shop", "--kind", "accounts", *more, stdout=said)
    return said.getvalue()


def test_a_file_arrives_in_a_new_book_and_is_taken_back(path):
    said = run(path, "--new-book", "Shop,EUR", "--attributes")

    assert '"create": 2' in said
    book = Book.objects.get(code="shop")
    assert (book.currency, book.is_demo, book.ends_at, book.score_kinds) == (
        "EUR", False, None, ["churn", "purchase"],
    )  # fmt: skip
    assert Account.objects.get(name="Alder & Sons").attributes == {"seats": 3}

    said = StringIO()
    call_command("import_file", "--undo", str(Import.objects.get().public_id), stdout=said)
    assert not Account.objects.exists()


def test_a_new_book_is_scored_for_what_is_asked(path):
    with pytest.raises(CommandError, match="There is no score weather"):
        run(path, "--new-book", "Shop,EUR", "--scores", "churn,weather", "--dry-run")
    assert not Book.objects.exists()

    run(path, "--new-book", "Shop,EUR", "--scores", "payment_risk,churn", "--dry-run")
    assert Book.objects.get(code="shop").score_kinds == ["churn", "payment_risk"]


def test_a_dry_run_writes_nothing(path):
    said = run(path, "--new-book", "Shop,EUR", "--dry-run")

    assert "checked 2 rows" in said
    assert not Account.objects.exists()


def test_refused_rows_are_told_and_end_with_two(path):
    path.write_bytes(csv_bytes([*ROWS, {**ROWS[0], "Customer ID": "19", "Country": "Atlantis"}]))

    with pytest.raises(CommandError) as error:
        run(path, "--new-book", "Shop,EUR")

    assert error.value.returncode == 2
    assert Account.objects.count() == 2


def test_a_file_that_cannot_be_read_ends_with_three(path):
    path.write_bytes(b"")

    with pytest.raises(CommandError) as error:
        run(path, "--new-book", "Shop,EUR")

    assert error.value.returncode == 3


def test_columns_are_mapped_by_hand(path):
    path.write_bytes(b"a,b\n1,Harbour Lane\n")

    run(path, "--new-book", "Shop,EUR", "--map", "a=external_id", "--map", "b=name")

    assert Account.objects.get().name == "Harbour Lane"
