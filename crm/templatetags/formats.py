"""How numbers, money and moments read, in the reader's language.

Every filter answers an en dash for a missing value, so that a column never shows "None".
A list page calls these hundreds of times: each asks for the language once, since that
look-up costs more than the formatting.
"""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from html import escape
from typing import TypeAlias

from django import template
from django.utils import formats, timezone, translation
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from crm.selectors.currencies import MINUS, SYMBOLS, with_symbol
from crm.selectors.phrases import percent_space

from .moments import Wording, exact, relative, wording

register = template.Library()

Numeric: TypeAlias = Decimal | int | float | str

MISSING = "–"
WESTERN = ((1e9, "bn"), (1e6, "M"), (1e3, "k"))
CHINESE = ((1e8, "亿"), (1e4, "万"))
SHORT_FROM = 10_000  # below this the whole number is as short as its short form


@dataclass(frozen=True, eq=False)  # one of each language, compared by identity
class Style:
    """How a language writes numbers."""

    separators: dict[int, str]
    space: str
    units: tuple[tuple[float, str], ...]


@lru_cache(maxsize=16)
def _style_of(language: str) -> Style:
    chinese = language.startswith("zh")
    point = formats.get_format("DECIMAL_SEPARATOR", language)
    # Django leaves Chinese numbers ungrouped; ledgers there use the comma too.
    comma = formats.get_format("THOUSAND_SEPARATOR", language) or ","
    return Style(
        separators={} if (point, comma) == (".", ",") else {ord("."): point, ord(","): comma},
        space=percent_space(language),
        units=CHINESE if chinese else WESTERN,
    )


def style() -> Style:
    return _style_of(translation.get_language() or "en")


def to_decimal(value: Numeric | None) -> Decimal | None:
    """The value as a finite decimal, or None for what is missing, not a number or infinite."""
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def grouped(number: Decimal | float, digits: int, here: Style | None = None) -> str:
    """The number with `digits` decimals, grouped by three, with a real minus sign."""
    here = here or style()
    text = f"{number:,.{digits}f}"
    if here.separators:
        text = text.translate(here.separators)
    if not text.startswith("-"):
        return text
    return MINUS + text[1:] if any(figure in text for figure in "123456789") else text[1:]


def shortened(number: Decimal | float, here: Style) -> str:
    """Three significant digits and a unit: 1.24 M, 124 万."""
    size = abs(float(number))
    if size < SHORT_FROM:
        return grouped(number, 0, here)
    # A unit is reached once the number rounds to it: 999,999 reads 1.00 M, not 1,000 k.
    scale, unit = next(unit for unit in here.units if size >= unit[0] * 0.9995)
    scaled = float(f"{float(number) / scale:.3g}")
    whole = len(str(int(abs(scaled))))
    return grouped(scaled, max(0, 3 - whole), here) + here.space + unit


def _titled(text: str, title: str) -> SafeString:
    """What is made of figures and known symbols needs no escaping."""
    return SafeString(f'<span class="num" title="{title}">{text}</span>')


def signed(number: Decimal, digits: int) -> str:
    text = grouped(number, digits)
    return text if round(number, digits) <= 0 else "+" + text


def percent(number: Decimal | float, digits: int = 1, here: Style | None = None) -> str:
    here = here or style()
    return f"{grouped(number * 100, digits, here)}{here.space}%"


@register.filter
def number(value: Numeric | None, digits: int = 0) -> str:
    """12,345 or, with digits, 12,345.6"""
    amount = to_decimal(value)
    return MISSING if amount is None else grouped(amount, digits)


@register.filter
def money(value: Numeric | None, currency: str = "EUR") -> SafeString | str:
    """€1.24 M with the exact amount in the title: for cards"""
    amount = to_decimal(value)
    return MISSING if amount is None else money_in(amount, currency, style())


def money_in(amount: Decimal | float, currency: str, here: Style) -> SafeString:
    if currency not in SYMBOLS:
        currency = escape(currency)
    exactly = with_symbol(grouped(amount, 2, here), currency)
    return _titled(with_symbol(shortened(amount, here), currency), exactly)


@register.filter
def money_exact(value: Numeric | None, currency: str = "EUR") -> str:
    """€1,240,312.55: for tables and sentences"""
    amount = to_decimal(value)
    return MISSING if amount is None else with_symbol(grouped(amount, 2), currency)


@register.filter
def share(value: Numeric | None, digits: int = 1) -> str:
    """0.234 -> 23.4 %"""
    amount = to_decimal(value)
    return MISSING if amount is None else percent(amount, digits)


@register.filter
def points(value: Numeric | None, digits: int = 2) -> str:
    """Signed contribution to a score: +0.62"""
    amount = to_decimal(value)
    return MISSING if amount is None else signed(amount, digits)


def _time(value: date, words: str, here: Wording) -> SafeString:
    return SafeString(
        f'<time datetime="{value.isoformat()}" title="{exact(value, here)}">{escape(words)}</time>'
    )


@dataclass(frozen=True, slots=True)
class Clock:
    """The present as its reader sees it: where a list says "2 days ago" often, asked for once."""

    zone: tzinfo
    now: datetime
    here: Wording

    def when(self, value: date) -> SafeString:
        if isinstance(value, datetime):
            value = value.astimezone(self.zone)
        return _time(value, relative(value, self.now, self.here), self.here)


def clock() -> Clock:
    zone = timezone.get_current_timezone()
    return Clock(zone, timezone.now().astimezone(zone), wording())


@register.filter
def when(value: date | None) -> SafeString | str:
    """A `<time>` in words up to 7 days, else the date; the exact time is in the title"""
    return MISSING if value is None else clock().when(value)


@register.filter
def on_day(value: date | None) -> SafeString | str:
    """A `<time>` that always reads as a date: 4 May 2010"""
    if value is None:
        return MISSING
    if isinstance(value, datetime):
        value = timezone.localtime(value)
    here = wording()
    return _time(value, here.day(value), here)


@register.filter
def duration(seconds: Numeric | None) -> str:
    """192 -> 3 min 12 s"""
    amount = to_decimal(seconds)
    if amount is None:
        return MISSING
    minutes, rest = divmod(int(amount), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return _("%(h)s h %(m)s min") % {"h": hours, "m": minutes}
    if minutes:
        return _("%(m)s min %(s)s s") % {"m": minutes, "s": rest}
    return _("%(s)s s") % {"s": grouped(amount, 1 if amount < 10 else 0)}
