"""A stranger's file as a table of pandas: cells of a text file stay text until somebody asks for more."""

from __future__ import annotations

import gzip
import io
import tempfile
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analytics.selectors.evaluation_words import note_sentence, problem_sentence
from crm.pipelines.imports.reading.detect import (
    SAMPLE_BYTES,
    check_is_text,
    dialect_of,
    encoding_of,
    format_of,
)
from crm.pipelines.imports.reading.limits import FileRefusedError

MOST_UNPACKED = 4_000_000_000  # bytes of a .gz; more is a mistake or a bomb
FORMATS = {"xlsx": "a spreadsheet", "ndjson": "JSON lines", "old_spreadsheet": "an old spreadsheet"}


class BadInput(Exception):  # noqa: N818 (says whose mistake it is, and is nobody's bug)
    """The file or the options can't be used: a code and what belongs to it, or a whole sentence."""

    def __init__(self, code: str, **data: Any) -> None:
        super().__init__(code)
        self.code, self.data = code, data

    def __str__(self) -> str:
        return problem_sentence(self.code, self.data)


class Note(NamedTuple):
    """What was done about the data that the reader of the figures should know."""

    code: str
    column: str | None
    severity: str  # refuse, warn or note
    data: dict[str, Any]

    @property
    def sentence(self) -> str:
        return note_sentence(self.code, self.data)


def note(code: str, *, severity: str = "note", **data: Any) -> Note:
    column = data.get("column")
    return Note(code, None if column is None else str(column), severity, data)


class Table(NamedTuple):
    frame: pd.DataFrame
    notes: list[Note]


def read_table(path: Path) -> Table:
    """Read CSV (any usual delimiter and encoding) or Parquet, either also packed with gzip.

    Cells of a CSV are text, "" where nothing is written. Parquet keeps its types.

    :raises BadInput: saying why it can't be read.
    """
    try:
        with _unpacked(path) as plain:
            return _read(plain)
    except FileNotFoundError as error:
        raise BadInput("no_file", path=path) from error
    except OSError as error:
        raise BadInput("unreadable", path=path, reason=error.strerror or str(error)) from error


def require_columns(frame: pd.DataFrame, *names: str) -> None:
    """Refuse names that the file doesn't have.

    :raises BadInput: naming those that it has.
    """
    for name in names:
        if name not in frame.columns:
            raise BadInput("no_column", column=name, columns=list(frame.columns))


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if not packed:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "table"
        with gzip.open(path) as source, plain.open("wb") as target:
            try:
                _copy_bounded(source, target)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise BadInput("broken", reason=error) from error
        yield plain


def _copy_bounded(source: Any, target: Any) -> None:
    for _ in range(MOST_UNPACKED // (1 << 24)):
        block = source.read(1 << 24)
        if not block:
            return
        target.write(block)
    raise BadInput("too_big", limit=MOST_UNPACKED)


def _read(path: Path) -> Table:
    try:
        kind = format_of(path)
    except FileRefusedError as error:
        if error.code in ("empty", "not_a_table"):
            raise BadInput(error.code) from error
        raise BadInput(
            "other_format", format=FORMATS.get(error.code, error.code.replace("_", " "))
        ) from error
    if kind not in ("csv", "parquet"):
        raise BadInput("other_format", format=FORMATS[kind])
    found = _read_parquet(path) if kind == "parquet" else _read_text(path)
    _refuse_duplicates([str(name) for name in found.frame.columns])
    if found.frame.empty:
        raise BadInput("no_rows")
    return found


def _refuse_duplicates(names: list[str]) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise BadInput("duplicate_columns", columns=twice)


def _read_text(path: Path) -> Table:
    encoding = encoding_of(path)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        sample = file.read(SAMPLE_BYTES)
    if not sample.strip():
        raise BadInput("empty")
    try:
        check_is_text(sample)
    except FileRefusedError as error:
        raise BadInput("not_a_table") from error
    options = _csv_options(sample)
    header = _header(sample, options)
    frame, long_rows = _parse(path, encoding, options, header)
    return Table(frame, _reading_notes(path, encoding, long_rows))


def _csv_options(sample: str) -> dict[str, Any]:
    # The rows that the end of the sample cuts in two would count as irregular.
    whole = sample if len(sample) < SAMPLE_BYTES else sample[: sample.rfind("\n") + 1] or sample
    dialect = dialect_of(whole[:65_536])
    options: dict[str, Any] = {"sep": dialect["delimiter"], "quotechar": dialect["quote"]}
    if dialect["escape"]:
        options |= {"escapechar": dialect["escape"], "doublequote": False}
    first = whole.lstrip("\ufeff \r\n").splitlines()[0]
    if str(dialect["delimiter"]) not in first and len(first.split()) > 1 and '"' not in first:
        options["sep"] = r"\s+"
    return options


def _header(sample: str, options: dict[str, Any]) -> list[str]:
    """Return the names of the columns, by position where they have none, as pandas calls them."""
    as_written: dict[str, Any] = {"dtype": str, "keep_default_na": False, "index_col": False}
    first = pd.read_csv(io.StringIO(sample), header=None, nrows=1, **as_written, **options)
    names = [str(cell).strip().lstrip("\ufeff") for cell in first.iloc[0]]
    while len(names) > 1 and not names[-1]:
        names.pop()  # every line ends with a delimiter
    names = [name or f"Unnamed: {place}" for place, name in enumerate(names)]
    _refuse_duplicates(names)
    return names


def _parse(path: Path, encoding: str, options: dict[str, Any], header: list[str]) -> tuple[pd.DataFrame, int]:
    with (
        path.open(encoding=encoding, errors="replace", newline="") as file,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        try:
            frame = pd.read_csv(
                file, header=0, names=header, dtype=str, keep_default_na=False, index_col=False,
                on_bad_lines="warn", low_memory=False, **options,
            )  # fmt: skip
        except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
            raise BadInput("broken", reason=str(error).strip()) from error
    long_rows = sum(str(each.message).count("Skipping line") for each in caught)
    return frame.fillna(""), long_rows


def _reading_notes(path: Path, encoding: str, long_rows: int) -> list[Note]:
    found = []
    if strange := _replaced(path, encoding):
        found.append(note("encoding", severity="warn", characters=strange, encoding=encoding))
    if long_rows:
        found.append(note("long_rows", severity="warn", rows=long_rows))
    return found


def _replaced(path: Path, encoding: str) -> int:
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        return sum(block.count("\ufffd") for block in iter(lambda: file.read(1 << 20), ""))


def _read_parquet(path: Path) -> Table:
    try:
        file = pq.ParquetFile(path)
        _refuse_duplicates(file.schema_arrow.names)
        table = file.read()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise BadInput("broken", reason=str(error).splitlines()[0]) from error
    nested = [field.name for field in table.schema if pa.types.is_nested(field.type)]
    table, unreadable = _plain_columns(table.drop_columns(nested))
    # Without the metadata, for an index of pandas is not a column that the reader can name.
    frame = table.replace_schema_metadata(None).to_pandas()
    return Table(frame, [note("nested", column=name, severity="warn") for name in nested + unreadable])


def _plain_columns(table: pa.Table) -> tuple[pa.Table, list[str]]:
    """Return the table with types that pandas counts with, and the names of columns left out."""
    unreadable = []
    for field in table.schema:
        wanted, place = _plain_type(field.type), table.column_names.index(field.name)
        if wanted is None:
            continue
        try:
            cells = table.column(place).cast(wanted, safe=wanted == pa.string())  # else bytes go unchecked
            table = table.set_column(place, field.name, cells)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # bytes that are no text, say
            table = table.drop_columns([field.name])
            unreadable.append(field.name)
    return table, unreadable


def _plain_type(kind: pa.DataType) -> pa.DataType | None:
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type) or kind.value_type
    if pa.types.is_decimal(kind):
        return pa.float64()
    if pa.types.is_date(kind):
        return pa.timestamp("ms")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_time(kind):
        return pa.string()
    return None
