"""What each source usually sends, by its last 28 days, and what it sends now.

A habit is the median and the spread around it: three times the median absolute deviation (scaled so
that it equals the standard deviation where days vary normally), and never so narrow that chance alone
would leave it. Where a weekday has come four times it is compared with its like: an office sends
nothing on Sundays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from django.db import connection
from django.db.models import Max

from crm.models import Book, Partner, SourceAlert, SourceDay, TrackedSite

WINDOW = 28  # days
SAME_WEEKDAYS = 4
LEAST_DAYS = 7  # of history before there is a habit at all
LEAST_ACTIVE = 3  # days with rows
DEVIATION = 1.4826  # of a normal distribution: MAD to standard deviation
SHOWN_DAYS = 14
# Of missing values: a share of few rows says little, and a tenth more is nobody's trouble.
LEAST_ROWS = 20
LEAST_RISE = 0.1

Key = tuple[int, str, str]  # book, source, kind


@dataclass(frozen=True, slots=True)
class Habit:
    low: float
    usual: float
    high: float


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source and what it sends of one kind, as the data-quality page shows it."""

    book: Book
    source: str
    kind: str
    label: str
    last_at: datetime
    habit: Habit | None
    rows: Sequence[int]  # of the last 14 whole days, oldest first
    today: int  # rows so far
    alerts: Sequence[SourceAlert]


@dataclass(frozen=True, slots=True)
class NewsOfSources:
    alerts: Sequence[tuple[SourceAlert, str]]  # each with what its source is called
    has_any: bool  # has anything ever come in


def volume_habit(days: Mapping[date, SourceDay], *, first: date, on: date) -> Habit | None:
    """Return how many rows are usual on this day, by the 28 before it; None without a habit.

    :param first: the source's first day: before it, having sent nothing says nothing.
    """
    past = [on - timedelta(days=back) for back in range(1, WINDOW + 1)]
    known = [day for day in past if day >= first]
    counts = {day: days[day].rows if day in days else 0 for day in known}
    if len(known) < LEAST_DAYS or sum(rows > 0 for rows in counts.values()) < LEAST_ACTIVE:
        return None
    same = [counts[day] for day in known if day.weekday() == on.weekday()]
    values = same if len(same) >= SAME_WEEKDAYS else list(counts.values())
    usual = float(median(values))
    spread = max(3 * _deviation(values, usual), 0.3 * usual, 3 * usual**0.5)
    return Habit(max(0.0, usual - spread), usual, usual + spread)


def missing_habits(days: Mapping[date, SourceDay], *, on: date) -> dict[str, Habit]:
    """Return for each field which share of missing values is usual."""
    shares: dict[str, list[float]] = defaultdict(list)
    for back in range(1, WINDOW + 1):
        day = days.get(on - timedelta(days=back))
        for field, share in (day.missing if day and day.rows else {}).items():
            shares[field].append(share)
    return {field: _share_habit(values) for field, values in shares.items() if len(values) >= LEAST_ACTIVE}


def days_of_sources(*, until: date) -> dict[Key, dict[date, SourceDay]]:
    """Return what each source sent on the days that a habit at `until` is made of, and on that day."""
    since = until - timedelta(days=WINDOW + 1)
    found: dict[Key, dict[date, SourceDay]] = defaultdict(dict)
    for day in SourceDay.objects.filter(on_date__gte=since, on_date__lte=until):
        found[day.book_id, day.source, day.kind][day.on_date] = day
    return found


def local_today() -> date:
    """Return the day by the database's clock, in the organisation's time zone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (now() AT TIME ZONE"
            " coalesce((SELECT time_zone FROM crm_organisation LIMIT 1), 'Europe/London'))::date"
        )
        today: date = cursor.fetchone()[0]
    return today


def list_sources(*, book: Book | None = None) -> list[SourceLine]:
    """Return every source with what is usual today, the silent ones first."""
    today = local_today()
    latest = SourceDay.objects.values("book_id", "source", "kind").annotate(at=Max("last_at"))
    if book is not None:
        latest = latest.filter(book_id=book.pk)
    days, names, books = days_of_sources(until=today), source_names(), Book.objects.in_bulk()
    alerts = _open_alerts()
    lines = []
    for row in latest:
        key = (row["book_id"], row["source"], row["kind"])
        mine = days.get(key, {})
        habit = volume_habit(mine, first=min(mine, default=today), on=today)
        shown = [today - timedelta(days=back) for back in range(SHOWN_DAYS, -1, -1)]
        rows = [mine[day].rows if day in mine else 0 for day in shown]
        label = names.get(row["source"], row["source"])
        line = (books[row["book_id"]], row["source"], row["kind"], label, row["at"], habit, rows[:-1])
        lines.append(SourceLine(*line, rows[-1], alerts.get(key, [])))
    return sorted(lines, key=lambda line: (not line.alerts, line.book.name, line.label, line.kind))


def list_open_alerts(*, book: Book | None = None) -> list[tuple[SourceAlert, str]]:
    """Return the habits that are broken, newest first, each with what its source is called."""
    alerts = SourceAlert.objects.filter(closed_at=None).select_related("book").order_by("-on_date", "-pk")
    if book is not None:
        alerts = alerts.filter(book=book)
    names = source_names()
    return [(alert, names.get(alert.source, alert.source)) for alert in alerts]


def get_news_of_sources(*, most: int) -> NewsOfSources:
    """Return the newest broken habits, for those who only glance at them."""
    alerts = list_open_alerts()[:most]
    return NewsOfSources(alerts, has_any=bool(alerts) or SourceDay.objects.exists())


def source_names() -> dict[str, str]:
    """Return what people call the sources that are partners and sites of ours."""
    partners = Partner.objects.values_list("public_id", "name")
    sites = TrackedSite.objects.values_list("pk", "name")
    return {f"partner:{key}": name for key, name in partners} | {f"site:{key}": name for key, name in sites}


def _open_alerts() -> dict[Key, list[SourceAlert]]:
    found: dict[Key, list[SourceAlert]] = defaultdict(list)
    for alert in SourceAlert.objects.filter(closed_at=None).order_by("pk"):
        found[alert.book_id, alert.source, alert.kind].append(alert)
    return found


def _deviation(values: Sequence[float], usual: float) -> float:
    return DEVIATION * median(abs(value - usual) for value in values)


def _share_habit(values: Sequence[float]) -> Habit:
    usual = median(values)
    spread = max(4 * _deviation(values, usual), LEAST_RISE)
    return Habit(max(0.0, usual - spread), usual, min(1.0, usual + spread))
