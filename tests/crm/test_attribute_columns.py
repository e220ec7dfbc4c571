"""Custom attributes as columns of the account list: chosen, shown as their type wants, exported."""

import csv
import io
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Job
from crm.pipelines import export_accounts
from crm.services.jobs import run_job
from tests import factories as f

pytestmark = pytest.mark.django_db

ATTRIBUTES = {"size": 1234.5, "vip": True, "band": "b", "since": "2020-05-04", "note": "<b>=1</b>"}


@pytest.fixture
def account():
    for key, kind, label in (
        ("size", "number", "Size"), ("vip", "boolean", "Very important"), ("band", "choice", "Turnover"),
        ("since", "date", "Since"), ("note", "text", "Note"),
    ):  # fmt: skip
        choices = {"b": "Up to 1 M"} if kind == "choice" else {}
        f.AttributeDefinitionFactory(key=key, type=kind, label=label, choices=choices)
    f.AccountFactory(name="Without")
    return f.AccountFactory(name="With", attributes=ATTRIBUTES)


QUERY = "&".join(f"col=attr_{key}" for key in ATTRIBUTES)


def cells(page, name):
    row = next(row for row in re.findall(r"<tr>.*?</tr>", page) if f">{name}<" in row)
    found = re.findall(r'data-label="([^"]+)">(.*?)</td>', row)
    return {label: re.sub(r"</?(time|span)[^>]*>", "", text) for label, text in found}


def test_each_type_is_shown_as_it_reads(admin_client_, account):
    shown = cells(admin_client_.get(f"/accounts/?{QUERY}").text, "With")

    assert shown == {
        "Note": "&lt;b&gt;=1&lt;/b&gt;", "Since": "4 May 2020", "Size": "1,234.5", "Turnover": "Up to 1 M",
        "Very important": "Yes",
    }  # fmt: skip


@pytest.mark.parametrize("sort", ["name", "-churn"])
def test_what_is_not_known_is_a_dash_however_the_list_is_sorted(admin_client_, account, sort):
    f.ScoreFactory(account=f.AccountFactory(name="Scored"))

    page = admin_client_.get(f"/accounts/?{QUERY}&col=churn&sort={sort}").text

    assert cells(page, "Scored")["Size"] == "–"
    assert cells(page, "Scored")["Churn risk"] != "–"


def test_a_value_of_another_type_harms_nobody(admin_client_, account):
    f.AccountFactory(name="Odd", attributes={"size": "large", "since": "never", "band": 7, "vip": "no"})

    shown = cells(admin_client_.get(f"/accounts/?{QUERY}").text, "Odd")

    assert (shown["Size"], shown["Since"], shown["Turnover"]) == ("large", "–", "7")


def test_the_menu_offers_them_and_knows_which_are_chosen(admin_client_, account):
    page = admin_client_.get("/accounts/?col=attr_size&col=country").text

    boxes = dict(re.findall(r'name="col" value="([^"]+)" form="columns"( checked)?', page))
    assert {key for key, checked in boxes.items() if checked} == {"attr_size", "country"}
    assert {f"attr_{key}" for key in ATTRIBUTES} <= boxes.keys()


def test_an_attribute_that_is_no_more_is_no_column(admin_client_, account):
    page = admin_client_.get("/accounts/?col=attr_gone&col=attr_size").text

    assert list(cells(page, "With")) == ["Size"]


def test_a_list_without_them_does_not_read_them(admin_client_, account):
    with CaptureQueriesContext(connection) as captured:
        admin_client_.get("/accounts/?col=country")

    assert not [query for query in captured if '"crm_account"."attributes"' in query["sql"]]


def test_they_are_exported_now_and_later(admin_client_, account):
    answer = admin_client_.post("/accounts/export/", {"query": QUERY})
    now = b"".join(answer.streaming_content).decode("utf-8-sig")
    params = {
        "criteria": {}, "sort": "name", "columns": [f"attr_{key}" for key in ATTRIBUTES], "language": "en",
    }  # fmt: skip
    job = f.JobFactory(task="crm.export_accounts", owner=admin_client_.user, params=params)
    run_job(job.pk, export_accounts.run)

    job = Job.objects.get(pk=job.pk)
    later = (export_accounts.export_folder() / job.result["file"]).read_text(encoding="utf-8-sig")
    for text in (now, later):
        row = next(row for row in csv.DictReader(io.StringIO(text)) if row["Name"] == "With")
        assert (row["Size"], row["Very important"], row["Turnover"]) == ("1234.5", "Yes", "Up to 1 M")
        assert (row["Since"], row["Note"]) == ("2020-05-04", "<b>=1</b>")
