"""Spreadsheets. openpyxl reads the cells; what it would keep of the whole sheet is let go row by row."""

import re
import zlib
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from xml.etree.ElementTree import Element, ParseError
from zipfile import BadZipFile, ZipFile, ZipInfo

from defusedxml.ElementTree import iterparse
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet._read_only import ReadOnlyWorksheet
from openpyxl.worksheet._reader import DATA_TAG, FORMULA_TAG, ROW_TAG, WorkSheetParser
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS

from crm.pipelines.imports.reading.limits import COLUMNS, RECORD_CHARACTERS, FileRefusedError, check_archive
from crm.pipelines.imports.reading.rows import BadRow, Cell, Row, Rows, column_names, cut, fitted, unfit

BROKEN = (
    BadZipFile, zlib.error, ParseError, InvalidFileException, EOFError, OSError,
    KeyError, ValueError, IndexError, TypeError, AttributeError, OverflowError,
    NotImplementedError, RecursionError,
)  # fmt: skip
STRING, TEXT, PHONETIC = (f"{{{SHEET_MAIN_NS}}}{name}" for name in ("si", "t", "rPh"))
ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")  # how a sheet writes characters that XML can't hold
NOT_CALCULATED = "#CALC!"
# Of one row or string, held until it ends: a sheet is 16,384 cells wide, a cell three elements.
ELEMENTS_HELD = 100_000
STRINGS_IN_MEMORY = 64 * 1024 * 1024  # bytes; more of them go to a file of their own
PART_BYTES = 8 * 1024 * 1024  # of what openpyxl makes objects of as a whole: the workbook, its formats
PART_TAGS = 250_000


class _Metered:
    """A part of the archive, of which no element of interest may be longer than a record."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.begin()

    def begin(self) -> None:
        self._left = RECORD_CHARACTERS

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(size)
        self._left -= len(piece)
        if self._left < 0:
            raise ValueError("too long")
        return piece


def _events(source: IO[bytes], tag: str) -> Iterator[tuple[str, Element]]:
    """Yield the events of a part, as long as no element of this name holds far more than one can."""
    metered, held = _Metered(source), 0
    for event, element in iterparse(metered, ("start", "end")):
        held += event == "start"
        if held > ELEMENTS_HELD:
            raise ValueError(tag)
        yield event, element
        if event == "end" and element.tag == tag:
            metered.begin()
            held = 0


class _Strings:
    """The sheet's shared strings as one text: a million of them as a list weigh far more."""

    def __init__(self, source: IO[bytes]) -> None:
        self._ends = array("Q", [0])
        self._text = SpooledTemporaryFile(STRINGS_IN_MEMORY)  # noqa: SIM115 (lives as long as the sheets)
        events = _events(source, STRING)
        _event, root = next(events)
        for event, node in events:
            if event == "end" and node.tag == STRING:
                written = self._text.write(_string(node).encode("utf-8", "surrogatepass"))
                self._ends.append(self._ends[-1] + written)
                root.clear()

    def __getitem__(self, place: int) -> str:
        if place < 0:
            raise IndexError(place)
        begin, end = self._ends[place], self._ends[place + 1]
        self._text.seek(begin)
        return self._text.read(end - begin).decode("utf-8", "surrogatepass")


def _string(node: Element) -> str:
    """Return the text of all runs, without the reading aids of Japanese."""
    parts: list[str] = []
    for child in node:
        if child.tag == TEXT:
            parts.append(child.text or "")
        elif child.tag != PHONETIC:
            parts.extend(run.text or "" for run in child.iter(TEXT))
    return "".join(parts)


class _Archive(ZipFile):
    """What is read of it as a whole is small; sheets and strings are opened and read piece by piece."""

    def read(self, name: str | ZipInfo, pwd: bytes | None = None) -> bytes:
        info = name if isinstance(name, ZipInfo) else self.getinfo(name)
        if info.file_size > PART_BYTES:
            raise FileRefusedError("part_too_big", part=info.filename[:100])
        content = super().read(info, pwd)
        if content.count(b"<") > PART_TAGS:
            raise FileRefusedError("part_too_big", part=info.filename[:100])
        return content


class _Table(ReadOnlyWorksheet):
    def _get_size(self) -> None:
        """Leave the sheet's own word for its size alone: without one, all of it would be read."""


class _Book(ExcelReader):
    def __init__(self, path: Path) -> None:
        # Opened here, since openpyxl judges a path by its ending.
        file = path.open("rb")
        super().__init__(file, read_only=True, data_only=True, keep_links=False)
        self.archive = _Archive(file)

    def read(self) -> None:
        """Read what the cells of tables need, and nothing else."""
        self.read_manifest()
        self.read_strings()
        self.read_workbook()
        apply_stylesheet(self.archive, self.wb)
        self.read_worksheets()

    def read_worksheets(self) -> None:
        for sheet, rel in self.parser.find_sheets():
            if rel.target in self.valid_files and "chartsheet" not in rel.Type:
                table = _Table(self.wb, sheet.name, rel.target, self.shared_strings)
                table.sheet_state = sheet.state
                self.wb._sheets.append(table)

    def read_strings(self) -> None:
        part = self.package.find(SHARED_STRINGS)
        if part is not None:
            with self.archive.open(part.PartName[1:]) as source:
                self.shared_strings = _Strings(source)


class _Sheet(WorkSheetParser):
    def rows(self) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        data, number = None, 0
        for event, element in _events(self.source, ROW_TAG):
            if event == "start":
                data = element if element.tag == DATA_TAG else data
            elif element.tag == ROW_TAG and data is not None:
                number = int(float(element.get("r", number + 1)))
                self.row_counter, self.col_counter = number, 0
                yield number, list(self._cells(element))
                data.clear()
            elif element.tag == DATA_TAG:
                return  # nothing after the rows is of use

    def _cells(self, row: Element) -> Iterator[dict[str, Any]]:
        """Yield the row's cells, which may all name the same long string."""
        held = 0
        for element in row:
            cell = self.parse_cell(element)
            if isinstance(cell["value"], str):
                held += len(cell["value"])
            if held > RECORD_CHARACTERS:
                raise ValueError("too long")
            yield cell

    def parse_cell(self, element: Element) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        if cell["value"] is None and element.find(FORMULA_TAG) is not None:
            # Whoever wrote the file left the calculating to a spreadsheet; empty text is a result.
            cell["value"] = "" if element.get("t") == "str" else NOT_CALCULATED
        return cell


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        raise FileRefusedError("unreadable") from error


def open_xlsx(path: Path, given: Mapping[str, Any]) -> Rows:
    """Open a sheet of a workbook: the one that is asked for, else the first that has anything.

    :raises FileRefusedError: when it can't be read, or would unpack to too much.
    """
    check_archive(path)
    with _refusing():
        book = _Book(path)
        book.read()
    sheets = {sheet.title: sheet for sheet in book.wb._sheets if sheet.sheet_state == "visible"}
    name = _chosen(sheets, given.get("sheet"))
    header_at, header = _header(sheets[name])

    def rows() -> Iterator[Row | BadRow]:
        with _refusing():
            yield from _data(sheets[name], header_at, len(columns))

    columns = column_names(["" if cell is None else str(cell) for cell in header])
    return Rows("xlsx", {"sheet": name, "sheets": list(sheets)}, columns, rows)


def _chosen(sheets: Mapping[str, ReadOnlyWorksheet], wanted: str | None) -> str:
    if wanted is not None and wanted not in sheets:
        raise FileRefusedError("no_such_sheet", sheet=str(wanted)[:100], sheets=list(sheets))
    if wanted is not None:
        return wanted
    with _refusing():
        filled = (name for name, sheet in sheets.items() if next(_rows_of(sheet), None) is not None)
        name = next(filled, None)
    if name is None:
        raise FileRefusedError("no_rows")
    return name


def _header(sheet: ReadOnlyWorksheet) -> tuple[int, list[Cell]]:
    with _refusing():
        header = next(_rows_of(sheet), None)
    if header is None:
        raise FileRefusedError("no_rows")
    return header


def _rows_of(sheet: ReadOnlyWorksheet) -> Iterator[tuple[int, list[Cell]]]:
    """Yield the number and the cells of every row that isn't empty."""
    book = sheet.parent
    with sheet._get_source() as source:
        parser = _Sheet(
            source, sheet._shared_strings, data_only=True, epoch=book.epoch,
            date_formats=book._date_formats, timedelta_formats=book._timedelta_formats,
        )  # fmt: skip
        for number, cells in parser.rows():
            filled = [cell for cell in cells if cell["value"] not in (None, "")]
            if not filled:
                continue
            # One cell far to the right would make the row as long as the sheet may be wide.
            width = min(filled[-1]["column"], COLUMNS + 1)
            row: list[Cell] = [None] * width
            for cell in filled:
                row[min(cell["column"], width) - 1] = _value(cell["value"])
            yield number, row


def _data(sheet: ReadOnlyWorksheet, header_at: int, width: int) -> Iterator[Row | BadRow]:
    for number, row in _rows_of(sheet):
        if number > header_at:
            yield _checked(number - header_at, row + [None] * (width - len(row)), width)


def _checked(n: int, row: list[Cell], width: int) -> Row | BadRow:
    for cell in row:
        if isinstance(cell, str) and (problem := unfit(cell)):
            return BadRow(n, problem, _text(row))
    cells = fitted(row, width)
    if cells is None:
        return BadRow(n, "ragged", _text(row), {"expected": width, "found": len(row)})
    return n, cells


def _text(row: list[Cell]) -> str:
    return cut(",".join("" if cell is None else str(cell) for cell in row))


def _value(value: Any) -> Cell:
    if isinstance(value, str):
        return ESCAPE.sub(lambda match: chr(int(match[1], 16)), value) if "_x" in value else value
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        # The digits that a spreadsheet shows: it stores 1.1 as 1.1000000000000001.
        return Decimal(f"{value:.15g}")
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, timedelta | time_of_day):
        return str(value)
    return value if isinstance(value, date | datetime) else str(value)
