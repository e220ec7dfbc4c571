"""Orders out of a file of lines: whole or not at all, and replaced only when they differ."""

from decimal import Decimal

import pytest

from crm.models import ExchangeRate, Order, OrderLine
from tests.factories import AccountFactory, BookFactory, ExternalIdFactory, ProductFactory
from tests.importing import committed, refusals, verdicts

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def known_customers():
    book = BookFactory()
    for number in ("17", "18"):
        account = AccountFactory(book=book, name=f"Customer {number}")
        ExternalIdFactory(source="erp", value=number, row_id=account.pk)
    for code in ("A", "B"):
        ProductFactory(book=book, code=code)


def line(number, **changes):
    row = {"Order": number, "Customer": "17", "Date": "2026-01-05 10:30", "SKU": "A"}
    row |= {"Qty": "2", "Price": "2.50"}
    return {**row, **changes}


def amounts():
    return dict(Order.objects.values_list("number", "amount"))


def test_lines_become_orders_with_their_sums():
    made = committed("orders", [line("1"), line("2"), line("1", SKU="B", Qty="1", Price="10")])

    assert verdicts(made) == {"create": 3}
    assert amounts() == {"1": 15, "2": 5}
    assert list(
        Order.objects.get(number="1").lines.order_by("pk").values_list("product__code", "quantity")
    ) == [
        ("A", 2),
        ("B", 1),
    ]


def test_the_same_lines_again_change_nothing_and_other_lines_replace_an_orders():
    rows = [line("1"), line("1", SKU="B"), line("2")]
    committed("orders", rows)
    before = dict(OrderLine.objects.values_list("pk", "changed_xid"))

    again = committed("orders", rows)
    assert verdicts(again) == {"skip": 3}
    assert dict(OrderLine.objects.values_list("pk", "changed_xid")) == before

    changed = committed("orders", [line("1", Qty="3"), line("1", SKU="B"), line("2")])

    assert verdicts(changed) == {"update": 2, "skip": 1}
    assert amounts() == {"1": Decimal("12.5"), "2": 5}
    kept = OrderLine.objects.filter(order__number="2").get()
    assert kept.pk in before
    assert OrderLine.objects.count() == 3


def test_an_order_of_which_a_row_is_refused_is_refused_whole():
    made = committed("orders", [line("1"), line("1", SKU="nothing"), line("2"), line("1", Qty="two")])

    assert verdicts(made) == {"create": 1, "refuse": 3}
    assert amounts() == {"2": 5}
    assert refusals(made) == {
        1: [("Order", "1", "other_row_refused")],
        2: [("SKU", "nothing", "unknown_product")],
        4: [("Qty", "two", "not_a_number")],
    }


def test_rows_of_an_order_that_disagree_are_refused():
    made = committed("orders", [line("1"), line("1", Customer="18")])

    assert verdicts(made) == {"refuse": 2}
    assert {code for errors in refusals(made).values() for _, _, code in errors} == {"rows_disagree"}


def test_returns_are_negative_however_they_are_written():
    made = committed(
        "orders",
        [
            line("1", Qty="-2", Kind=""),
            line("2", Kind="return"),
            line("3", Qty="-1", Kind="sale"),
            line("4", Kind="Return", Qty="-3"),
        ],
    )

    assert verdicts(made) == {"create": 3, "refuse": 1}
    assert amounts() == {"1": -5, "2": -5, "4": Decimal("-7.5")}
    assert set(Order.objects.values_list("kind", flat=True)) == {"return"}
    assert refusals(made) == {3: [("Kind", "sale", "negative_sale")]}


def test_a_missing_rate_is_told_with_day_and_pair():
    made = committed("orders", [line("1", Currency="USD"), line("2", Currency="GBP")])

    assert verdicts(made) == {"create": 1, "refuse": 1}
    row = made.quarantined.get()
    assert row.errors[0]["data"] == {"base": "USD", "quote": "GBP", "on": "2026-01-05"}


def test_known_when_it_happened_only_if_it_is_history():
    committed("orders", [line("1")], is_history=True)
    committed("orders", [line("2")])

    history, news = Order.objects.order_by("number")
    assert history.known_at == history.placed_at
    assert news.known_at > news.placed_at


def test_orders_without_lines_have_their_amounts():
    row = {"Order": "1", "Customer": "17", "Date": "2026-01-05", "Amount": "12.50"}

    made = committed(
        "orders", [row, {**row, "Order": "2", "Amount": ""}, {**row, "Order": "3", "Amount": "-4"}]
    )
    again = committed("orders", [row])

    assert (verdicts(made), verdicts(again)) == ({"create": 2, "refuse": 1}, {"skip": 1})
    assert amounts() == {"1": Decimal("12.5"), "3": -4}
    assert Order.objects.get(number="3").kind == "return"
    assert not OrderLine.objects.exists()


def test_amounts_that_no_column_holds_are_refused_and_not_the_file():
    ExchangeRate.objects.create(base="NZD", quote="GBP", valid_from="2026-01-01", rate=10, source="test")
    priceless = {"Price": "", "Amount": "900000000000000"}
    made = committed(
        "orders",
        [
            line("1", Currency="", Qty="0.001", **priceless),
            line("2", Currency="NZD", Qty="1", **priceless),
            line("2", Currency="NZD", Qty="-1", **{**priceless, "Amount": "-900000000000000"}),
            line("3", Currency="", Amount=""),
        ],
    )

    assert verdicts(made) == {"create": 1, "refuse": 3}
    assert {row: codes[0][2] for row, codes in refusals(made).items()} == dict.fromkeys(
        (1, 2, 3), "too_large"
    )
