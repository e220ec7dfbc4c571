"""What may be a minute old."""

from itertools import count

import pytest

from crm.selectors import lately as module
from crm.selectors.account_criteria import matching
from crm.selectors.directory import get_directory
from crm.selectors.lately import forget_lately, lately
from tests import factories as f


@pytest.fixture
def ask():
    numbers = count(1)
    return lambda: next(numbers)


def test_it_is_asked_once_a_minute(ask, monkeypatch):
    assert [lately("a", ask), lately("a", ask), lately("b", ask)] == [1, 1, 2]

    monkeypatch.setattr(module, "SECONDS", 0.0)
    assert lately("a", ask) == 3


def test_an_answer_that_may_not_be_kept_is_asked_for_again(ask):
    assert [lately("a", ask, keep=lambda answer: answer > 1) for _ in range(3)] == [1, 2, 2]


def test_it_keeps_no_more_than_it_may(ask, monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    for key in "abc":
        lately(key, ask)

    assert [lately("c", ask), lately("b", ask), lately("a", ask)] == [3, 2, 4]


def test_a_rare_value_is_looked_for_each_time(db, monkeypatch):
    first = f.AccountFactory(attributes={"size": "big"})
    criteria = {"attributes": {"size": {"exact": "big"}}}
    accounts = type(first).objects.all()
    assert set(matching(accounts, criteria)) == {first}

    second = f.AccountFactory(attributes={"size": "big"})
    assert set(matching(accounts, criteria)) == {first, second}

    monkeypatch.setattr("crm.selectors.account_criteria.RARE", 1)  # now it is common
    assert set(matching(accounts, criteria)) == {first, second}
    second.delete()
    assert set(matching(accounts, criteria)) == {first}


def test_the_menu_offers_a_new_country_once_a_minute_has_passed(admin_client_):
    f.AccountFactory(country="FR")
    first = admin_client_.get("/accounts/").text
    f.AccountFactory(country="DE")
    forget_lately()
    later = admin_client_.get("/accounts/").text

    assert '<option value="FR">' in first
    assert '<option value="DE">' not in first
    assert '<option value="DE">' in later


def test_a_country_that_just_came_has_its_name_at_once(db):
    f.AccountFactory(country="FR")
    assert get_directory().country_choices == [("FR", "France")]

    f.AccountFactory(country="DE")
    later = get_directory()
    assert later.country_choices == [("FR", "France")]  # the menu may wait for a minute
    assert later.countries["DE"] == "Germany"  # the row does not
