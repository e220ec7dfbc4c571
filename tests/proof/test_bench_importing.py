"""The benchmark of imports measures what it says, and leaves the database as it was."""

import pytest

from benchmarks.importing import Imported, lines, measure_importing
from crm.models import Account, AttributeValue, ExternalId, Order, OrderLine
from crm.services.generation import Size, generate

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]


def standing():
    return [model.objects.count() for model in (Account, Order, OrderLine, AttributeValue)]


def test_both_files_arrive_and_are_taken_back(tmp_path):
    generate(size=Size(accounts=60, orders=30, events=0))
    before = standing()

    orders, accounts = measure_importing(tmp_path, order_lines=100, new_accounts=20)

    assert (orders.rows, accounts.rows) == (100, 20)
    assert orders.ratio is not None
    assert orders.plain_seconds is not None
    assert standing() == before
    assert not ExternalId.objects.filter(value__startswith="BENCH").exists()


def test_the_table_says_what_misses_its_goal():
    fast = Imported("orders", 100_000, {"read": 0.1, "check": 2.0, "commit": 3.9}, 6.0, plain_seconds=2.5)
    slow = Imported("accounts", 100_000, {"read": 0.1, "check": 9.0, "commit": 30.9}, 80.0)

    table = lines([fast, slow], megabytes=200)

    assert any("16,667 ✓" in line and "0.42 ✓" in line and "6.0 ✓" in line for line in table)
    assert any("2,500 ✗" in line and "80.0 ✗" in line for line in table)
