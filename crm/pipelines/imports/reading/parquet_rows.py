"""Parquet files, some thousand rows at a time."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crm.pipelines.imports.reading.limits import RATIO, UNPACKED_BYTES, FileRefusedError
from crm.pipelines.imports.reading.rows import BadRow, Cell, Row, Rows, column_names, cut, unfit

CELLS = 64_000  # in one batch
BROKEN = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError)
Column = Callable[[Any], list[Any]]


def open_parquet(path: Path, _given: Mapping[str, Any]) -> Rows:
    """Open a Parquet file.

    :raises FileRefusedError: when it can't be read, or would unpack to too much.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            _check_ratio(file.metadata, path.stat().st_size)
            schema = file.schema_arrow
    except BROKEN as error:
        raise FileRefusedError("unreadable") from error
    # Text that repeats is a few bytes a row in the file: it stays shared in memory too.
    texts = [field.name for field in schema if field.type in (pa.string(), pa.large_string())]
    columns = column_names(schema.names)
    if len(columns) < len(schema.names):
        raise FileRefusedError("header_missing")

    def rows() -> Iterator[Row | BadRow]:
        try:
            with pq.ParquetFile(path, pre_buffer=False, read_dictionary=texts) as file:
                yield from _rows(file, [_reader(field.type) for field in file.schema_arrow])
        except BROKEN as error:
            raise FileRefusedError("unreadable") from error

    return Rows("parquet", {}, columns, rows)


def _check_ratio(metadata: Any, packed: int) -> None:
    # By row groups: pyarrow ends the process over a column whose statistics are damaged.
    size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if size > UNPACKED_BYTES and size > RATIO * packed:
        raise FileRefusedError("zip_bomb", size=size, packed=packed)


def _rows(file: Any, readers: list[Column]) -> Iterator[Row | BadRow]:
    n = 0
    for batch in file.iter_batches(batch_size=max(64, CELLS // max(len(readers), 1)), use_threads=False):
        columns = [read(column) for read, column in zip(readers, batch.columns, strict=True)]
        texts = [column for column in columns if any(isinstance(cell, str) for cell in column)]
        bad = _bad_places(texts)
        for place, cells in enumerate(zip(*columns, strict=True)):
            n += 1
            if place in bad:
                yield BadRow(
                    n, bad[place], cut(",".join("" if cell is None else str(cell) for cell in cells))
                )
            elif any(cell not in (None, "") for cell in cells):
                yield n, list(cells)


def _bad_places(columns: list[list[Cell]]) -> dict[int, str]:
    return {
        place: problem
        for column in columns
        for place, cell in enumerate(column)
        if isinstance(cell, str) and (problem := unfit(cell))
    }


def _reader(kind: Any) -> Column:
    """Return how a column of this type becomes cells."""
    if pa.types.is_dictionary(kind):
        return partial(_shared, _reader(kind.value_type))
    for is_kind, reader in READERS:
        if is_kind(kind):
            return reader
    return _as_json


def _shared(read: Column, column: Any) -> list[Any]:
    values = read(column.dictionary)
    return [None if place is None else values[place] for place in column.indices.to_pylist()]


def _plain(column: Any) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return values


def _numbers(column: Any) -> list[Any]:
    return [None if value is None else Decimal(value) for value in column.to_pylist()]


def _floats(column: Any) -> list[Any]:
    """Return the shortest numbers that are these; what is no number is nothing."""
    written = repr if column.type == pa.float64() else "{:.7g}".format
    return [
        None if value is None or math.isnan(value) else Decimal(written(value))
        for value in column.to_pylist()
    ]


def _moments(column: Any) -> list[Any]:
    """Return moments to the microsecond, which is what Python and PostgreSQL know."""
    return _plain(column.cast(pa.timestamp("us", tz=column.type.tz), safe=False))


def _days(column: Any) -> list[Any]:
    return _plain(column.cast(pa.date32()))


def _bytes(column: Any) -> list[Any]:
    """Return text that was stored as bytes; other bytes as hexadecimal digits."""
    values: list[bytes | None] = column.to_pylist()
    try:
        return [None if value is None else value.decode() for value in values]
    except UnicodeDecodeError:
        return [None if value is None else value.hex() for value in values]


def _strings(column: Any) -> list[Any]:
    return _plain(column.cast(pa.large_string())) if pa.types.is_string_view(column.type) else _plain(column)


def _texts(column: Any) -> list[Any]:
    return [None if value is None else str(value) for value in column.to_pylist()]


def _as_json(column: Any) -> list[Any]:
    return [
        None if value is None else json.dumps(value, ensure_ascii=False, default=str)
        for value in column.to_pylist()
    ]


READERS: list[tuple[Callable[[Any], bool], Column]] = [
    (pa.types.is_string, _strings),
    (pa.types.is_large_string, _strings),
    (pa.types.is_string_view, _strings),
    (pa.types.is_boolean, _plain),
    (pa.types.is_integer, _numbers),
    (pa.types.is_decimal, _plain),
    (pa.types.is_floating, _floats),
    (pa.types.is_timestamp, _moments),
    (pa.types.is_date, _days),
    (pa.types.is_time, _texts),
    (pa.types.is_duration, _texts),
    (pa.types.is_binary, _bytes),
    (pa.types.is_large_binary, _bytes),
    (pa.types.is_fixed_size_binary, _bytes),
]
