"""Erasing people from the lake at once, and not when their files happen to be written anew."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import psycopg

from analytics.lake.extracting import conninfo, open_snapshot
from analytics.lake.folders import engine_limits, lake_folder, spill_folder
from analytics.lake.manifest import Manifest, TableFiles, read_manifest, write_manifest
from analytics.lake.reading import READERS
from analytics.lake.refreshing import Refresh, usable, write_tables
from analytics.lake.tables import TABLES

PATIENCE = 600.0  # seconds; then a file goes though somebody still reads it, and his job fails
READING = """
SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid < %s AND objsubid = 2
AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1
"""


def forget(account_ids: Sequence[int], *, patience: float = PATIENCE) -> Manifest:
    """Write every file that speaks of these accounts anew, from what the database says of them now.

    What the database has erased is then in no file: neither in one that is current, nor in one
    kept for readers, nor in what an engine had spilled. Readers of the files so far are waited
    for; new ones read the new files already.
    """
    folder = lake_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with open_snapshot() as snapshot:
        before = usable(read_manifest(folder), snapshot, folder)
        again = _rows_of(folder, before, account_ids) if before else {}
        made = replace(write_tables(Refresh(snapshot, folder, before, again)), retired={})
        write_manifest(folder, made)
        _wait_for_readers(made.version, patience)
        for path in set(folder.glob("*.parquet")) - {folder / name for name in made.files()}:
            path.unlink(missing_ok=True)
        for spilt in spill_folder(folder).glob("*"):  # the folder itself stays, for engines at work
            shutil.rmtree(spilt, ignore_errors=True)
    return made


def _rows_of(folder: Path, manifest: Manifest, account_ids: Sequence[int]) -> dict[str, list[int]]:
    """Return by table the ids of all rows that were ever said of these accounts."""
    found = {"account": list(account_ids)}
    for table in TABLES:
        if "account_id" in table.values:
            found[table.name] = _ids(folder, manifest.tables[table.name], "account_id", account_ids)
    found["order_line"] = _ids(folder, manifest.tables["order_line"], "order_id", found["order"])
    return found


def _ids(folder: Path, files: TableFiles, column: str, keys: Sequence[int]) -> list[int]:
    query = (
        f"SELECT DISTINCT id FROM read_parquet($files, union_by_name => true) WHERE {column} IN "
        "(SELECT unnest($keys::BIGINT[]))"
    )
    with engine_limits() as limits, duckdb.connect(config=limits) as link:
        names = [str(folder / name) for name in files.names()]
        return [row[0] for row in link.execute(query, {"files": names, "keys": list(keys)}).fetchall()]


def _wait_for_readers(version: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    with psycopg.connect(conninfo(), autocommit=True) as link:
        while link.execute(READING, [READERS, version]).fetchone() and time.monotonic() < deadline:
            time.sleep(0.1)
