"""What every reader gives: numbered rows of cells, and rows that could not be read."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from crm.pipelines.imports.reading.limits import COLUMNS, RECORD_CHARACTERS, FileRefusedError

Cell = str | Decimal | date | datetime | bool | None
TEXT_KEPT = 2_000  # characters of a bad row's text
NAME_KEPT = 200  # and of a column's name
# What a column isn't called: the first row of a file without a header is full of these.
VALUE = re.compile(r"[-+(]?\d[\d.,' ]*\)?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b.*|[^@\s]+@[^@\s]+\.\w+")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is refused as it stands: the rest of the file goes on."""

    n: int
    code: str
    text: str = ""  # the row as far as it could be read, cut
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def error(self) -> dict[str, Any]:
        """As `QuarantinedRow.errors` keeps it."""
        return {"column": "", "value": self.text, "code": self.code, "data": dict(self.data)}


Row = tuple[int, list[Cell]]


@dataclass(frozen=True, slots=True)
class Rows:
    """An opened file. Each iteration reads it from its first row, in constant memory.

    Rows are numbered from 1 after the header. Rows without any content have a number, so that the
    numbers are those that a spreadsheet shows, but are not given.
    """

    format: str
    reading: dict[str, Any]  # given back to `open_rows` it reads the same
    columns: list[str]
    read: Callable[[], Iterator[Row | BadRow]]

    def __iter__(self) -> Iterator[Row | BadRow]:
        return self.read()


def first_rows(rows: Iterable[Row | BadRow], count: int) -> list[Row]:
    """Return the readable ones of the first rows: fewer, when they are long enough to weigh something."""
    found: list[Row] = []
    held = 0
    for row in islice(rows, count):
        if isinstance(row, BadRow):
            continue
        found.append(row)
        held += length_of(row[1])
        if held > RECORD_CHARACTERS:
            break
    return found


def length_of(cells: Iterable[Cell]) -> int:
    return sum(len(cell) for cell in cells if isinstance(cell, str))


def column_names(header: Sequence[str]) -> list[str]:
    """Return the header with a name for each column, none of them twice.

    :raises FileRefusedError: when there is no header, or far too much of one.
    """
    names = [cut(" ".join(name.split()))[:NAME_KEPT] for name in header]
    while names and not names[-1]:
        names.pop()
    if 2 * sum(VALUE.fullmatch(name) is not None for name in names) > sum(map(bool, names)) or not names:
        raise FileRefusedError("header_missing", found=[cut(name)[:100] for name in names[:10]])
    if len(names) > COLUMNS:
        raise FileRefusedError("too_many_columns", columns=len(names), limit=COLUMNS)
    taken = set(names)
    seen: set[str] = set()
    for place, name in enumerate(names):
        if not name or name in seen:
            names[place] = _free_name(name, place + 1, taken)
            taken.add(names[place])
        seen.add(names[place])
    return names


def _free_name(name: str, place: int, taken: set[str]) -> str:
    number = 2 if name else place
    stem = name or "column"
    while f"{stem} ({number})" in taken:
        number += 1
    return f"{stem} ({number})"


def cut(text: str) -> str:
    """Return what of a row's text is kept for the report, in characters that PostgreSQL can hold."""
    kept = text[:TEXT_KEPT].replace("\0", "\ufffd")
    return kept.encode("utf-8", "replace").decode("utf-8") if not kept.isascii() else kept


def fitted(cells: list[Any], width: int) -> list[Any] | None:
    """Return the row as wide as the header: without empty cells beyond it. None if it is ragged."""
    if len(cells) > width and not any(cell not in ("", None) for cell in cells[width:]):
        return cells[:width]
    return cells if len(cells) == width else None


def unfit(text: str) -> str:
    """Return why a text can't be kept: an escape can name what no text may hold."""
    if "\0" in text:
        return "nul_byte"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "undecodable"
    return ""
