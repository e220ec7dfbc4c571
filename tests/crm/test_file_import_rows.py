"""Whatever a file holds, the database holds exactly what should have arrived, and the report the rest."""

import csv
import io
import os
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.models import Account, Order, OrderLine
from tests.factories import AccountFactory, BookFactory, ExternalIdFactory, ProductFactory
from tests.importing import committed, refusals, verdicts

pytestmark = pytest.mark.django_db

FEW = settings(
    max_examples=60 if os.environ.get("SEXTANT_PROOF") == "full" else 8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TEXT = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\u2028\u2029"), max_size=30
)
NAMES = TEXT.map(lambda text: " ".join(text.split())).filter(
    lambda text: not text.startswith(("'", "#")) and text not in {"\\N", "NULL", "null"}
)
PLACES = st.sampled_from(["GB", "Germany", "FRA", "中国", "", "Atlantis"])
CODES = {"GB": "GB", "Germany": "DE", "FRA": "FR", "中国": "CN", "": ""}
DAYS = st.one_of(
    st.just(""), st.dates(date(1950, 1, 1), date(2030, 1, 1)).map(date.isoformat), st.just("soon")
)
ACCOUNT_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "ID": st.sampled_from(["1", "2", "3", "4", "5", ""]),
            "Name": NAMES,
            "Country": PLACES,
            "Since": DAYS,
        }
    ),
    min_size=1,
    max_size=12,
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"])
DELIMITERS = st.sampled_from([",", ";", "\t"])


class RolledBackError(Exception):
    """The example is over."""


@pytest.fixture
def fresh() -> Any:
    """Give each example tables as they were before it."""

    def blocks() -> Iterator[None]:
        try:
            with transaction.atomic():
                yield
                raise RolledBackError
        except RolledBackError:
            return

    return blocks


def written(rows: list[dict[str, str]], encoding: str, delimiter: str) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def is_good(row: dict[str, str]) -> bool:
    return bool(row["ID"] and row["Name"] and row["Country"] in CODES and row["Since"] != "soon")


def firsts(rows: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in filter(is_good, rows):
        found.setdefault(row["ID"], row)
    return found


ACCOUNT_MAPPING = {
    "ID": {"field": "external_id"},
    "Name": {"field": "name"},
    "Country": {"field": "country"},
    "Since": {"field": "customer_since"},
}


@FEW
@given(rows=ACCOUNT_ROWS, encoding=ENCODINGS, delimiter=DELIMITERS)
def test_of_any_accounts_the_good_ones_arrive_as_written(fresh, rows, encoding, delimiter):
    rows = [{"ID": "0", "Name": "Ärger & Söhne 公司", "Country": "GB", "Since": "2020-01-31"}, *rows]
    content = written(rows, encoding, delimiter)
    for _ in fresh():
        reading = {"encoding": encoding, "delimiter": delimiter, "date_order": "ymd", "decimal": "."}
        made = committed("accounts", content, mapping=ACCOUNT_MAPPING, **reading)

        wanted = firsts(rows)
        stands = {
            (name, country, since.isoformat() if since else "")
            for name, country, since in Account.objects.values_list("name", "country", "customer_since")
        }
        assert stands == {(row["Name"], CODES[row["Country"]], row["Since"]) for row in wanted.values()}
        assert Account.objects.count() == len(wanted)
        blank = sum(not any(row.values()) for row in rows)
        assert set(refusals(made)) <= set(range(1, len(rows) + 1))
        assert len(refusals(made)) == len(rows) - len(wanted) - blank
        again = committed("accounts", content, mapping=ACCOUNT_MAPPING, **reading)
        assert verdicts(again).get("skip", 0) == len(wanted)
        assert Account.objects.count() == len(wanted)


QUANTITIES = st.sampled_from(["1", "2.5", "-1", "0", "many", "1,000"])
LINE_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "Order": st.sampled_from(["A", "B", "C", ""]),
            "Customer": st.sampled_from(["1", "1", "1", "2", "9"]),
            "Date": st.just("2026-01-05"),
            "SKU": st.sampled_from(["P", "Q", "X"]),
            "Qty": QUANTITIES,
            "Price": st.sampled_from(["1", "19.99", "0.3333", "-2", ""]),
        }
    ),
    min_size=1,
    max_size=12,
)
READ = {"1": Decimal(1), "2.5": Decimal("2.5"), "-1": Decimal(-1), "1,000": Decimal(1000)}


def orders_of(rows: list[dict[str, str]]) -> dict[str, list[tuple[str, Decimal, Decimal]]]:
    """Return the lines of the orders that are good as a whole: the rule, told once more in Python."""
    grouped: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        grouped.setdefault(row["Order"], []).append(row)
    found = {}
    for number, own in grouped.items():
        if number and all(map(is_good_line, own)) and len({row["Customer"] for row in own}) == 1:
            found[number] = sorted((row["SKU"], READ[row["Qty"]], Decimal(row["Price"])) for row in own)
    return found


def is_good_line(row: dict[str, str]) -> bool:
    return (
        row["Customer"] in {"1", "2"}
        and row["SKU"] in {"P", "Q"}
        and row["Qty"] in READ
        and row["Price"] not in {"", "-2"}
    )


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.0001"), ROUND_HALF_UP)


@FEW
@given(rows=LINE_ROWS)
def test_of_any_order_lines_whole_good_orders_arrive(fresh, rows):
    for _ in fresh():
        book = BookFactory()
        for number in ("1", "2"):
            ExternalIdFactory(source="erp", value=number, row_id=AccountFactory(book=book).pk)
        for code in "PQ":
            ProductFactory(book=book, code=code)

        made = committed("orders", rows, decimal=".", date_order="ymd")

        wanted = orders_of(rows)
        stands: dict[str, list[Any]] = {
            number: [] for number in Order.objects.values_list("number", flat=True)
        }
        lines = OrderLine.objects.values_list("order__number", "product__code", "quantity", "unit_price")
        for number, *line in lines:
            stands[number].append(tuple(line))
        assert {number: sorted(own) for number, own in stands.items()} == wanted
        for order in Order.objects.all():
            amount = sum(rounded(quantity * price) for _, quantity, price in wanted[order.number])
            assert order.amount == amount
            assert order.kind == ("return" if amount < 0 else "sale")
        kept = sum(len(own) for own in wanted.values())
        assert len(refusals(made)) == len(rows) - kept
