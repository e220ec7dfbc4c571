"""The pages of imports: upload, columns, check, report, undo and what may go wrong between them."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from crm.models import Account, Book, Import, Job
from crm.services.file_imports import save_mapping, start_commit
from tests.factories import BookFactory, UserFactory
from tests.importing import checked, committed, csv_bytes, received, work

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


def stage(client: Client, made: Import) -> str:
    return str(client.get(address(made)).context["page"].stage)


def filled(client: Client, made: Import) -> dict[str, str]:
    """Return the mapping form as the page shows it."""
    form = client.get(address(made) + "?step=columns").context["form"]
    return {name: value for name, value in form.initial.items() if name in form.fields and value is not None}


def send(client: Client, into: Book, content: bytes, **more: str | list[str]):
    upload = SimpleUploadedFile("accounts.csv", content)
    form = {"kind": "accounts", "book": str(into.public_id), "source": "erp", "file": upload, **more}
    return client.post("/imports/new/", form)


@pytest.mark.django_db(transaction=True)  # rows are known as ours by their transaction
def test_a_file_goes_from_upload_to_undo(admin_client_):
    answer = send(admin_client_, BookFactory(), csv_bytes(ACCOUNTS))
    made = Import.objects.get()
    assert answer.headers["Location"] == address(made)
    assert stage(admin_client_, made) == "reading"

    work(made.job)
    assert stage(admin_client_, made) == "mapping"
    form = filled(admin_client_, made)
    assert form["to_0"] == "field:external_id"
    assert "to_3" not in form or form["to_3"] == ""  # an attribute is offered, and not taken
    admin_client_.post(address(made, "mapping/"), {**form, "to_3": "attribute"})
    assert stage(admin_client_, made) == "checking"

    made.refresh_from_db()
    work(made.job)
    page = admin_client_.get(address(made))
    assert page.context["page"].stage == "preview"
    assert "Import 2 rows" in page.text
    assert "This is no country" in page.text
    assert [row.verdict for row in page.context["rows"]] == ["create", "refuse", "create"]
    admin_client_.post(address(made, "commit/"))
    assert stage(admin_client_, made) == "committing"

    made.refresh_from_db()
    work(made.job)
    assert stage(admin_client_, made) == "report"
    assert Account.objects.get(name="Quince").attributes == {"colour": "blue"}
    admin_client_.post(address(made, "undo/"))
    assert stage(admin_client_, made) == "undoing"

    work(made.change_set.job)
    assert "Taken back" in admin_client_.get(address(made)).text
    assert not Account.objects.filter(name="Quince").exists()


def test_a_new_book_is_made_with_the_upload(admin_client_):
    new = {"book": "new", "book_name": "Lanterns", "book_code": "lanterns", "book_currency": "CHF"}
    new["score_kinds"] = ["payment_risk", "churn"]
    page = admin_client_.get("/imports/new/")
    assert page.context["form"]["score_kinds"].value() == ["churn", "purchase"]

    assert send(admin_client_, BookFactory(), csv_bytes(ACCOUNTS), **new).status_code == 302
    assert send(admin_client_, BookFactory(), csv_bytes(ACCOUNTS), **new).status_code == 422

    book = Book.objects.get(code="lanterns")
    assert (book.name, book.currency, book.score_kinds) == ("Lanterns", "CHF", ["churn", "payment_risk"])
    assert Import.objects.get().book == book


def test_a_file_over_the_cap_is_refused_before_anything_of_it_is_read(admin_client_, settings):
    settings.IMPORT_MAX_BYTES = 1_000

    class Unread(io.BytesIO):
        def read(self, *args):
            raise AssertionError("the body was read")

    answer = admin_client_.generic(
        "POST", "/imports/new/", b"", content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(1_000 + 64 * 1024 + 1), **{"wsgi.input": Unread()},
    )  # fmt: skip

    assert answer.status_code == 413
    assert "The file is too big" in answer.text
    assert not Import.objects.exists()


def test_a_file_little_over_the_cap_stops_while_it_comes(admin_client_, settings, tmp_path):
    settings.IMPORT_MAX_BYTES = 1_000

    answer = send(admin_client_, BookFactory(), b"a,b\n" + b"1,2\n" * 400)

    assert answer.status_code == 413
    assert not Import.objects.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_upload_needs_the_token_of_the_form():
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(UserFactory(role="administrator"))

    assert send(strict, BookFactory(), csv_bytes(ACCOUNTS)).status_code == 403
    assert not Import.objects.exists()


def test_missing_fields_and_columns_that_go_to_one_place_are_said(admin_client_):
    made = received("accounts", csv_bytes(ACCOUNTS))
    form = {**filled(admin_client_, made), "to_0": "", "to_3": "field:name"}

    answer = admin_client_.post(address(made, "mapping/"), form)

    assert answer.status_code == 422
    assert "No column goes to “Number in the source”, which every row needs." in answer.text
    assert "More than one column goes to “Name”." in answer.text
    assert answer.context["form"]["to_3"].value() == "field:name"  # what was chosen stays


def test_an_outcome_needs_the_column_with_its_date(admin_client_):
    rows = [{"External ID": "A1", "Name": "Quince", "Left": "yes", "Day": "2026-03-31"}]
    made = received("accounts", csv_bytes(rows))
    form = {**filled(admin_client_, made), "to_2": "outcome:churn"}

    refused = admin_client_.post(address(made, "mapping/"), form)
    taken = admin_client_.post(address(made, "mapping/"), {**form, "outcome_date": "3", "outcome_days": "90"})

    assert "which column has the date of the outcome" in refused.text
    assert taken.status_code == 302
    made.refresh_from_db()
    assert made.mapping["Left"] == {"outcome": {"kind": "churn", "date_column": "Day", "horizon_days": 90}}


def test_the_way_the_file_is_written_can_be_said_again(admin_client_):
    made = received("accounts", "External ID;Name\nA1;Äpfel\n".encode("cp1252"))
    assert made.columns == ["External ID", "Name"]

    admin_client_.post(address(made, "read/"), {"encoding": "latin-1", "delimiter": ","})
    made.refresh_from_db()
    assert stage(admin_client_, made) == "reading"
    work(made.job)

    made.refresh_from_db()
    assert made.columns == ["External ID;Name"]
    assert (made.reading["encoding"], made.reading["delimiter"]) == ("latin-1", ",")


def test_a_file_that_cannot_be_read_says_why_and_can_be_read_otherwise(admin_client_):
    made = received("accounts", b"External ID,Name\n")

    page = admin_client_.get(address(made))

    assert page.context["page"].stage == "failed"
    assert "The file has a header, but no rows." in page.text
    assert "Read again" in page.text


@pytest.mark.parametrize("broke_at", ["reading", "checking", "committing"])
def test_an_import_whose_job_vanished_goes_on_where_it_broke(admin_client_, broke_at):
    made = received("accounts", csv_bytes(ACCOUNTS))
    if broke_at == "reading":
        Import.objects.filter(pk=made.pk).update(columns=[], mapping={})
    else:
        work(save_mapping(source_import=made, mapping=made.mapping, by=None))
        made.refresh_from_db()
    if broke_at == "checking":
        Import.objects.filter(pk=made.pk).update(state="mapped", counts={})
    if broke_at == "committing":
        start_commit(source_import=made, by=None)
        made.refresh_from_db()
    Job.objects.filter(pk=made.job_id).update(
        state="failed",
        error={"code": "worker_lost"},
        started_at="2026-01-01T00:00Z",
        finished_at="2026-01-02T00:00Z",
    )

    page = admin_client_.get(address(made))
    assert page.context["page"].stage == "failed"
    assert "The import broke off" in page.text
    assert admin_client_.post(address(made, "retry/")).status_code == 302

    assert stage(admin_client_, made) == broke_at
    made.refresh_from_db()
    work(made.job)
    assert stage(admin_client_, made) == {
        "reading": "mapping", "checking": "preview", "committing": "report"
    }[broke_at]  # fmt: skip


def test_cancelling_writes_nothing_and_leads_to_no_other_step(admin_client_):
    made = checked("accounts", ACCOUNTS)

    admin_client_.post(address(made, "cancel/"))
    late = admin_client_.post(address(made, "commit/"), follow=True)

    assert late.context["page"].stage == "cancelled"
    assert "the import has moved on" in late.text
    assert not Account.objects.exists()


def test_the_same_file_twice_is_finished_without_writing(admin_client_):
    book = BookFactory()
    first = committed("accounts", ACCOUNTS, book=book)
    again = checked("accounts", ACCOUNTS, book=book)

    page = admin_client_.get(address(again)).text

    assert "No row of the file would change anything." in page
    assert "Finish without writing" in page
    assert first.counts["rows"]["create"] == again.counts["rows"]["skip"] == 2


def test_refused_rows_are_handed_out_with_reason_and_without_formulas(admin_client_):
    made = checked("accounts", [{"External ID": "A1", "Name": "Quince", "Country": "=1+1"}])

    answer = admin_client_.get(address(made, "refused.csv"))

    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeffRow,Column,Value,Reason\r\n")
    assert "1,Country,'=1+1," in text


def test_columns_that_did_not_fit_can_be_said_again(admin_client_):
    made = received("accounts", csv_bytes(ACCOUNTS))
    problems = [{"code": "field_missing", "field": "name"}]
    Import.objects.filter(pk=made.pk).update(
        state="failed", problem={"code": "mapping", "data": {"problems": problems}}
    )

    page = admin_client_.get(address(made)).text

    assert "No column goes to “Name”, which every row needs." in page
    assert 'href="?step=columns"' in page
    assert admin_client_.post(address(made, "mapping/"), filled(admin_client_, made)).status_code == 302


def test_the_page_of_a_job_leads_to_its_import(admin_client_):
    made = received("accounts", csv_bytes(ACCOUNTS))

    assert f'href="{address(made)}"' in admin_client_.get(f"/jobs/{made.job.public_id}/").text


def test_a_file_may_have_as_many_columns_as_are_read(admin_client_):
    columns = ["External ID", "Name", *(f"Column {number}" for number in range(1_998))]
    made = received("accounts", csv_bytes([dict.fromkeys(columns, "x")]))

    answer = admin_client_.post(address(made, "mapping/"), filled(admin_client_, made))

    assert answer.status_code == 302


def test_the_list_shows_rows_by_verdict_and_filters(admin_client_):
    made = checked("accounts", ACCOUNTS, name="quinces.csv")

    everything = admin_client_.get("/imports/").text
    others = admin_client_.get("/imports/?kind=payments").text

    assert "quinces.csv" in everything
    assert "quinces.csv" not in others
    assert made.counts["rows"] == {"create": 2, "update": 0, "skip": 0, "refuse": 1}


def test_the_books_of_the_demo_are_no_files_of_somebody(admin_client_):
    book = Import.objects.create(book=BookFactory(), layout="online_retail", file_name="f", sha256="0" * 64)

    assert admin_client_.get(address(book)).status_code == 404
    assert "No file was imported yet" in admin_client_.get("/imports/").text


def test_only_whoever_imported_it_or_an_administrator_takes_it_back(analyst_client, admin_client_):
    made = committed("accounts", ACCOUNTS)

    assert 'id="undo"' not in analyst_client.get(address(made)).text
    assert analyst_client.post(address(made, "undo/")).status_code == 404
    assert 'id="undo"' in admin_client_.get(address(made)).text
