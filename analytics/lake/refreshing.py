"""Bringing the lake up to the database: whole the first time, then by change."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics.lake.extracting import (
    IDS_PER_FILE,
    Snapshot,
    changed_rows,
    deleted_ids,
    open_snapshot,
    past_rows,
    whole_range,
)
from analytics.lake.manifest import Manifest, TableFiles, lake_folder, read_manifest, write_manifest
from analytics.lake.tables import TABLES, Table

Progress = Callable[..., None]  # called with phase=, done=, total=
KEPT_FOR_READERS = timedelta(hours=12)  # longer than any run that holds an old manifest

# One range of ids: what stands in the old file, less what changed or went, and the fresh rows.
# A version of a fact begins no earlier than the one before it ended, so that no moment sees two,
# whatever order stamps were written in (a restored row comes back with its old `known_at`).
MERGE = """
WITH present AS (
    SELECT * FROM old WHERE known_to_us IS NULL
        AND id NOT IN (SELECT id FROM fresh) AND id NOT IN (SELECT id FROM gone)
    UNION ALL BY NAME SELECT * FROM fresh
), past AS (
    SELECT * FROM old WHERE known_to_us IS NOT NULL
        AND (id, known_to_us) NOT IN (SELECT (id, known_to_us) FROM ended)
    UNION ALL BY NAME SELECT * FROM ended
), versions AS (
    SELECT * FROM present WHERE id IN (SELECT id FROM past) UNION ALL BY NAME SELECT * FROM past
), in_order AS (
    SELECT * REPLACE (greatest(known_at_us, lag(known_to_us) OVER (
        PARTITION BY id ORDER BY known_to_us NULLS LAST)) AS known_from_us) FROM versions
)
SELECT * FROM present WHERE id NOT IN (SELECT id FROM past)
UNION ALL BY NAME SELECT * FROM in_order
ORDER BY id, known_to_us NULLS LAST
"""


@dataclass
class Fresh:
    """What the database says about one range of ids of one table."""

    rows: pa.Table
    ended: pa.Table
    gone: pa.Table
    old: pa.Table | None = None


@dataclass
class Refresh:
    """One refresh: the snapshot read from, the folder written to, the manifest so far."""

    snapshot: Snapshot
    folder: Path
    before: Manifest | None
    tables: dict[str, TableFiles] = field(default_factory=dict)

    def table(self, table: Table) -> None:
        storage = self.snapshot.storage(table.fact) if table.fact else {}
        made = self._by_change(table, storage) if table.by_change else None
        self.tables[table.name] = replace(made or self._whole(table), storage=storage)

    def _whole(self, table: Table) -> TableFiles:
        made = TableFiles({}, {}, {})
        numbers = set(self.snapshot.ranges(table.source))
        if table.fact:
            numbers |= set(self.snapshot.ranges(f"{table.fact}_past"))
        for number in sorted(numbers) or [0]:  # an empty table has one empty file
            rows = whole_range(self.snapshot, table, number)
            ended = whole_range(self.snapshot, table, number, past=True) if table.fact else rows[:0]
            self._write(made, table, number, Fresh(rows, ended, rows[:0].select(["id"])))
        return made

    def _by_change(self, table: Table, storage: dict[str, int]) -> TableFiles | None:
        before = self.before.tables.get(table.name) if self.before else None
        if self.before is None or before is None or not _still_there(before.storage, storage):
            return None
        lower = self.before.bound
        rows = changed_rows(self.snapshot, table, lower)
        ended = past_rows(self.snapshot, table, lower) if table.fact else rows[:0]
        gone = deleted_ids(self.snapshot, table, lower) if table.fact else rows[:0].select(["id"])
        made = TableFiles(dict(before.files), dict(before.rows), {})
        for number in sorted(_ranges(rows) | _ranges(ended) | _ranges(gone)):
            fresh = Fresh(*(_of_range(part, number) for part in (rows, ended, gone)))
            if name := before.files.get(str(number)):
                fresh.old = pq.read_table(self.folder / name)
            self._write(made, table, number, fresh)
        return made

    def _write(self, made: TableFiles, table: Table, number: int, fresh: Fresh) -> None:
        merged = _merge(fresh) if table.by_change else fresh.rows
        name = f"{table.name}-{number}-{uuid4().hex}.parquet"
        pq.write_table(merged, self.folder / name, compression="zstd")
        made.files[str(number)] = name
        made.rows[str(number)] = merged.num_rows

    def manifest(self) -> Manifest:
        made = Manifest(
            layout=LAYOUT,
            database=self.snapshot.database,
            bound=self.snapshot.bound,
            refreshed_at=self.snapshot.taken_at,
            complete_until=self.snapshot.complete_until,
            tables=self.tables,
        )
        retired = dict(self.before.retired) if self.before else {}
        for name in (self.before.files() if self.before else set()) - made.files():
            retired[name] = self.snapshot.taken_at.isoformat()
        return replace(made, retired=retired)


def refresh(*, progress: Progress | None = None) -> Manifest:
    """Bring the lake up to the database and return what it holds now.

    `progress(phase="extract", done=…, total=…)` is called after each table. Running it twice,
    even at once, is harmless: the second waits for the first and finds little to do.
    """
    folder = lake_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with open_snapshot() as snapshot:
        before = _usable(read_manifest(folder), snapshot, folder)
        run = Refresh(snapshot, folder, before)
        for done, table in enumerate(TABLES, start=1):
            run.table(table)
            if progress:
                progress(phase="extract", done=done, total=len(TABLES))
        made = _without_old_files(folder, run.manifest())
        write_manifest(folder, made)
    return made


def _usable(found: Manifest | None, snapshot: Snapshot, folder: Path) -> Manifest | None:
    """Return the manifest if it continues to this database, made by these queries."""
    if found is None or found.layout != LAYOUT or found.database != snapshot.database:
        return None
    if found.bound > snapshot.bound:
        return None  # a backup was restored, and history took another course
    return found if all((folder / name).exists() for name in found.files()) else None


def _still_there(before: dict[str, int], now: dict[str, int]) -> bool:
    return all(now.get(table) == node for table, node in before.items())


def _ranges(rows: pa.Table) -> set[int]:
    return set(pc.unique(pc.divide(rows["id"], IDS_PER_FILE)).to_pylist())


def _of_range(rows: pa.Table, number: int) -> pa.Table:
    return rows.filter(pc.equal(pc.divide(rows["id"], IDS_PER_FILE), number))


def _merge(fresh: Fresh) -> pa.Table:
    if fresh.old is None and fresh.ended.num_rows == 0:
        return fresh.rows.sort_by("id")
    with duckdb.connect(config={"threads": 2}) as link:
        link.register("old", fresh.rows[:0] if fresh.old is None else fresh.old)
        link.register("fresh", fresh.rows)
        link.register("ended", fresh.ended)
        link.register("gone", fresh.gone)
        return link.sql(MERGE).to_arrow_table()


def _without_old_files(folder: Path, made: Manifest) -> Manifest:
    """Delete what no reader can hold any more, crashed refreshes' files included."""
    horizon = made.refreshed_at - KEPT_FOR_READERS
    kept = {name: since for name, since in made.retired.items() if datetime.fromisoformat(since) > horizon}
    for path in folder.glob("*.parquet"):
        is_old = path.name in made.retired or path.stat().st_mtime < horizon.timestamp()
        if path.name not in made.files() and path.name not in kept and is_old:
            path.unlink(missing_ok=True)
    return replace(made, retired=kept)


def _layout() -> str:
    """Return a fingerprint of the queries: a lake made by others is built again."""
    queries = [table.select(past=past).as_string(None) for table in TABLES for past in (False, True)]
    return hashlib.sha256("\n".join([*queries, MERGE, str(IDS_PER_FILE)]).encode()).hexdigest()[:16]


LAYOUT = _layout()
