"""What a sample of cells says about how numbers and dates are written, and what a column holds."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from crm.pipelines.imports.cells import LONGEST, CellError, Parser, ascii_form, stripped
from crm.pipelines.imports.codes import parse_bool
from crm.pipelines.imports.dates import YEAR_LAST, parse_moment
from crm.pipelines.imports.numbers import SIGNED, decimal_mark, parse_decimal
from crm.pipelines.imports.reading.rows import Cell

ONE_ZERO = re.compile(r"0\d+", re.ASCII)  # a code, whose zeros a number would lose


def guess_formats(samples: Iterable[Sequence[Cell]]) -> dict[str, str | None]:
    """Return the file's decimal mark and order of dates as its sampled rows show them.

    None says that the sample allows more than one: somebody has to be asked.
    """
    columns = list(zip(*(list(map(_text, row)) for row in samples), strict=False))
    return {"decimal": _decimal(columns), "date_order": _date_order(columns)}


def _text(cell: Cell) -> str:
    """Return what was written by hand: typed cells say nothing about how."""
    return ascii_form(cell.strip()[:LONGEST]) if isinstance(cell, str) else ""


def _decimal(columns: Sequence[Sequence[str]]) -> str | None:
    marks: set[str | None] = set()
    for column in columns:
        found = [SIGNED.fullmatch(text) for text in column if text]
        digits = [match["digits"] for match in found if match]
        if 5 * len(digits) < 4 * len(found) or any(YEAR_LAST.fullmatch(text) for text in column):
            continue  # not a column of numbers
        marks |= {decimal_mark(text) for text in digits if "." in text or "," in text}
    sure = marks - {None}
    if len(sure) == 1:
        return sure.pop()
    return None if marks else "."


def _date_order(columns: Sequence[Sequence[str]]) -> str | None:
    orders: set[str | None] = set()
    for column in columns:
        for text in column:
            if match := YEAR_LAST.match(text):
                orders.add(_order(int(match[1]), int(match[3]), match[2]))
    sure = orders - {None}
    if len(sure) == 1:
        return sure.pop()
    return None if orders else "ymd"


def _order(first: int, second: int, mark: str) -> str | None:
    if first > 12 or mark == ".":
        return "dmy"
    return "mdy" if second > 12 else None


def infer_type(cells: Iterable[Cell], *, decimal: str | None, date_order: str | None) -> str:
    """Return what all these cells of one column can be read as: number, bool, date, moment or text."""
    left = dict(_readers(decimal, date_order))
    filled = 0
    for cell in cells:
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            continue
        filled += 1
        left = {name: read for name, read in left.items() if _reads(read, cell)}
    return next(iter(left), "text") if filled else "text"


def _readers(decimal: str | None, date_order: str | None) -> list[tuple[str, Callable[[Cell], Any]]]:
    moment = parse_moment(date_order, UTC)
    return [
        ("number", partial(_number, parse_decimal(decimal))),
        ("bool", partial(_yes_or_no, parse_bool())),
        ("date", partial(_date, moment)),
        ("moment", partial(_moment, moment)),
    ]


def _number(read: Parser[Decimal], cell: Cell) -> None:
    if isinstance(cell, str) and ONE_ZERO.fullmatch(cell.strip()):
        raise CellError("not_a_number")
    read(cell)


def _yes_or_no(read: Parser[bool], cell: Cell) -> None:
    if isinstance(cell, Decimal) or (isinstance(cell, str) and cell.strip() in {"0", "1", "x"}):
        raise CellError("not_yes_or_no")
    read(cell)


def _moment(read: Parser[datetime], cell: Cell) -> datetime | None:
    if isinstance(cell, Decimal) or (isinstance(cell, str) and stripped(cell).isdecimal()):
        raise CellError("not_a_date")
    return read(cell)


def _date(read: Parser[datetime], cell: Cell) -> None:
    found = _moment(read, cell)
    if found is not None and not _begins_a_day(cell, found):
        raise CellError("not_a_date")


def _begins_a_day(cell: Cell, read: datetime) -> bool:
    if isinstance(cell, str):
        return ":" not in cell and "时" not in cell and "点" not in cell
    return not isinstance(cell, datetime) or (cell.tzinfo is None and not any(read.timetuple()[3:6]))


def _reads(read: Callable[[Cell], Any], cell: Cell) -> bool:
    try:
        read(cell)
    except CellError:
        return False
    return True


def column_types(
    columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, decimal: str | None, date_order: str | None
) -> dict[str, str]:
    """Return for each column of a sample what it holds."""
    return {
        name: infer_type((row[place] for row in rows), decimal=decimal, date_order=date_order)
        for place, name in enumerate(columns)
    }
