import csv
import io

import pytest

from crm.models import Account, Job
from crm.pipelines import export_accounts
from crm.pipelines.imports.values import parse_text
from crm.selectors.account_columns import ListColumn
from crm.selectors.account_list import account_sort
from crm.selectors.directory import get_directory
from crm.services.csv_export import csv_lines, neutral
from crm.services.jobs import run_job
from tests import factories as f

pytestmark = pytest.mark.django_db


def rows_of(response) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_the_file_holds_what_the_list_shows(admin_client_):
    account = f.AccountFactory(name="Amber", country="FR")
    f.ScoreFactory(account=account, value=0.25)
    f.AccountFactory(name="Hidden by the filter", country="DE")

    response = admin_client_.post("/accounts/export/", {"query": "country=FR&col=country&col=churn"})

    assert response["Content-Type"].startswith("text/csv")
    assert rows_of(response) == [
        {"Name": "Amber", "Country": "France", "Churn risk": "0.25", "id": str(account.public_id)}
    ]


def test_ticked_accounts_alone_are_exported(admin_client_):
    wanted, _other = f.AccountFactory(name="Wanted"), f.AccountFactory(name="Other")

    response = admin_client_.post("/accounts/export/", {"ids": [wanted.public_id]})

    assert [row["Name"] for row in rows_of(response)] == ["Wanted"]


def test_nobody_exports_what_they_do_not_see(sales_client):
    f.AccountFactory(name="Theirs", owner=f.UserFactory())

    assert rows_of(sales_client.post("/accounts/export/", {"query": ""})) == []


def test_ticks_that_nobody_may_see_do_not_widen_the_export_to_the_list(sales_client):
    f.AccountFactory(name="Mine", owner=sales_client.user)
    theirs = f.AccountFactory(name="Theirs", owner=f.UserFactory())

    response = sales_client.post("/accounts/export/", {"ids": [theirs.public_id], "query": ""}, follow=True)

    assert not response.streaming
    assert "No account was selected" in response.text


@pytest.mark.parametrize("whole_list", [{}, {"all": "1", "shown": "1"}])
def test_an_unreadable_filter_does_not_widen_the_export_either(whole_list, admin_client_):
    account = f.AccountFactory()
    form = {"query": "churn_min=abc"} | whole_list | ({"ids": [account.public_id]} if whole_list else {})

    response = admin_client_.post("/accounts/export/", form, follow=True)

    assert not response.streaming
    assert "Nothing was exported" in response.text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "－1"])
def test_no_cell_is_a_formula(text, admin_client_):
    assert neutral(text) == f"'{text}"
    assert neutral("Plain = text") == "Plain = text"


def test_names_that_look_like_formulas_are_neutralised_in_the_file(admin_client_):
    f.AccountFactory(name='=HYPERLINK("http://x")', industry="@risk")

    (row,) = rows_of(admin_client_.post("/accounts/export/", {"query": "col=industry"}))

    assert row["Name"].startswith("'=")
    assert row["Industry"] == "'@risk"


def test_no_header_is_a_formula_and_numbers_stay_numbers():
    f.AccountFactory(name="Amber")
    columns = [
        ListColumn("balance", "=Balance", "text", lambda _row, _names: -12.5),
        ListColumn("code", "Code", "text", lambda _row, _names: "-12.5"),
    ]

    lines = csv_lines(
        Account.objects.all(), sort=account_sort("name"), columns=columns, names=get_directory()
    )

    header, (_name, balance, code, _id) = csv.reader(io.StringIO("".join(lines)))
    assert header[1:3] == ["'=Balance", "Code"]
    assert (balance, code) == ("-12.5", "'-12.5")


def test_what_was_neutralised_is_read_back_as_it_was():
    parse = parse_text(100)

    assert [parse(neutral(text)) for text in ("=1+1", "+49 30 1", "@x", "plain", "'quoted'")] == [
        "=1+1", "+49 30 1", "@x", "plain", "'quoted'",
    ]  # fmt: skip


@pytest.fixture
def long_list(monkeypatch, settings, tmp_path):
    monkeypatch.setattr("crm.views.export.BULK_LIMIT", 2)
    monkeypatch.setattr("crm.services.csv_export.BATCH", 2)
    settings.FILES_ROOT = tmp_path
    return [f.AccountFactory(name=f"Account {number}") for number in range(5)]


def test_a_long_list_becomes_a_job_with_a_file_to_fetch(admin_client_, long_list):
    response = admin_client_.post("/accounts/export/", {"query": "sort=-name"})
    job = Job.objects.get()
    assert response.url == f"/jobs/{job.public_id}/"
    assert admin_client_.get(f"/accounts/export/{job.public_id}/").status_code == 404

    run_job(job.pk, export_accounts.run)

    job.refresh_from_db()
    assert (job.state, job.result["rows"], job.done, job.total) == ("done", 5, 5, 5)
    assert f"/accounts/export/{job.public_id}/" in admin_client_.get(response.url).text
    names = [row["Name"] for row in rows_of(admin_client_.get(f"/accounts/export/{job.public_id}/"))]
    assert names == [f"Account {number}" for number in (4, 3, 2, 1, 0)]


def test_the_job_writes_what_its_owner_may_see_when_it_runs(sales_client, long_list):
    for account in long_list[:3]:
        account.owner = sales_client.user
        account.save()
    sales_client.post("/accounts/export/", {"query": ""})
    long_list[0].owner = f.UserFactory()
    long_list[0].save()
    job = Job.objects.get()

    run_job(job.pk, export_accounts.run)

    job.refresh_from_db()
    assert job.result["rows"] == 2


def test_the_file_is_for_those_who_see_the_job(sales_client, admin_client_, long_list):
    admin_client_.post("/accounts/export/", {"query": ""})
    job = Job.objects.get()
    run_job(job.pk, export_accounts.run)

    assert sales_client.get(f"/accounts/export/{job.public_id}/").status_code == 404
