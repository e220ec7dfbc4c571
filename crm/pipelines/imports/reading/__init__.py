"""Files of customers' data as rows of cells, whatever their format. For workers only."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crm.pipelines.imports.reading.delimited import open_delimited
from crm.pipelines.imports.reading.detect import format_of
from crm.pipelines.imports.reading.limits import FileRefusedError, check_size
from crm.pipelines.imports.reading.ndjson import open_ndjson
from crm.pipelines.imports.reading.parquet_rows import open_parquet
from crm.pipelines.imports.reading.rows import BadRow, Cell, Row, Rows, first_rows
from crm.pipelines.imports.reading.xlsx import open_xlsx

__all__ = ["BadRow", "Cell", "FileRefusedError", "Row", "Rows", "first_rows", "open_rows"]


def open_rows(path: Path, *, reading: Mapping[str, Any] | None = None) -> Rows:
    """Open a file, finding out all that `reading` doesn't say, and refuse what isn't a table.

    :raises FileRefusedError: naming why. What is wrong with single rows is a `BadRow` among them.
    """
    check_size(path.stat().st_size)
    rows = OPENERS[format_of(path)](path, reading or {})
    if next(iter(rows), None) is None:
        raise FileRefusedError("no_rows")
    return rows


OPENERS = {
    "csv": open_delimited,
    "ndjson": open_ndjson,
    "xlsx": open_xlsx,
    "parquet": open_parquet,
}
