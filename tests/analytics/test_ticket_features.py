"""What tickets say of an account, worked out by hand, and when they say it."""

import math

import pytest

from analytics import features
from analytics.lake import open_lake, refresh
from crm.models import Ticket
from tests.analytics.lake_facts import AS_OF, ago, make_order, make_ticket
from tests.analytics.test_features import of, row
from tests.factories import AccountFactory, BookFactory
from tests.settled import wait_until_known

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]

COUNTS = ("tickets_90", "tickets_365", "tickets_complaints_365", "tickets_open")


@pytest.fixture
def account(lake_home):
    return AccountFactory(book=BookFactory(code="past"))


def test_tickets_are_counted_by_window_kind_and_state(account):
    make_ticket(account, 4, kind="complaint")
    make_ticket(account, 50, solved=48)
    make_ticket(account, 200, solved=195, kind="complaint")
    make_ticket(account, 400, solved=370, kind="complaint")  # solved longer ago than a year

    found = row(account)

    assert of(found, *COUNTS) == [2, 3, 2, 1]
    assert of(found, "tickets_days", "tickets_solved_mean_days") == [4, 3.5]
    assert features.reason_values(found, "support") == {"tickets": 3, "complaints": 2, "open": 1, "days": 4}


def test_windows_begin_at_their_first_moment_and_end_before_the_last(account):
    make_ticket(account, 90)
    make_ticket(account, 365, solved=0)
    make_ticket(account, 0)

    found = row(account)

    assert of(found, *COUNTS) == [1, 2, 0, 2]
    assert math.isnan(found["tickets_solved_mean_days"])


def test_a_ticket_that_is_solved_later_is_open_until_then(account):
    ticket = make_ticket(account, 10)
    Ticket.objects.filter(pk=ticket.pk).update(state="solved", solved_at=ago(3))  # said only now
    assert row(account)["tickets_open"] == 1

    wait_until_known()
    since = refresh().complete_until

    assert of(row(account, since), "tickets_open", "tickets_365") == [0, 0]  # 2020 is long ago


def test_a_ticket_that_was_solved_and_is_open_again_counts_as_what_was_known_then(account):
    ticket = make_ticket(account, 10, solved=5)

    Ticket.objects.filter(pk=ticket.pk).update(state="open", solved_at=None)

    assert of(row(account), "tickets_open", "tickets_solved_mean_days") == [0, 5]


def test_simulated_tickets_are_nobodys_features(account):
    make_order(account, 20)
    make_ticket(account, 5, is_simulated=True)

    assert not [name for name in row(account) if name.startswith("tickets_")]


def test_an_account_without_tickets_has_none_where_tickets_are_kept(account):
    make_ticket(account, 5)
    other = AccountFactory(book=account.book)
    make_order(other, 20)

    found = row(other)

    assert of(found, *COUNTS) == [0, 0, 0, 0]
    assert math.isnan(found["tickets_days"])


def test_an_account_of_which_there_is_only_a_ticket_is_known(account):
    make_ticket(account, 5)

    found = row(account)

    assert found["tickets_90"] == 1
    assert math.isnan(found["tenure_days"])


def test_a_model_is_given_the_tickets_that_it_was_trained_on_and_no_others(account):
    make_order(account, 20)
    make_ticket(account, 5)

    assert columns(account, names=["recency_days"]).isdisjoint(COUNTS)
    assert columns(account, names=["recency_days", "tickets_open"]).issuperset(COUNTS)
    Ticket.objects.all().delete()
    wait_until_known()
    since = refresh().complete_until
    assert columns(account, as_of=since).isdisjoint(COUNTS)  # nothing to learn any more
    assert row(account, since, names=["tickets_open"]) == {"tickets_open": 0}


def columns(account, *, as_of=AS_OF, names=None):
    refresh()
    with open_lake() as lake:
        known = {"book_id": account.book_id, "as_of": as_of, "names": names}
        written = set(features.compute(lake.tables, **known).columns)
        asked = features.collect_features(lake.connection, lake.tables, **known)
    assert set(asked.column_names) == written
    return written
