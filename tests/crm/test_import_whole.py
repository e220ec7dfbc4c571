"""Imports stand whole or not at all; and the whole file gives the figures that are known of it."""

import os
from decimal import Decimal

import pyarrow.parquet
import pytest
from django.db.models import Sum

from crm.models import Account, Change, Import, Job, Order, OrderLine, RuleHit
from crm.pipelines.imports import books, layout
from crm.pipelines.imports.online_retail import ONLINE_RETAIL
from crm.services import imports
from crm.services.jobs import run_job
from tests.demo_data import load_book

FULL = os.environ.get("SEXTANT_PROOF") == "full"


@pytest.mark.django_db(transaction=True)
def test_an_import_that_lost_its_job_leaves_nothing(monkeypatch):
    job = Job.objects.create(task="crm.import_book", scope="book:wholesale", params={"limit": 5})
    to_the_end = imports.mark_done

    def cancelled_meanwhile(source_import, *, counts):
        to_the_end(source_import, counts=counts)
        Job.objects.filter(pk=job.pk).update(state="cancelled")

    monkeypatch.setattr(layout, "mark_done", cancelled_meanwhile)
    run_job(job.pk, books.run)

    assert not Account.objects.exists()
    assert not Order.objects.exists()
    assert not RuleHit.objects.exists()
    assert not Change.objects.exists()
    assert Import.objects.get().state == "committing"


@pytest.mark.django_db(transaction=True)
def test_an_import_that_broke_can_be_run_again(monkeypatch):
    job = Job.objects.create(task="crm.import_book", scope="book:wholesale", params={"limit": 5})
    with monkeypatch.context() as broken:
        broken.setattr(layout, "mark_done", lambda *_, **__: 1 / 0)
        run_job(job.pk, books.run)
    failed = Import.objects.get()
    left = Account.objects.count()

    load_book("wholesale", limit=5)

    assert (failed.state, left) == ("failed", 0)
    assert Import.objects.get().state == "done"
    assert Account.objects.count() == 5
    assert Change.objects.filter(kind="import.committed").count() == 1


@pytest.mark.proof
@pytest.mark.skipif(not FULL, reason="reads the whole file; SEXTANT_PROOF=full")
@pytest.mark.django_db(transaction=True)
def test_the_whole_file_gives_the_known_figures():
    job = load_book("wholesale")

    assert job.result["rows"] == 525_461
    rules = job.result["rules"]
    assert rules["cancellation"] == 10_206
    assert rules["return_without_sale"] == 7_052
    assert rules["negative_quantity"] == 2_121
    assert rules["no_price"] == 3_690
    assert rules["no_customer"] == 107_927
    assert rules["exact_duplicate"] == 6_865
    assert rules["not_a_product"] + rules["unusual_code"] == 3_097
    assert distinct_codes("code_in_two_cases", upper=True) == 151
    assert distinct_codes("several_descriptions") == 449
    assert job.result["written"]["accounts"] == {"inserted": 4_314, "updated": 0}
    assert OrderLine.objects.count() == 408_941
    assert total_of_file() == accepted_total() + rejected_total()


def distinct_codes(rule, *, upper=False):
    codes = RuleHit.objects.filter(rule=rule).values_list("row__StockCode", flat=True)
    return len({code.upper() if upper else code for code in codes})


def total_of_file():
    return sum(
        Decimal(repr(row["Price"])) * row["Quantity"]
        for row in pyarrow.parquet.read_table(ONLINE_RETAIL.path).to_pylist()
    )


def accepted_total():
    return OrderLine.objects.aggregate(total=Sum("amount"))["total"]


def rejected_total():
    rows = dict(RuleHit.objects.filter(verdict="rejected").values_list("row_number", "row"))
    return sum(Decimal(str(row["Price"])) * row["Quantity"] for row in rows.values())
