"""Dates and moments as they are written in several countries, and as spreadsheets count them."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache

from crm.pipelines.imports.cells import LONGEST, CellError, Parser, ascii_form, stripped
from crm.pipelines.imports.reading.rows import Cell

ORDERS = ("ymd", "dmy", "mdy")
FIRST_YEAR = 1800
SERIAL_ZERO = date(1899, 12, 30)  # day 0 of spreadsheets, with their error about 1900 behind us
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)", re.ASCII)
CHINESE = re.compile(r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*[日号]?", re.ASCII)
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?!\d)", re.ASCII)
YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?!\d)", re.ASCII)
DAY_NAMED = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[ .-]+([^\W\d_]{3,10})[ .,-]+(\d{4}|\d{2})(?!\d)")
MONTH_NAMED = re.compile(r"([^\W\d_]{3,10})[ .]+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})(?!\d)")
WEEKDAY = re.compile(r"[^\W\d_]{2,10}\.?,\s+|星期.\s*")
TIME = re.compile(
    r"[T,\s]*(?P<early>上午|下午)?\s*(?P<hour>\d{1,2})[:时時点點](?:(?P<minute>\d{1,2})分?)?"
    r"(?::?(?P<second>\d{1,2})(?:[.,](?P<part>\d{1,9}))?秒?)?"
    r"\s*(?P<late>[ap]\.?m\.?)?\s*(?P<zone>z|utc|gmt|[-+]\d{2}(?::?\d{2})?)?",
    re.ASCII | re.IGNORECASE,
)
SERIAL = re.compile(r"\d{5}(\.\d+)?", re.ASCII)
MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan ene", "feb fev fév", "mar mär mrz", "apr avr abr", "may mai", "jun juin", "jul juil",
         "aug aoû aou ago", "sep", "oct okt", "nov", "dec dez déc dic"),
        start=1,
    )
    for name in names.split()
}  # fmt: skip


def parse_date(order: str | None) -> Parser[date]:
    """Parse dates, in which day, month and year come in this order when all are numbers.

    None: only what can mean one day. A time of day is read and dropped.
    """
    read = lru_cache(maxsize=4096)(_reader(order))

    def parse(cell: Cell) -> date | None:
        if isinstance(cell, str):
            text = ascii_form(stripped(cell)).strip()
            return read(text)[0] if text else None
        if cell is None:
            return None
        if isinstance(cell, datetime):
            return cell.date()
        return cell if isinstance(cell, date) else _from_number(cell).date()

    return parse


def parse_moment(order: str | None, zone: tzinfo) -> Parser[datetime]:
    """Parse moments into UTC. Those that name no zone are in `zone`; a day is its first moment."""
    read = _reader(order)

    def parse(cell: Cell) -> datetime | None:
        if isinstance(cell, str):
            text = ascii_form(stripped(cell)).strip()
            return _utc(_combined(*read(text)), zone) if text else None
        if cell is None:
            return None
        if isinstance(cell, datetime):
            return _utc(cell, zone)
        if isinstance(cell, date):
            return _utc(datetime.combine(cell, time()), zone)
        return _utc(_from_number(cell), zone)

    return parse


def _combined(day: date, at: time | None) -> datetime:
    return datetime.combine(day, at or time())


def _utc(moment: datetime, zone: tzinfo) -> datetime:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    try:
        return aware.astimezone(UTC)
    except OverflowError as error:
        raise CellError("date_out_of_range") from error


def _reader(order: str | None) -> Callable[[str], tuple[date, time | None]]:
    def read(text: str) -> tuple[date, time | None]:
        if len(text) > LONGEST:
            raise CellError("not_a_date")
        if len(text) == 10 and text[4] == text[7] == "-" and text.replace("-", "").isdecimal():
            return _day(int(text[:4]), int(text[5:7]), int(text[8:])), None
        if SERIAL.fullmatch(text) or (text.isdecimal() and len(text) in {10, 13}):
            moment = _from_number(Decimal(text))
            return moment.date(), moment.timetz()
        weekday = WEEKDAY.match(text)
        start = weekday.end() if weekday else 0
        day, end = _leading_date(text, start, order)
        return day, _time_of(text[end:])

    return read


def _leading_date(text: str, start: int, order: str | None) -> tuple[date, int]:
    """Return the date that the text begins with, and where it ends."""
    for pattern in (YEAR_FIRST, CHINESE, COMPACT):
        if match := pattern.match(text, start):
            return _day(int(match[1]), int(match[2]), int(match[3])), match.end()
    if match := YEAR_LAST.match(text, start):
        first, second, year = int(match[1]), int(match[3]), _year(match[4])
        # Nobody writes the month first with points, unless somebody said so.
        dotted = match[2] == "." and order != "mdy"
        day, month = _day_and_month(first, second, "dmy" if dotted else order)
        return _day(year, month, day), match.end()
    if match := DAY_NAMED.match(text, start):
        return _day(_year(match[3]), _month(match[2]), int(match[1])), match.end()
    if match := MONTH_NAMED.match(text, start):
        return _day(int(match[3]), _month(match[1]), int(match[2])), match.end()
    raise CellError("not_a_date")


def _day_and_month(first: int, second: int, order: str | None) -> tuple[int, int]:
    if order == "mdy":
        return second, first
    if order == "dmy" or first > 12 or first == second:
        return first, second
    if second > 12:
        return second, first
    raise CellError("ambiguous_date")


def _year(text: str) -> int:
    """Return the year; of two digits, one from 1970 to 2069."""
    year = int(text)
    if len(text) == 4:
        return year
    return year + (2000 if year < 70 else 1900)


def _month(name: str) -> int:
    number = MONTHS.get(name[:4].lower()) or MONTHS.get(name[:3].lower())
    if number is None:
        raise CellError("not_a_date")
    return number


def _day(year: int, month: int, day: int) -> date:
    try:
        found = date(year, month, day)
    except ValueError as error:
        raise CellError("no_such_date") from error
    if found.year < FIRST_YEAR:
        raise CellError("date_out_of_range")
    return found


def _time_of(text: str) -> time | None:
    if not text.strip():
        return None
    match = TIME.fullmatch(text)
    if match is None:
        raise CellError("not_a_date")
    hour = int(match["hour"])
    half = (match["late"] or match["early"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise CellError("no_such_time")
        hour = hour % 12 + (12 if half in {"下午", "pm", "p.m.", "p.m", "pm."} else 0)
    part = int((match["part"] or "0").ljust(6, "0")[:6])
    try:
        return time(
            hour, int(match["minute"] or 0), int(match["second"] or 0), part, tzinfo=_zone(match["zone"])
        )
    except ValueError as error:
        raise CellError("no_such_time") from error


def _zone(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(offset if text[0] == "+" else -offset)


def _from_number(number: Decimal | int) -> datetime:
    """Return the moment of a spreadsheet's day number, of seconds since 1970, or of 20240506."""
    if not isinstance(number, Decimal) or not number.is_finite():
        raise CellError("not_a_date")
    if 10_000 <= number < 100_000:
        seconds = round((number % 1) * 86_400, 3)
        return datetime.combine(SERIAL_ZERO, time()) + timedelta(int(number), float(seconds))
    if 18_000_101 <= number < 100_000_000 and number == int(number):
        return datetime.combine(
            _day(int(number) // 10_000, int(number) // 100 % 100, int(number) % 100), time()
        )
    if 10**9 <= number < 10**10:
        return EPOCH + timedelta(seconds=float(number))
    if 10**12 <= number < 10**13:
        return EPOCH + timedelta(milliseconds=float(number))
    raise CellError("not_a_date")
