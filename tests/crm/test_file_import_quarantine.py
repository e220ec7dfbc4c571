"""Refused rows are mended and sent again, or let go; nothing of them is lost meanwhile."""

import pytest

from crm.models import Account, Import, QuarantinedRow
from crm.services.quarantine import NothingToSendError, RowSettledError, let_go, mend_row, send_again
from tests.factories import UserFactory
from tests.importing import committed, work

pytestmark = pytest.mark.django_db

ROWS = [
    {"Kundennr": "1", "Name": "Good GmbH", "Land": "DE", "seit": "05.06.2024"},
    {"Kundennr": "2", "Name": "Bad GmbH", "Land": "Atlantis", "seit": "05.06.2024"},
    {"Kundennr": "3", "Name": "", "Land": "DE", "seit": "31.02.2024"},
]
MAPPING = {
    "Kundennr": {"field": "external_id"},
    "Land": {"field": "country"},
    "seit": {"field": "customer_since"},
}


@pytest.fixture
def source_import():
    return committed("accounts", ROWS, mapping=MAPPING)


def row(source_import, number):
    return QuarantinedRow.objects.get(source_import=source_import, row_number=number)


def test_a_mended_row_is_sent_again_and_read_as_its_file_was(source_import):
    mend_row(row=row(source_import, 2), cells={"Land": "AT"})

    sent = send_again(source_import=source_import, by=UserFactory())
    for _ in range(3):
        work(Import.objects.get(pk=sent.pk).job)

    account = Account.objects.get(name="Bad GmbH")
    assert (account.country, account.customer_since.isoformat()) == ("AT", "2024-06-05")
    assert {one.state for one in QuarantinedRow.objects.filter(source_import=source_import)} == {"sent"}
    assert [one.cells["Kundennr"] for one in QuarantinedRow.objects.filter(source_import=sent)] == ["3"]


def test_what_was_sent_or_let_go_is_settled(source_import):
    assert let_go(source_import=source_import) == 2

    with pytest.raises(RowSettledError):
        mend_row(row=row(source_import, 2), cells={"Land": "AT"})
    with pytest.raises(NothingToSendError):
        send_again(source_import=source_import, by=UserFactory())
