"""The pages of imports: upload, columns, check, report, undo and quarantine."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from crm.models import Account, Import
from tests.factories import BookFactory
from tests.importing import csv_bytes, work

pytestmark = pytest.mark.django_db
ACCOUNTS = [
    {"External ID": "A1", "Name": "Quince", "Country": "GB", "Colour": "blue"},
    {"External ID": "A2", "Name": "Plum", "Country": "Nowhere", "Colour": "red"},
    {"External ID": "A3", "Name": "Fig", "Country": "FR", "Colour": "green"},
]


@pytest.fixture(autouse=True)
def _files(tmp_path, settings):
    settings.FILES_ROOT = tmp_path


def address(made: Import, step: str = "") -> str:
    return f"/imports/{made.public_id}/{step}"


@pytest.mark.django_db(transaction=True)  # rows are known as ours by their transaction
def test_a_file_goes_from_upload_to_undo(admin_client_):
    book = BookFactory()
    upload = SimpleUploadedFile("accounts.csv", csv_bytes(ACCOUNTS))

    answer = admin_client_.post(
        "/imports/new/", {"kind": "accounts", "book": book.public_id, "source": "erp", "file": upload}
    )
    made = Import.objects.get()
    assert answer.headers["Location"] == address(made)
    assert "Looking into the file" in admin_client_.get(address(made)).text

    work(made.job)
    page = admin_client_.get(address(made))
    assert page.context["page"].stage == "mapping"
    form = {name: value for name, value in page.context["form"].initial.items() if value is not None}
    assert form["to_0"] == "field:external_id"
    assert form["to_3"] == ""  # an attribute is offered, and not taken
    admin_client_.post(address(made, "mapping/"), {**form, "to_3": "attribute"})

    made.refresh_from_db()
    work(made.job)
    page = admin_client_.get(address(made))
    assert page.context["page"].stage == "preview"
    assert "Import 2 rows" in page.text
    assert "This is no country" in page.text
    admin_client_.post(address(made, "commit/"))

    made.refresh_from_db()
    work(made.job)
    assert admin_client_.get(address(made)).context["page"].stage == "report"
    assert Account.objects.get(name="Quince").attributes == {"colour": "blue"}
    admin_client_.post(address(made, "undo/"))

    work(made.change_set.job)
    page = admin_client_.get(address(made)).text
    assert "Taken back" in page
    assert not Account.objects.filter(name="Quince").exists()
