"""What the parsers of cells have in common."""

import unicodedata
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from crm.pipelines.imports.reading.rows import Cell

T = TypeVar("T")
Parser = Callable[[Cell], T | None]
# What a spreadsheet shows, and exports, where a formula failed.
FAILED = frozenset({"#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"})
LONGEST = 100  # characters of a number or date: looking for one in pages of blanks would take hours
NOTHING = frozenset({"", "\\N", "NULL", "null"})  # how databases write that there is no value


class CellError(ValueError):
    """A cell can't be read as what its column holds."""

    def __init__(self, code: str, **data: Any) -> None:
        super().__init__(code)
        self.code, self.data = code, data


def as_text(cell: Cell) -> str:
    """Return a typed cell as somebody would write it."""
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, Decimal):
        return plain_number(cell)
    if isinstance(cell, datetime) and cell.tzinfo is None and not any(cell.timetuple()[3:6]):
        return cell.date().isoformat()
    return cell.isoformat()


def plain_number(number: Decimal) -> str:
    """Return a number without an exponent, unless it would be absurdly long."""
    return f"{number:f}" if number.is_finite() and abs(number.adjusted()) < 40 else str(number)


def ascii_form(text: str) -> str:
    """Return a number or date in plain characters: full-width digits, other signs and spaces."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\u2019", "'")


def stripped(cell: Cell) -> str:
    """Return the text of a cell that holds no text as such, empty when there is nothing.

    :raises CellError: when it is what a spreadsheet writes for a failed formula.
    """
    text = as_text(cell).strip()
    if text in NOTHING:
        return ""
    if text in FAILED:
        raise CellError("failed_formula")
    return text
