"""The facts of one book as of one moment, cut into the ranges of accounts that workers share.

If each range read the whole lake, a book of twice the size would cost four times as much. So the lake
is read once, and every row goes to the range of its account; whoever takes a range reads that.

Parts lie where engines spill, so that erasing somebody removes them as well. They are a shortcut:
where they are gone, the lake itself gives the same, only slower.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import duckdb
import ibis

from analytics.lake.folders import engine_limits, lake_folder, spill_folder
from analytics.lake.manifest import read_manifest
from analytics.lake.reading import Lake
from analytics.lake.tables import TABLES, Table

EMPTY = "empty.parquet"
LISTING = "listing.json"  # written last
FORGOTTEN_AFTER = 12 * 3_600.0  # seconds; parts of ranges that nobody has taken since
# What was known just before the moment: one version of a row at most, and so one account.
KNOWN = "known_from_us < {moment} AND (known_to_us IS NULL OR known_to_us >= {moment})"
ROWS = {
    "account": "SELECT facts.*, part FROM lake_account AS facts JOIN part_of ON account_id = facts.id",
    "order_line": "SELECT facts.*, part FROM lake_order_line AS facts JOIN part_of_order "
    "ON part_of_order.order_id = facts.order_id WHERE {known}",
}
OF_ACCOUNT = "SELECT facts.*, part FROM lake_{table} AS facts JOIN part_of USING (account_id) WHERE {known}"
PART_OF = (
    "CREATE TEMPORARY TABLE part_of AS SELECT id AS account_id, part FROM lake_account "
    "JOIN (VALUES {ranges}) AS ranges (low, high, part) ON id BETWEEN low AND high WHERE book_id = {book_id}"
)
PART_OF_ORDER = (
    "CREATE TEMPORARY TABLE part_of_order AS SELECT id AS order_id, part "
    "FROM lake_order JOIN part_of USING (account_id) WHERE {known}"
)


class PartMissingError(RuntimeError):
    """The part was never cut, or is gone."""


def cut(lake: Lake, *, book_id: int, moment: int, ranges: Sequence[tuple[int, int]]) -> str:
    """Cut what was known at the moment (microseconds) by first and last account of each range.

    Returns the name by which `open_part` finds the parts: none, where the engine is another one.
    """
    if lake.connection.name != "duckdb":
        return ""
    _remove_forgotten(lake.manifest.refreshed_at.timestamp() - FORGOTTEN_AFTER)
    name = f"parts-{uuid4().hex}"
    folder = _folder(name)
    link = lake.connection.con
    known = KNOWN.format(moment=moment)
    values = ", ".join(f"({low}, {high}, {part})" for part, (low, high) in enumerate(ranges))
    link.execute(PART_OF.format(ranges=values, book_id=book_id))
    link.execute(PART_OF_ORDER.format(known=known))
    for table in TABLES:
        (folder / table.name).mkdir(parents=True)
        _write(link, table, folder / table.name, known)
    link.execute("DROP TABLE part_of_order; DROP TABLE part_of")
    _list(folder)
    return name


def _write(link: duckdb.DuckDBPyConnection, table: Table, folder: Path, known: str) -> None:
    options = "FORMAT parquet, COMPRESSION snappy"
    whole = f"SELECT * FROM lake_{table.name}"
    if not table.by_change:  # settings, which every range needs
        link.execute(f"COPY ({whole}) TO '{folder / EMPTY}' ({options})")
        return
    link.execute(f"COPY ({whole} LIMIT 0) TO '{folder / EMPTY}' ({options})")
    rows = ROWS.get(table.name, OF_ACCOUNT).format(table=table.name, known=known)
    link.execute(f"COPY ({rows}) TO '{folder}' ({options}, PARTITION_BY (part), OVERWRITE_OR_IGNORE)")


def _list(folder: Path) -> None:
    """Write down which files there are: one that is gone must not look like a part without rows."""
    files: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*/part=*/*.parquet")):
        key = f"{path.parent.parent.name}/{path.parent.name}"
        files.setdefault(key, []).append(str(path.relative_to(folder)))
    (folder / LISTING).write_text(json.dumps(files))


@contextmanager
def open_part(name: str, number: int, *, memory_limit: str = "2GB", threads: int = 2) -> Iterator[Lake]:
    """Open one part (from 0). It is read at once, so that its files may go while somebody works with it.

    :raises PartMissingError: before anything is yielded.
    """
    manifest = read_manifest(lake_folder())
    if manifest is None:
        raise PartMissingError(name)
    with engine_limits(memory_limit=memory_limit, threads=threads) as limits:
        connection = ibis.duckdb.connect(**limits)
        try:
            _read(connection.con, _folder(name), number)
            yield Lake(manifest, connection, {t.name: connection.table(f"lake_{t.name}") for t in TABLES})
        finally:
            connection.disconnect()


def _read(link: duckdb.DuckDBPyConnection, folder: Path, number: int) -> None:
    try:
        listing = json.loads((folder / LISTING).read_text())
        for table in TABLES:
            files = [f"{table.name}/{EMPTY}", *listing.get(f"{table.name}/part={number}", ())]
            listed = ", ".join(f"'{folder / file}'" for file in files)
            rows = f"read_parquet([{listed}], hive_partitioning => false)"
            link.execute(f"CREATE TABLE lake_{table.name} AS FROM {rows}")
    except (FileNotFoundError, duckdb.IOException) as error:
        raise PartMissingError(f"{folder.name}, {number}") from error


def remove_part(name: str, number: int) -> None:
    """Delete a part that nobody needs any more, and with the last one what is left of the folder."""
    if not name:
        return
    folder = _folder(name)
    for path in folder.glob(f"*/part={number}"):
        shutil.rmtree(path, ignore_errors=True)
    if not any(folder.glob("*/part=*")):
        shutil.rmtree(folder, ignore_errors=True)


def _remove_forgotten(before: float) -> None:
    for folder in spill_folder(lake_folder()).glob("parts-*"):
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < before:
                shutil.rmtree(folder, ignore_errors=True)


def _folder(name: str) -> Path:
    return spill_folder(lake_folder()) / name
