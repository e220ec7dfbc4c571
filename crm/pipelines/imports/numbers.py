"""Numbers as they are written in several countries."""

import re
from decimal import Decimal, InvalidOperation

from crm.pipelines.imports.cells import LONGEST, CellError, Parser, ascii_form, stripped
from crm.pipelines.imports.reading.rows import Cell

WHOLE_DIGITS = 15  # before the decimal mark, as amounts have them
FRACTION_DIGITS = 60  # written out after it: the database takes 16,383 and then gives the whole file up
MARKS = (".", ",")
SIGNED = re.compile(
    r"(?P<open>\()?\s*(?P<sign>[-+])?\s*(?P<digits>\d[\d.,' ]*?|[.,]\d+)\s*(?P<after>-)?\s*(?P<close>\))?",
    re.ASCII,
)
EXPONENT = re.compile(r"[-+]?\d{1,18}([.,]\d{1,18})?[eE][-+]?\d{1,2}", re.ASCII)
# The same separator throughout; Indian groups of two (12,34,567) included.
GROUPED = re.compile(r"\d{1,3}(?P<mark>[.,' ])(?:\d{2,3}(?P=mark))*\d{3}", re.ASCII)
PLAIN = {
    ".": re.compile(r"-?\d{1,15}(\.\d{1,12})?", re.ASCII).fullmatch,
    ",": re.compile(r"-?\d{1,15}(,\d{1,12})?", re.ASCII).fullmatch,
}


def parse_decimal(mark: str | None) -> Parser[Decimal]:
    """Parse numbers whose decimal mark is this. None: those alone that can mean one thing only."""
    is_plain = PLAIN[mark] if mark else re.compile(r"-?\d{1,15}", re.ASCII).fullmatch

    def parse(cell: Cell) -> Decimal | None:
        if isinstance(cell, str) and is_plain(cell):
            return Decimal(cell.replace(",", "."))
        if isinstance(cell, Decimal):
            return _in_range(cell)
        if cell is None or cell == "":
            return None
        if isinstance(cell, bool) or not isinstance(cell, str):
            raise CellError("not_a_number")
        text = ascii_form(stripped(cell)).strip()
        return _in_range(read_number(text, mark)) if text else None

    return parse


def parse_integer(mark: str | None) -> Parser[int]:
    """Parse whole numbers; "3.0" is one."""
    number = parse_decimal(mark)

    def parse(cell: Cell) -> int | None:
        value = number(cell)
        if value is not None and value != value.to_integral_value():
            raise CellError("not_a_whole_number")
        return None if value is None else int(value)

    return parse


def _in_range(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise CellError("not_a_number")
    exponent = number.as_tuple().exponent
    is_too_long = isinstance(exponent, int) and exponent < -FRACTION_DIGITS
    if is_too_long or (number and not -30 <= number.adjusted() < WHOLE_DIGITS):
        raise CellError("number_out_of_range", digits=WHOLE_DIGITS)
    return number


def read_number(text: str, mark: str | None) -> Decimal:
    """Return the number that a text without strange characters holds.

    :raises CellError: when it holds none, or could hold two.
    """
    if len(text) > LONGEST:
        raise CellError("not_a_number")
    if EXPONENT.fullmatch(text):
        return _decimal(text.replace(mark or ".", "."))
    match = SIGNED.fullmatch(text)
    if match is None or bool(match["open"]) != bool(match["close"]):
        raise CellError("not_a_number")
    signs = [bool(match["open"]), match["sign"] is not None, bool(match["after"])]
    if sum(signs) > 1:
        raise CellError("not_a_number")
    number = _unsigned(match["digits"], mark)
    return -number if match["open"] or match["sign"] == "-" or match["after"] else number


def _unsigned(digits: str, mark: str | None) -> Decimal:
    mark = mark or decimal_mark(digits)
    if mark is None:
        raise CellError("ambiguous_number")
    whole, has_mark, fraction = digits.partition(mark)
    if has_mark and not fraction.isdecimal() and fraction:
        raise CellError("not_a_number")
    if not whole.isdecimal() and whole:
        if mark in whole or not GROUPED.fullmatch(whole):
            raise CellError("not_a_number")
        whole = re.sub(r"\D", "", whole)
    return _decimal(f"{whole or 0}.{fraction or 0}" if fraction else whole)


def decimal_mark(digits: str) -> str | None:
    """Return the decimal mark that a number without sign shows; None when it could be either."""
    found = [letter for letter in digits if letter in MARKS]
    if not found:
        return "."
    last = found[-1]
    if len(set(found)) == 2:
        return last
    if len(found) > 1:
        return "," if last == "." else "."
    before, _, after = digits.partition(last)
    ambiguous = (
        len(after) == 3 and 1 <= len(before) <= 3 and not before.startswith("0") and before.isdecimal()
    )
    return None if ambiguous else last


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise CellError("not_a_number") from error
