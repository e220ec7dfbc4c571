"""Accounts out of a file: created, updated, left alone or refused, row by row."""

import pytest

from crm.models import Account, AttributeValue, ExternalId
from tests.importing import committed, verdicts

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
