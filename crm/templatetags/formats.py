"""How numbers, money and moments read, in the reader's language.

Every filter answers an en dash for a missing value, so that a column never shows "None".
"""

from datetime import date, datetime
from decimal import Context, Decimal, InvalidOperation
from typing import TypeAlias

from django import template
from django.utils import formats, numberformat, timezone, translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()

Numeric: TypeAlias = Decimal | int | float | str

THIN = "\u202f"  # narrow no-break space between a number and its unit
MINUS = "\u2212"
MISSING = "–"
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "CNY": "CN¥", "JPY": "JP¥", "TWD": "NT$"}
WESTERN = ((Decimal(10) ** 9, "bn"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "k"))
CHINESE = ((Decimal(10) ** 8, "亿"), (Decimal(10) ** 4, "万"))
THREE_DIGITS = Context(prec=3)
SHORT_FROM = Decimal(10_000)  # below this the whole number is as short as its short form


def is_chinese() -> bool:
    return (translation.get_language() or "").startswith("zh")


def to_decimal(value: Numeric | None) -> Decimal | None:
    """The value as a finite decimal, or None for what is missing, not a number or infinite."""
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def grouped(number: Decimal, digits: int) -> str:
    """The number with `digits` decimals, grouped by three, with a real minus sign."""
    text = numberformat.format(
        abs(round(number, digits)),
        decimal_sep=formats.get_format("DECIMAL_SEPARATOR"),
        decimal_pos=digits,
        grouping=3,
        # Django leaves Chinese numbers ungrouped; ledgers there use the comma too.
        thousand_sep=formats.get_format("THOUSAND_SEPARATOR") or ",",
        force_grouping=True,
    )
    return MINUS + text if round(number, digits) < 0 else text


def _unit_for(size: Decimal) -> tuple[Decimal, str]:
    """The largest unit that the size reaches once rounded, so that 999,999 reads 1 M, not 1,000 k."""
    units = CHINESE if is_chinese() else WESTERN
    reached = (unit for unit in units if size >= unit[0] * Decimal("0.9995"))
    return next(reached, (Decimal(1), ""))


def shortened(number: Decimal) -> str:
    """Three significant digits and a unit: 1.24 M, 124 万."""
    size, unit = _unit_for(abs(number))
    if not unit or abs(number) < SHORT_FROM:
        return grouped(number, 0)
    scaled = THREE_DIGITS.create_decimal(number / size)
    whole = len(str(int(abs(scaled))))
    return grouped(scaled, max(0, 3 - whole)) + ("" if is_chinese() else THIN) + unit


def with_symbol(text: str, currency: str) -> str:
    symbol = SYMBOLS.get(currency, currency + THIN)
    return MINUS + symbol + text[1:] if text.startswith(MINUS) else symbol + text


def signed(number: Decimal, digits: int) -> str:
    text = grouped(number, digits)
    return text if round(number, digits) <= 0 else "+" + text


def percent(number: Decimal, digits: int = 1) -> str:
    return grouped(number * 100, digits) + ("%" if is_chinese() else THIN + "%")


@register.filter
def number(value: Numeric | None, digits: int = 0) -> str:
    """12,345 or, with digits, 12,345.6"""
    amount = to_decimal(value)
    return MISSING if amount is None else grouped(amount, digits)


@register.filter
def number_short(value: Numeric | None) -> SafeString | str:
    """1.24 M with the exact number in the title"""
    amount = to_decimal(value)
    if amount is None:
        return MISSING
    return format_html('<span class="num" title="{}">{}</span>', grouped(amount, 0), shortened(amount))


@register.filter
def money(value: Numeric | None, currency: str = "EUR") -> SafeString | str:
    """€1.24 M with the exact amount in the title: for cards"""
    amount = to_decimal(value)
    if amount is None:
        return MISSING
    return format_html(
        '<span class="num" title="{}">{}</span>',
        money_exact(amount, currency),
        with_symbol(shortened(amount), currency),
    )


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


def day(value: date) -> str:
    """4 May 2010, in the order the language writes it"""
    return formats.date_format(value, "Y年n月j日" if is_chinese() else "j M Y")


def exact(value: date) -> str:
    if not isinstance(value, datetime):
        return day(value)
    return f"{day(value)} {formats.date_format(value, 'H:i')}"


def _days_apart(days: int) -> str | None:
    """Words for a distance in calendar days (positive: past), None when a date says it better."""
    near = {0: _("today"), 1: _("yesterday"), -1: _("tomorrow")}
    if days in near:
        return near[days]
    if abs(days) > 7:
        return None
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


def relative(value: date, now: datetime) -> str:
    """Up to seven days in words, further away as a date."""
    if isinstance(value, datetime):
        words = _minutes_apart((now - value).total_seconds())
        value = timezone.localdate(value)
    else:
        words = None
    return words or _days_apart((timezone.localdate(now) - value).days) or day(value)


@register.filter
def when(value: date | None) -> SafeString | str:
    """A `<time>` in words up to 7 days, else the date; the exact time is in the title"""
    if value is None:
        return MISSING
    if isinstance(value, datetime):
        value = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        exact(value),
        relative(value, timezone.now()),
    )


@register.filter
def on_day(value: date | None) -> SafeString | str:
    """A `<time>` that always reads as a date: 4 May 2010"""
    if value is None:
        return MISSING
    if isinstance(value, datetime):
        value = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', value.isoformat(), exact(value), day(value)
    )


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
