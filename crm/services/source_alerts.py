"""Alerts when a source breaks its habit, closed when the habit is back.

Yesterday is judged: today is not over. While a habit stays broken its first alert stays open and no
other is added, so that a source which went silent is told of once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import transaction
from django.db.models import Min, QuerySet
from django.db.models.functions import Now
from django.urls import reverse

from crm.models import SourceAlert, SourceDay, User
from crm.models.access import CAPABILITIES, VIEW_DATA_QUALITY
from crm.selectors.source_habits import (
    LEAST_ROWS,
    Habit,
    Key,
    days_of_sources,
    local_today,
    missing_habits,
    volume_habit,
)
from crm.services.notifications import tell

What = SourceAlert.What
VOLUME = (What.SILENT, What.FEW, What.MANY)


@dataclass(frozen=True, slots=True)
class Broken:
    what: What
    field: str
    value: float
    habit: Habit


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is broken, and what of it could be judged: the rest stays as it was."""

    broken: tuple[Broken, ...]
    judged: frozenset[tuple[str, str]]  # what, field


@transaction.atomic
def check_sources(*, on: date | None = None) -> int:
    """Judge one day of every source, by default yesterday; return how many alerts were raised."""
    day = on or local_today() - timedelta(days=1)
    firsts = _first_days()
    raised = []
    open_alerts = SourceAlert.objects.filter(closed_at=None).select_for_update()
    standing = {(a.book_id, a.source, a.kind, a.what, a.field): a for a in open_alerts}
    for key, days in days_of_sources(until=day).items():
        judgement = judge(days, first=firsts[key], on=day)
        found = {(*key, each.what, each.field): each for each in judgement.broken}
        back = [
            alert.pk for place, alert in standing.items()
            if place[:3] == key and place not in found and place[3:] in judgement.judged
        ]  # fmt: skip
        SourceAlert.objects.filter(pk__in=back).update(closed_at=Now())
        raised += [_alert(key, day, each) for place, each in found.items() if place not in standing]
    made = SourceAlert.objects.bulk_create(raised, ignore_conflicts=True)
    if made:
        tell(
            users=_readers(), kind="source.alert", data={"alerts": len(made)},
            url=reverse("crm:data-quality"),
        )  # fmt: skip
    return len(made)


def judge(days: Mapping[date, SourceDay], *, first: date, on: date) -> Judgement:
    """Hold what a source sent on a day against what it usually sends."""
    broken: list[Broken] = []
    judged: set[tuple[str, str]] = set()
    rows = days[on].rows if on in days else 0
    habit = volume_habit(days, first=first, on=on)
    # On a day on which nothing is usual, nothing says neither that it is silent nor that it is back.
    if habit is not None and habit.usual > 0 and (rows or habit.low):
        judged |= {(what, "") for what in VOLUME}
        broken += _volume(rows, habit)
    elif rows:
        judged.add((What.SILENT, ""))
    for broken_field, field in _missing(days, on):
        judged.add((What.MISSING, field))
        broken += [broken_field] if broken_field else []
    return Judgement(tuple(broken), frozenset(judged))


def _volume(rows: int, habit: Habit) -> Iterator[Broken]:
    if rows == 0:
        yield Broken(What.SILENT, "", 0.0, habit)
    elif rows < habit.low:
        yield Broken(What.FEW, "", float(rows), habit)
    elif rows > habit.high:
        yield Broken(What.MANY, "", float(rows), habit)


def _missing(days: Mapping[date, SourceDay], on: date) -> Iterator[tuple[Broken | None, str]]:
    day = days.get(on)
    if day is None or day.rows < LEAST_ROWS:
        return
    for field, habit in missing_habits(days, on=on).items():
        share = float(day.missing.get(field, 1.0))  # a field that doesn't come any more is missing
        yield (Broken(What.MISSING, field, share, habit) if share > habit.high else None), field


def _alert(key: Key, day: date, broken: Broken) -> SourceAlert:
    book_id, source, kind = key
    return SourceAlert(
        book_id=book_id, source=source, kind=kind, on_date=day, what=broken.what, field=broken.field,
        value=broken.value, usual_low=broken.habit.low, usual_high=broken.habit.high,
    )  # fmt: skip


def _first_days() -> dict[Key, date]:
    first = SourceDay.objects.values("book_id", "source", "kind").annotate(first=Min("on_date"))
    return {(row["book_id"], row["source"], row["kind"]): row["first"] for row in first}


def _readers() -> QuerySet[User]:
    roles = [role for role, able in CAPABILITIES.items() if VIEW_DATA_QUALITY in able]
    return User.objects.filter(is_active=True, role__in=roles)
