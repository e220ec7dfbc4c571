"""What features and labels make of two accounts that became one."""

from datetime import timedelta

import pytest

from analytics import features
from analytics.lake import open_lake, refresh
from crm.services.merges import merge, unmerge
from tests.analytics.lake_facts import AS_OF, ago, make_order, make_ticket
from tests.factories import AccountFactory, BookFactory
from tests.world import database_now

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pair(lake_home):
    """One who stopped ordering under this account, and went on under the other."""
    book = BookFactory()
    before, since = (AccountFactory(book=book, name=name) for name in ("Before", "Since"))
    for days in (300, 200, 120):
        make_order(before, days)
    for days in (80, 20):
        make_order(since, days)
    return before, since


def orders_known(book, at) -> dict[int, float]:
    """Return how many orders each account had as known at the moment."""
    refresh()
    with open_lake() as lake:
        table = features.collect(features.compute(lake.tables, book_id=book.pk, as_of=at)).to_pylist()
    return {row["account_id"]: row["orders_ever"] for row in table if row["orders_ever"]}


def churned(book, *, known_at) -> dict[int, bool]:
    refresh()
    with open_lake() as lake:
        asked = {"book_id": book.pk, "cutoff": ago(100), "horizon_days": 90, "known_at": known_at}
        rows = features.collect(features.no_order_within(lake.tables, **asked)).to_pylist()
    return {row["account_id"]: row["label"] for row in rows}


def later():
    return database_now() + timedelta(seconds=2)


def test_as_of_an_earlier_moment_nothing_changes(pair):
    before, since = pair
    known = orders_known(before.book, AS_OF)

    merge(survivor=since, other=before, choices={}, by=None)

    assert known == {before.pk: 3, since.pk: 2}
    assert orders_known(before.book, AS_OF) == known


def test_from_the_merge_on_the_whole_history_counts_for_the_survivor(pair):
    before, since = pair

    merge(survivor=since, other=before, choices={}, by=None)

    assert orders_known(before.book, later()) == {since.pk: 5}


def test_tickets_go_along_from_the_merge_on(pair):
    before, since = pair
    make_ticket(before, 5)
    make_ticket(since, 4)
    then = later() - timedelta(seconds=2)

    merge(survivor=since, other=before, choices={}, by=None)

    assert tickets_open(before.book, then) == {before.pk: 1, since.pk: 1}
    assert tickets_open(before.book, later()) == {since.pk: 2}


def tickets_open(book, at) -> dict[int, float]:
    refresh()
    with open_lake() as lake:
        table = features.collect(features.compute(lake.tables, book_id=book.pk, as_of=at)).to_pylist()
    return {row["account_id"]: row["tickets_open"] for row in table}


def test_taken_back_each_has_its_own_history_again(pair):
    before, since = pair
    made = merge(survivor=since, other=before, choices={}, by=None)
    refresh()

    unmerge(change_set=made, by=None)

    assert orders_known(before.book, later()) == {before.pk: 3, since.pk: 2}
    assert orders_known(before.book, AS_OF) == {before.pk: 3, since.pk: 2}


def test_who_was_merged_away_did_not_leave_if_the_customer_stayed(pair):
    before, since = pair
    then = AS_OF
    apart = churned(before.book, known_at=then)

    merge(survivor=since, other=before, choices={}, by=None)

    assert apart == {before.pk: True}
    assert churned(before.book, known_at=later()) == {before.pk: False}
    assert churned(before.book, known_at=then) == apart  # nobody knew it yet


def test_a_merge_into_a_merge_is_followed_to_the_last(pair):
    before, since = pair
    middle = AccountFactory(book=before.book)
    merge(survivor=middle, other=before, choices={}, by=None)
    refresh()

    late = merge(survivor=since, other=middle, choices={}, by=None)

    assert churned(before.book, known_at=later()) == {before.pk: False}
    unmerge(change_set=late, by=None)
    assert churned(before.book, known_at=later()) == {before.pk: True}
