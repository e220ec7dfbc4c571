from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.models import Account, Ticket
from crm.selectors.keyset import Column, Order, keyset_page, make_cursor, read_cursor
from tests.factories import AccountFactory, BookFactory, TicketFactory

pytestmark = pytest.mark.django_db

BY_NAME = Order("name", (Column("name"), Column("pk")))
BY_DATE_DOWN = Order("-date", (Column("customer_since", descending=True), Column("pk", descending=True)))
QUEUE = Order("queue", (Column("priority", descending=True), Column("opened_at"), Column("pk")))


def walk(queryset, order, *, per_page):
    """Return the rows of all pages, walked forwards to the end and then backwards."""
    page = keyset_page(queryset, order=order, per_page=per_page)
    forwards, last = [page.rows], page
    while last.next_cursor:
        last = keyset_page(queryset, order=order, after=last.next_cursor, per_page=per_page)
        forwards.append(last.rows)
    backwards = [last.rows]
    while last.previous_cursor:
        last = keyset_page(queryset, order=order, before=last.previous_cursor, per_page=per_page)
        backwards.append(last.rows)
    return forwards, backwards


def flat(pages):
    return [row.pk for page in pages for row in page]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    names=st.lists(st.sampled_from(["a", "b", "B", "ü", "'; --", "c d"]), max_size=12),
    per_page=st.integers(min_value=1, max_value=5),
)
def test_walking_all_pages_shows_every_row_once_in_both_directions(names, per_page):
    Account.objects.all().delete()
    book = BookFactory()
    for name in names:
        AccountFactory(book=book, name=name)
    whole = list(Account.objects.order_by("name", "pk").values_list("pk", flat=True))

    forwards, backwards = walk(Account.objects.all(), BY_NAME, per_page=per_page)

    assert flat(forwards) == whole
    reached = {pk for page in backwards for pk in (row.pk for row in page)}
    assert reached == set(whole)
    assert flat(backwards[-1:]) == whole[:per_page]


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(days=st.lists(st.integers(min_value=0, max_value=2), max_size=10))
def test_ties_are_ordered_by_id_also_downwards(days):
    Account.objects.all().delete()
    book = BookFactory()
    for number in days:
        AccountFactory(book=book, customer_since=date(2020, 1, 1) + timedelta(days=number))
    whole = list(Account.objects.order_by("-customer_since", "-pk").values_list("pk", flat=True))

    forwards, _backwards = walk(Account.objects.all(), BY_DATE_DOWN, per_page=2)

    assert flat(forwards) == whole


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(priorities=st.lists(st.integers(min_value=1, max_value=3), max_size=9))
def test_columns_may_run_in_different_directions(priorities):
    Ticket.objects.all().delete()
    account = AccountFactory()
    for priority in priorities:
        TicketFactory(account=account, priority=priority)
    whole = list(Ticket.objects.order_by("-priority", "opened_at", "pk").values_list("pk", flat=True))

    forwards, backwards = walk(Ticket.objects.all(), QUEUE, per_page=2)

    assert flat(forwards) == whole
    assert {row.pk for page in backwards for row in page} == set(whole)


def test_going_back_shows_the_page_before():
    AccountFactory.create_batch(7)
    first = keyset_page(Account.objects.all(), order=BY_NAME, per_page=3)
    second = keyset_page(Account.objects.all(), order=BY_NAME, after=first.next_cursor, per_page=3)
    third = keyset_page(Account.objects.all(), order=BY_NAME, after=second.next_cursor, per_page=3)

    back = keyset_page(Account.objects.all(), order=BY_NAME, before=third.previous_cursor, per_page=3)

    assert list(back.rows) == list(second.rows)
    assert first.previous_cursor is None
    assert third.next_cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "a:b", "W10:zzz", "\x00", "é" * 40])
def test_a_cursor_that_we_did_not_make_is_refused(cursor):
    assert read_cursor(cursor, BY_NAME) is None


def test_a_broken_cursor_leads_to_the_first_page():
    AccountFactory.create_batch(3)

    page = keyset_page(Account.objects.all(), order=BY_NAME, after="broken", per_page=2)

    assert page.is_broken
    assert len(page.rows) == 2
    assert page.previous_cursor is None


def test_a_cursor_of_another_order_is_refused():
    account = AccountFactory(customer_since=date(2020, 1, 1))

    assert read_cursor(make_cursor(account, BY_NAME), BY_DATE_DOWN) is None
