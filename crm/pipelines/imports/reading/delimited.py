"""CSV and its relatives. A row that can't be read is refused alone: its neighbours are found again."""

import csv
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from crm.pipelines.imports.reading import detect
from crm.pipelines.imports.reading.limits import LINE_CHARACTERS, RECORD_CHARACTERS, FileRefusedError
from crm.pipelines.imports.reading.rows import BadRow, Row, Rows, column_names, cut, fitted
from crm.pipelines.imports.reading.text import (
    checked_encoding,
    is_piece,
    open_lines,
    rest_of_line,
    text_problem,
)

SAMPLE_LINES = 500
SAMPLE_CHARACTERS = 500_000
csv.field_size_limit(LINE_CHARACTERS)  # the module's own is 131,072


class _TooLongError(Exception):
    """The line goes on beyond what a line may be."""


class _Lines:
    """The lines of a file as a CSV reader takes them, able to take lines back.

    A quote that isn't closed makes the reader swallow what follows: when it gives up, only the
    first of those lines is to blame, and the others are read again.
    """

    __slots__ = ("_back", "_held", "_read", "record")

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read
        self._back: deque[str] = deque()
        self._held = 0
        self.record: list[str] = []  # lines of the record that is being read

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        again = bool(self._back)
        line = self._back.popleft() if again else self._read()
        if not line:
            raise StopIteration
        self.record.append(line)
        if len(line) >= LINE_CHARACTERS and is_piece(line):
            if not again:
                rest_of_line(self._read)
            raise _TooLongError
        if len(self.record) > 1:
            self._held += len(line)
            if self._held > RECORD_CHARACTERS:
                raise csv.Error("record too long")
        return line

    def begin(self) -> None:
        self.record.clear()
        self._held = 0

    def give_back(self) -> str:
        """Return the record's first line and read the others again."""
        first, *others = self.record
        self._back.extendleft(reversed(others))
        return first


def open_delimited(path: Path, given: Mapping[str, Any]) -> Rows:
    """Open a CSV file, finding out what `given` doesn't say.

    :raises FileRefusedError: when it is no table.
    """
    encoding = checked_encoding(given) if given.get("encoding") else detect.encoding_of(path)
    sample = _sample(path, encoding)
    detect.check_is_text(sample)
    reading = {"encoding": encoding, **_dialect(given, sample)}
    with open_lines(path, encoding=encoding) as read:
        header = next(_records(read, reading), None)
    if header is None or isinstance(header, BadRow):
        raise FileRefusedError("header_unreadable")
    columns = column_names([str(cell or "") for cell in header[1]])

    def rows() -> Iterator[Row | BadRow]:
        with open_lines(path, encoding=encoding) as read:
            yield from _data(_records(read, reading), len(columns))

    return Rows("csv", reading, columns, rows)


def _sample(path: Path, encoding: str) -> str:
    with open_lines(path, encoding=encoding) as read:
        lines: list[str] = []
        size = 0
        for line in islice(iter(read, ""), SAMPLE_LINES):
            lines.append(line)
            size += len(line)
            if size > SAMPLE_CHARACTERS:
                break
    return "".join(lines)


def _dialect(given: Mapping[str, Any], sample: str) -> dict[str, Any]:
    """Return delimiter, quote, escape and the lines to pass over, which Excel's `sep=;` is one of."""
    first, _end, others = sample.partition("\n")
    names_it = first.strip().lower().startswith("sep=") and len(first.strip()) == 5
    found: dict[str, Any] = {**detect.dialect_of(others if names_it else sample), "skip": int(names_it)}
    if names_it:
        found["delimiter"] = first.strip()[4]
    chosen = {**found, **{key: given[key] for key in found if key in given}}
    for key in ("delimiter", "quote", "escape"):
        if key == "escape" and chosen[key] is None:
            continue
        if not isinstance(chosen[key], str) or len(chosen[key]) != 1 or chosen[key] in "\r\n\0":
            raise FileRefusedError("bad_delimiter", key=key)
    if chosen["delimiter"] == chosen["quote"]:
        raise FileRefusedError("bad_delimiter", key="quote")
    return chosen


def _records(read: Callable[[], str], reading: Mapping[str, Any]) -> Iterator[Row | BadRow]:
    """Yield every record that isn't blank, the header (number 0) included."""
    for _line in range(int(reading["skip"])):
        read()
    lines = _Lines(read)
    reader = csv.reader(
        lines, delimiter=reading["delimiter"], quotechar=reading["quote"], escapechar=reading["escape"],
        doublequote=reading["escape"] is None, strict=True,
    )  # fmt: skip
    n, before_header = -1, True
    while True:
        lines.begin()
        n += 1
        try:
            cells: list[Any] = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLongError):
            yield _blame(n, lines)
            continue
        text = lines.record[0] if len(lines.record) == 1 else "".join(lines.record)
        if not any(cells):
            n -= before_header
            continue
        before_header = False
        if problem := text_problem(text):
            yield BadRow(n, problem, cut(text))
        else:
            yield n, cells


def _blame(n: int, lines: _Lines) -> BadRow:
    """Refuse the first line of what could not be read, and read the others again."""
    first = lines.give_back()
    if is_piece(first):
        return BadRow(n, "line_too_long", cut(first), {"limit": LINE_CHARACTERS})
    return BadRow(n, "bad_quotes", cut(first))


def _data(records: Iterator[Row | BadRow], width: int) -> Iterator[Row | BadRow]:
    next(records)
    for record in records:
        if isinstance(record, BadRow):
            yield record
            continue
        n, cells = record
        if len(cells) == width:
            yield record
        elif (row := fitted(cells, width)) is not None:
            yield n, row
        else:
            text = ",".join("" if cell is None else str(cell) for cell in cells)
            yield BadRow(n, "ragged", cut(text), {"expected": width, "found": len(cells)})
