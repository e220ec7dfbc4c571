"""Sessions come out the same however often, and in whatever order, they are computed."""

import random
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from crm.models import Change, Event, EventKey, FeedCursor, SourceDay, Visitor, WebSession
from crm.pipelines import sessions
from crm.services.jobs import run_job
from tests.factories import NOW, AccountFactory, JobFactory, PartnerFactory, TrackedSiteFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitor():
    return make_visitor("1-first")


def make_visitor(key):
    return Visitor.objects.create(site=TrackedSiteFactory(), key=key)


def make_event(visitor, minutes, kind="visit", **more):
    return Event.objects.create(
        visitor=visitor.key, kind=kind, at=NOW + timedelta(minutes=minutes), page=f"/{minutes}", **more
    )


def sessionise():
    job = JobFactory()
    run_job(job.pk, sessions.run)
    job.refresh_from_db()
    assert job.state == "done", job.error
    return job.result


def found(visitor):
    """Return minutes of beginning and end, and the count, of each session."""
    rows = WebSession.objects.filter(visitor=visitor).order_by("started_at")
    return [
        ((row.started_at - NOW).seconds // 60, (row.ended_at - NOW).seconds // 60, row.events) for row in rows
    ]


def test_a_gap_of_more_than_half_an_hour_ends_a_session(visitor):
    for minutes in (0, 10, 40, 71, 80, 200):
        make_event(visitor, minutes)

    sessionise()

    assert found(visitor) == [(0, 40, 3), (71, 80, 2), (200, 200, 1)]


def test_a_session_says_where_it_came_from(visitor):
    make_event(visitor, 0)
    make_event(visitor, 1, source="newsletter", medium="email", campaign_code="spring")
    make_event(visitor, 2, source="news.example.org")

    sessionise()

    session = WebSession.objects.get()
    assert (session.source, session.medium, session.campaign_code, session.landing_path) == (
        "newsletter", "email", "spring", "/0",
    )  # fmt: skip


def test_reading_for_an_hour_is_one_session(visitor):
    make_event(visitor, 0)
    make_event(visitor, 75, "use", duration_seconds=75 * 60)

    sessionise()

    assert found(visitor) == [(0, 75, 2)]


def test_a_second_run_takes_only_what_is_new(visitor):
    for minutes in (0, 10, 100):
        make_event(visitor, minutes)
    sessionise()
    ids = dict(WebSession.objects.values_list("started_at", "id"))
    make_event(visitor, 110)
    make_event(make_visitor("1-second"), 5)

    sessionise()

    assert found(visitor) == [(0, 10, 2), (100, 110, 2)]
    assert dict(WebSession.objects.filter(visitor=visitor).values_list("started_at", "id")) == ids


def test_an_event_that_comes_late_joins_two_sessions(visitor):
    make_event(visitor, 0)
    make_event(visitor, 50)
    sessionise()
    assert len(found(visitor)) == 2

    make_event(visitor, 25)
    sessionise()

    assert found(visitor) == [(0, 50, 3)]


def test_an_event_before_all_others_moves_the_beginning(visitor):
    make_event(visitor, 20)
    sessionise()

    make_event(visitor, 0)
    sessionise()

    assert found(visitor) == [(0, 20, 2)]


@pytest.mark.parametrize("seed", range(4))
def test_in_any_order_and_any_parts_the_same_comes_out(seed):
    chance = random.Random(seed)
    minutes = [chance.randrange(0, 900) for _ in range(40)]
    by_parts, at_once = make_visitor("1-parts"), make_visitor("1-once")
    for start in range(0, 40, 10):
        for minute in minutes[start : start + 10]:
            make_event(by_parts, minute)
        sessionise()
    for minute in sorted(minutes):
        make_event(at_once, minute)

    sessionise()

    assert found(by_parts) == found(at_once)
    assert sum(events for *_span, events in found(by_parts)) == 40


def test_the_cursor_moves_and_nothing_is_written_twice(visitor):
    make_event(visitor, 0)
    sessionise()
    with connection.cursor() as cursor:
        cursor.execute("SELECT xmin FROM crm_websession")
        written = cursor.fetchall()

    sessionise()  # this transaction still runs, so its events are read again

    with connection.cursor() as cursor:
        cursor.execute("SELECT xmin FROM crm_websession")
        assert cursor.fetchall() == written
    assert FeedCursor.objects.get(reader=sessions.READER).xid > 0


def test_who_does_too_much_in_a_minute_is_a_program(visitor):
    account = AccountFactory()
    Visitor.objects.update(account=account)
    for number in range(sessions.BOT_EVENTS_A_MINUTE + 1):
        at = NOW + timedelta(seconds=number / 2)
        Event.objects.create(visitor=visitor.key, kind="view", at=at, account=account)
    busy = make_visitor("1-busy")
    for number in range(sessions.BOT_EVENTS_A_MINUTE + 1):
        Event.objects.create(visitor=busy.key, kind="view", at=NOW + timedelta(seconds=2 * number))

    result = sessionise()

    assert result["bots"] == 1
    visitor.refresh_from_db()
    assert visitor.is_bot
    assert not Visitor.objects.get(key="1-busy").is_bot
    assert set(Event.objects.filter(visitor=visitor.key).values_list("is_bot", flat=True)) == {True}
    assert WebSession.objects.get(visitor=visitor).is_bot
    assert Change.objects.get(kind="event.received").account_id == account.pk


def test_says_how_many_events_each_site_sent(visitor):
    for key, days in (("a", 0), ("b", 0), ("c", 40)):
        source = f"site:{visitor.site_id}"
        EventKey.objects.create(source=source, key=key, at=Now() - timedelta(days=days))
    for source in ("import:1", f"partner:{PartnerFactory().public_id}"):  # counted as they come
        EventKey.objects.create(source=source, key="a")

    sessionise()
    sessionise()

    days = SourceDay.objects.order_by("source").values_list("source", "kind", "rows", "book_id")
    assert list(days) == [
        (f"{visitor.site.name} #{visitor.site_id}", "events", 2, visitor.site.book_id),
    ]


def test_events_of_others_are_left_alone():
    Event.objects.create(visitor="v-77", kind="visit", at=NOW)

    assert sessionise()["visitors"] == 0
    assert not WebSession.objects.exists()
