"""What each source sends a day, what it usually sends, and the alerts when it breaks its habit."""

from datetime import date, timedelta

import pytest

from crm.models import Notification, Organisation, SourceAlert, SourceDay
from crm.selectors.source_habits import list_sources, local_today, missing_habits, volume_habit
from crm.services.leads import NewLead, create_lead
from crm.services.source_alerts import check_sources
from crm.services.source_days import missing_shares, record
from tests import factories as f

pytestmark = pytest.mark.django_db
ON = date(2026, 3, 2)  # a Monday


@pytest.fixture(autouse=True)
def organisation(db):
    Organisation.objects.get_or_create(id=1, defaults={"name": "Larder and Loft"})


@pytest.fixture
def book():
    return f.BookFactory()


def sends(book, rows_of, *, days=28, on=ON, **more):
    """Let a source send `rows_of(day)` on each of the days before `on`."""
    for back in range(1, days + 1):
        day = on - timedelta(days=back)
        if rows := rows_of(day):
            sent(book, day, rows, **more)


def sent(book, day, rows, missing=None):
    return SourceDay.objects.create(
        book=book, source="erp", kind="orders", on_date=day, rows=rows, missing=missing or {}
    )


def days_of(book):
    return {day.on_date: day for day in SourceDay.objects.filter(book=book)}


def alerts():
    found = SourceAlert.objects.filter(closed_at=None).order_by("what", "field")
    return [(alert.what, alert.field) for alert in found]


def test_todays_row_adds_up_and_weighs_what_is_missing(book):
    details = {"book_id": book.pk, "source": "erp", "kind": "accounts"}
    record(rows=100, missing={"phone": 0.5, "email": 0.0}, **details)
    record(rows=300, missing={"phone": 0.1}, **details)
    record(rows=0, missing={"phone": 1.0}, **details)

    day = SourceDay.objects.get()
    assert (day.on_date, day.rows) == (local_today(), 400)
    assert day.missing == pytest.approx({"phone": 0.2, "email": 0.75})


def test_shares_of_missing_values_are_of_the_rows():
    rows = [NewLead(name="A", country="GB"), NewLead(name="B")]

    assert missing_shares(rows, ("name", "country", "contact")) == {"name": 0, "country": 0.5, "contact": 1}
    assert missing_shares([], ("name",)) == {}


def test_a_lead_of_a_partner_counts_for_its_day(book):
    partner = f.PartnerFactory(book=book, name="Lantern Guild")

    create_lead(partner=partner, lead=NewLead(name="Acme", country="GB"))
    create_lead(partner=partner, lead=NewLead(name="Bcme"))

    day = SourceDay.objects.get()
    assert (day.kind, day.rows, day.missing["country"]) == ("accounts", 2, 0.5)
    assert [line.label for line in list_sources()] == ["Lantern Guild"]


def test_a_habit_is_the_median_and_not_the_mean(book):
    sends(book, lambda day: 5_000 if day == ON - timedelta(days=9) else 100)

    habit = volume_habit(days_of(book), first=ON - timedelta(days=28), on=ON)

    assert habit is not None
    assert (habit.low, habit.usual, habit.high) == (70, 100, 130)


def test_weekdays_are_compared_with_their_like(book):
    sends(book, lambda day: 20 if day.weekday() >= 5 else 200, days=35)
    first = ON - timedelta(days=35)

    monday = volume_habit(days_of(book), first=first, on=ON)
    sunday = volume_habit(days_of(book), first=first, on=ON - timedelta(days=1))

    assert monday is not None and sunday is not None  # noqa: PT018 - both or there is nothing to compare
    assert (monday.usual, sunday.usual) == (200, 20)


def test_few_rows_vary_by_chance_alone(book):
    sends(book, lambda day: 9)

    habit = volume_habit(days_of(book), first=ON - timedelta(days=28), on=ON)

    assert habit is not None
    assert (habit.low, habit.high) == (0, 18)


@pytest.mark.parametrize(("days", "active"), [(6, 6), (28, 2)])
def test_without_enough_history_there_is_no_habit(book, days, active):
    sends(book, lambda day: 100 if (ON - day).days <= active else 0, days=days)

    assert volume_habit(days_of(book), first=ON - timedelta(days=days), on=ON) is None


def test_a_field_that_is_always_half_empty_is_no_alarm(book):
    sends(book, lambda day: 100, missing={"phone": 0.5})

    habit = missing_habits(days_of(book), on=ON)["phone"]

    assert (habit.usual, habit.high) == (0.5, 0.6)


@pytest.mark.parametrize(
    ("rows", "expected"), [(0, "silent"), (50, "few"), (100, None), (120, None), (200, "many")]
)
def test_a_broken_habit_is_told(book, rows, expected):
    sends(book, lambda day: 100)
    if rows:
        sent(book, ON, rows)

    raised = check_sources(on=ON)

    assert raised == (1 if expected else 0)
    assert alerts() == ([(expected, "")] if expected else [])


def test_a_field_that_became_empty_is_told_and_one_that_is_gone_too(book):
    sends(book, lambda day: 100, missing={"email": 0.02, "phone": 0.4})
    sent(book, ON, 100, missing={"email": 0.6})

    check_sources(on=ON)

    assert alerts() == [("missing", "email"), ("missing", "phone")]


def test_the_first_alert_stays_until_the_habit_is_back(book):
    sends(book, lambda day: 100)

    assert check_sources(on=ON) == 1
    assert check_sources(on=ON) == 0
    assert check_sources(on=ON + timedelta(days=1)) == 0
    assert alerts() == [("silent", "")]
    sent(book, ON + timedelta(days=2), 97)
    check_sources(on=ON + timedelta(days=2))

    assert alerts() == []
    assert SourceAlert.objects.get().closed_at is not None


def test_a_day_on_which_nothing_is_usual_says_nothing(book):
    sends(book, lambda day: 200 if day.weekday() < 5 else 0)
    friday = ON + timedelta(days=4)
    for day in range(4):
        sent(book, ON + timedelta(days=day), 200)

    check_sources(on=friday)
    check_sources(on=friday + timedelta(days=1))

    assert alerts() == [("silent", "")]


def test_those_who_look_after_the_data_are_told_once(book):
    told = [f.UserFactory(role=role) for role in ("analyst", "administrator")]
    f.UserFactory(role="sales")
    sends(book, lambda day: 100)

    check_sources(on=ON)
    check_sources(on=ON)

    assert {row.user_id for row in Notification.objects.filter(kind="source.alert")} == {
        user.pk for user in told
    }
    assert Notification.objects.count() == 2


def test_the_silent_source_stands_first(book):
    today = local_today()
    sends(book, lambda day: 100 if day < today - timedelta(days=2) else 0, on=today)
    SourceDay.objects.create(book=book, source="api", kind="orders", on_date=today, rows=3)

    check_sources()
    first, second = list_sources()

    assert (first.label, [alert.what for alert in first.alerts]) == ("erp", ["silent"])
    assert (second.label, second.today, second.habit) == ("api", 3, None)
