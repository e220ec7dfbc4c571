"""The wholesale book: what each rule catches, and that nothing is lost or counted twice."""

from decimal import Decimal
from typing import Any

import pyarrow.parquet
import pytest
from django.db import connection, transaction
from django.db.models import Count, F, Max, Sum

from crm.models import (
    Account,
    Book,
    ExternalId,
    Import,
    Order,
    OrderLine,
    Product,
    RuleCount,
    RuleHit,
)
from crm.pipelines.imports.online_retail import ONLINE_RETAIL
from tests.demo_data import load_book

pytestmark = pytest.mark.django_db

SAMPLE = 150


@pytest.fixture(scope="module")
def wholesale(django_db_setup, django_db_blocker):
    """A sample of the book, loaded once for the tests that only read it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield load_book("wholesale", limit=SAMPLE)
        transaction.set_rollback(True)


def everything():
    """Return size and newest transaction of each table that an import writes."""
    tables: list[Any] = [Account, Order, OrderLine, Product]
    sizes = [
        (table.__name__, table.objects.aggregate(n=Count("*"), last=Max("changed_xid"))) for table in tables
    ]
    return [*sizes, ExternalId.objects.count()]


def file_rows():
    """Return the sampled rows of the file: customers of the book, and rows of nobody."""
    table = pyarrow.parquet.read_table(ONLINE_RETAIL.path)
    return table.to_pylist()


def test_every_rule_has_a_count_even_if_it_caught_nothing(wholesale):
    counts = RuleCount.objects.filter(source_import=wholesale.result["import"]).order_by("position")

    assert [count.rule for count in counts] == [rule.code for rule in ONLINE_RETAIL.rules]
    assert counts.get(rule="no_quantity").rows == 0
    assert counts.get(rule="cancellation").rows > 0


def test_hits_are_the_rows_behind_the_counts_as_they_stood_in_the_file(wholesale):
    hits = dict(RuleHit.objects.values_list("rule").annotate(n=Count("id")))
    counts = dict(RuleCount.objects.filter(rows__gt=0).values_list("rule", "rows"))
    row = RuleHit.objects.filter(rule="cancellation").order_by("row_number")[0]

    assert hits == counts
    assert set(row.row) == set(ONLINE_RETAIL.staging.columns)
    assert row.row["Invoice"].startswith("C")
    assert row.row["Quantity"] < 0


def test_amounts_reconcile_with_the_file_to_the_penny(wholesale):
    customers = set(ExternalId.objects.filter(kind="account").values_list("value", flat=True))
    caught = RuleHit.objects.filter(verdict="rejected").values_list("row_number", "row")
    left_out = {
        number: Decimal(str(row["Price"])) * row["Quantity"] for number, row in caught if row["Customer ID"]
    }
    in_file = sum(
        Decimal(repr(row["Price"])) * row["Quantity"]
        for row in file_rows()
        if row["Customer ID"] and str(int(row["Customer ID"])) in customers
    )
    others = {
        number
        for number, row in caught
        if row["Customer ID"] and str(int(row["Customer ID"])) not in customers
    }
    left_out_of_ours = sum(amount for number, amount in left_out.items() if number not in others)

    assert OrderLine.objects.aggregate(total=Sum("amount"))["total"] == in_file - left_out_of_ours
    assert Order.objects.aggregate(total=Sum("amount"))["total"] == in_file - left_out_of_ours


def test_every_order_is_the_sum_of_its_lines(wholesale):
    orders = Order.objects.annotate(of_lines=Sum("lines__amount"))

    assert not orders.exclude(of_lines=F("amount")).exists()
    assert not Order.objects.exclude(amount_reporting=F("amount")).exists()


def test_cancellations_are_facts_of_their_own(wholesale):
    returns = Order.objects.filter(kind="return")

    assert returns.exists()
    assert not returns.exclude(number__startswith="C").exists()
    assert not returns.filter(amount__gte=0).exists()
    assert not Order.objects.filter(kind="sale", number__startswith="C").exists()


def test_the_book_ended_within_the_last_week_and_holds_everything(wholesale):
    book = Book.objects.get(code="wholesale")
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp() - %s", [book.ends_at])
        age = cursor.fetchone()[0]

    assert 0 <= age.total_seconds() < 7 * 86_400
    assert not Order.objects.filter(placed_at__gte=book.ends_at).exists()
    assert not Order.objects.filter(placed_at__lt=book.starts_at).exists()
    assert not Order.objects.exclude(known_at=F("placed_at")).exists()


def test_dates_keep_weekday_and_local_time_of_day(wholesale):
    numbers = dict(Order.objects.values_list("number", "placed_at"))
    row = next(row for row in file_rows() if row["Invoice"] in numbers and row["InvoiceDate"][5:7] == "07")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_char(%s::timestamptz AT TIME ZONE 'Europe/London', 'ID HH24:MI'),"
            " to_char(%s::timestamp, 'ID HH24:MI')",
            [numbers[row["Invoice"]], row["InvoiceDate"]],
        )
        loaded, written = cursor.fetchone()

    assert loaded == written


def test_accounts_are_found_by_what_the_file_calls_them(wholesale):
    known = ExternalId.objects.filter(source="online_retail", kind="account")

    assert known.count() == Account.objects.count() <= SAMPLE
    assert set(known.values_list("row_id", flat=True)) == set(Account.objects.values_list("id", flat=True))
    assert not Account.objects.exclude(kind="organisation", currency="GBP").exists()
    assert not Account.objects.filter(customer_since=None).exists()


def test_products_have_one_tidy_code_and_name(wholesale):
    assert not Product.objects.exclude(code__regex=r"^[0-9A-Z]+$").exists()
    assert not Product.objects.filter(name__regex=r"^\s|\s$|\s\s").exists()
    assert Product.objects.exclude(category="Other").count() > Product.objects.count() / 2


def test_the_same_file_again_changes_nothing_and_is_not_even_read(wholesale):
    before = everything()

    again = load_book("wholesale", limit=SAMPLE)

    assert again.result["unchanged"] is True
    assert everything() == before


def test_reading_the_file_again_writes_only_what_differs(wholesale):
    Import.objects.update(state="cancelled")
    spoilt = Order.objects.annotate(n=Count("lines")).filter(n__gt=1)[0]
    lines = OrderLine.objects.filter(order=spoilt).count()
    spoilt.lines.all()[0].delete()
    Product.objects.filter(pk=Product.objects.all()[0].pk).update(name="Renamed by hand")

    again = load_book("wholesale", limit=SAMPLE).result["written"]

    assert again["lines"] == {"inserted": lines, "replaced": lines - 1}
    assert again["products"] == {"inserted": 0, "updated": 1}
    assert again["orders"] == {"inserted": 0, "updated": 0}
    assert again["accounts"] == {"inserted": 0, "updated": 0}
