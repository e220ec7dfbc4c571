"""Ranges of ids are folded in turns, and what older layers say of a folded range is void."""

from decimal import Decimal

import pytest

from analytics.lake import extracting, layers, refresh, refreshing
from crm.models import Order
from tests.analytics.lake_facts import contents, make_order
from tests.analytics.test_lake import full_extract
from tests.factories import AccountFactory, BookFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]


@pytest.fixture
def orders(lake_home, monkeypatch):
    """Make orders in ranges of five, of which one a refresh is folded as soon as half of it changed."""
    for module in (extracting, refreshing):
        monkeypatch.setattr(module, "IDS_PER_FILE", 5)
    settings = {"FOLD_AT_LEAST": 0, "FOLD_SHARE": 0.5, "FOLD_FOR_EACH": 0, "SMALL": 0, "GROWTH": 0}
    for name, value in settings.items():
        monkeypatch.setattr(layers, name, value)
    account = AccountFactory(book=BookFactory())
    made = [make_order(account, 100 - n, n).pk for n in range(20)]
    refresh()
    return made


def set_amount(ids, amount):
    Order.objects.filter(pk__in=ids).update(amount_reporting=Decimal(amount))


def test_one_range_a_refresh_is_folded_and_the_layers_stay(orders):
    folded = []
    for amount in range(1, 6):
        set_amount(orders, amount)
        files = refresh().tables["order"]
        folded.append(len(files.folded))

    assert folded[:3] == [1, 2, 3]
    assert files.layers


def test_what_is_folded_is_not_taken_back_by_the_layers_below(orders, settings, tmp_path):
    for round_ in range(6):
        set_amount(orders, 10 + round_)
        Order.objects.filter(pk=orders[round_ * 3]).delete()
        files = refresh().tables["order"]

        assert contents() == full_extract(settings, tmp_path / f"whole-{round_}")
    assert files.folded
    assert files.layers


def test_a_range_changes_on_after_it_was_folded(orders, settings, tmp_path):
    set_amount(orders, 50)
    (folded,) = refresh().tables["order"].folded
    inside = [pk for pk in orders if pk // 5 == int(folded)]

    set_amount(inside[:1], 51)
    Order.objects.filter(pk=inside[1]).delete()
    refresh()

    assert contents() == full_extract(settings, tmp_path / "whole")
