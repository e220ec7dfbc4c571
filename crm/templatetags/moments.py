"""The words for days and distances in time. Cached by language: a list asks for few, often."""

from datetime import date, datetime
from functools import lru_cache

from django.utils import translation
from django.utils.dates import MONTHS_3
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


class Wording:
    """One language's words. Make it through `wording()`, which is what keeps it right."""

    def __init__(self, language: str) -> None:
        self.is_chinese = language.startswith("zh")
        self._months = [str(name).title() for name in MONTHS_3.values()]
        self._days = {days: _days_apart(days) for days in range(-7, 8)}

    def day(self, value: date) -> str:
        """4 May 2010, in the order the language writes it"""
        if self.is_chinese:
            return f"{value.year}年{value.month}月{value.day}日"
        return f"{value.day} {self._months[value.month - 1]} {value.year}"

    def days_apart(self, days: int) -> str | None:
        """Words for a distance in calendar days (positive: past), None when a date says it better."""
        return self._days.get(days)


@lru_cache(maxsize=16)
def _wording_of(language: str) -> Wording:
    with translation.override(language):
        return Wording(language)


def wording() -> Wording:
    return _wording_of(translation.get_language() or "en")


def _days_apart(days: int) -> str:
    near = {0: _("today"), 1: _("yesterday"), -1: _("tomorrow")}
    if days in near:
        return near[days]
    if days > 0:
        return ngettext("%(n)s day ago", "%(n)s days ago", days) % {"n": days}
    return ngettext("in %(n)s day", "in %(n)s days", -days) % {"n": -days}


def _minutes_apart(seconds: float) -> str | None:
    """Words for less than twelve hours, None for more."""
    minutes = int(abs(seconds) // 60)
    past = seconds >= 0
    if minutes < 1:
        return _("just now") if past else _("in a moment")
    if minutes < 60:
        return (_("%(n)s min ago") if past else _("in %(n)s min")) % {"n": minutes}
    if minutes < 12 * 60:
        return (_("%(n)s h ago") if past else _("in %(n)s h")) % {"n": minutes // 60}
    return None


def exact(value: date, here: Wording) -> str:
    if not isinstance(value, datetime):
        return here.day(value)
    return f"{here.day(value)} {value.hour:02}:{value.minute:02}"


def relative(value: date, now: datetime, here: Wording) -> str:
    """Up to seven days in words, further away as a date. Both moments are in the reader's zone."""
    if isinstance(value, datetime):
        words = _minutes_apart((now - value).total_seconds())
        if words:
            return words
        value = value.date()
    return here.days_apart((now.date() - value).days) or here.day(value)
