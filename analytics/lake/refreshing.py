"""Bringing the lake up to the database: whole the first time, then by change."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics.lake import layers
from analytics.lake.extracting import (
    IDS_PER_FILE,
    Snapshot,
    open_snapshot,
    read_changed,
    whole_range,
)
from analytics.lake.folders import lake_folder
from analytics.lake.layers import Layer, Merging
from analytics.lake.manifest import Manifest, TableFiles, read_manifest, write_manifest
from analytics.lake.tables import TABLES, Table

Progress = Callable[..., None]  # called with phase=, done=, total=
KEPT_FOR_READERS = timedelta(hours=12)  # longer than any run that holds an old manifest
# When more than this has changed, reading a table whole takes less memory than holding it all.
MOST_CHANGED = 1_000_000


@dataclass
class Refresh:
    """One refresh: the snapshot read from, the folder written to, the manifest so far.

    `again` names rows whose files are written anew whether they have changed or not.
    """

    snapshot: Snapshot
    folder: Path
    before: Manifest | None
    again: Mapping[str, Sequence[int]] = field(default_factory=dict)
    tables: dict[str, TableFiles] = field(default_factory=dict)
    merging: Merging = field(default_factory=Merging)

    @property
    def version(self) -> int:
        return 1 + (self.before.version if self.before else 0)

    def table(self, table: Table) -> None:
        storage = self.snapshot.storage(table.stored_in) if table.stored_in else {}
        made = self._by_change(table, storage) if table.by_change else None
        self.tables[table.name] = replace(made or self._whole(table), storage=storage)

    def _whole(self, table: Table) -> TableFiles:
        made = TableFiles({}, {}, {})
        numbers = set(self.snapshot.ranges(table.source))
        if table.fact:
            numbers |= set(self.snapshot.ranges(f"{table.fact}_past"))
        for number in sorted(numbers) or [0]:  # an empty table has one empty file
            rows = whole_range(self.snapshot, table, number)
            if table.fact:
                rows = self.merging.in_order(rows, whole_range(self.snapshot, table, number, past=True))
            self._write_base(made, table, str(number), rows.sort_by("id") if not table.fact else rows)
        return made

    def _by_change(self, table: Table, storage: dict[str, int]) -> TableFiles | None:
        before = self.before.tables.get(table.name) if self.before else None
        if self.before is None or before is None or not _still_there(before.storage, storage):
            return None
        found = read_changed(
            self.snapshot,
            table,
            self.before.bound,
            also=self.again.get(table.name, ()),
            most=max(MOST_CHANGED, sum(before.rows.values()) // 2),
        )
        if found is None or found.touched.num_rows == 0:
            return before if found else None
        rows = self.merging.in_order(found.present, found.past)
        fresh = self.merging.layered(rows, found.touched, number=self.version)
        return self._with_layer(table, before, fresh, found.touched.num_rows)

    def _with_layer(self, table: Table, before: TableFiles, fresh: pa.Table, changed: int) -> TableFiles:
        """Put a layer on top, together with the newest ones, and fold in what has grown large."""
        again = self._ranges_again(table)
        # Where rows must be in no file any more, no layer is left as it was.
        joined = list(before.layers) if again else layers.to_join(before.layers, fresh.num_rows)
        kept = before.layers[: len(before.layers) - len(joined)]
        void = layers.folded(before.folded, IDS_PER_FILE)
        over = self.merging.newest(self.folder, joined, fresh, void=void)
        above = Layer("", layers.rows_by_range(over, IDS_PER_FILE))
        full = again | layers.to_fold([*kept, above], before.rows, changed=changed)
        made = replace(before, files=dict(before.files), rows=dict(before.rows), folded=dict(before.folded))
        for number in sorted(full, key=int):
            self._fold(made, table, number, self._of_range(kept, over, number, void))
        over = _without_ranges(over, full) if full else over
        top = [self._write_layer(table, over)] if over.num_rows else []
        return replace(made, layers=[*_layers_without(kept, full), *top])

    def _ranges_again(self, table: Table) -> set[str]:
        return {str(each // IDS_PER_FILE) for each in self.again.get(table.name, ())}

    def _of_range(self, kept: Sequence[Layer], over: pa.Table, number: str, void: str) -> pa.Table:
        low = int(number) * IDS_PER_FILE
        where = f"id >= {low} AND id < {low + IDS_PER_FILE}"
        return self.merging.newest(self.folder, kept, over, void=void, where=where)

    def _fold(self, made: TableFiles, table: Table, number: str, over: pa.Table) -> None:
        name = made.files.get(number)
        base = pq.read_table(self.folder / name) if name else over.drop_columns(["gone", "layer"])[:0]
        self._write_base(made, table, number, self.merging.fold(base, over))
        made.folded[number] = self.version

    def _write_base(self, made: TableFiles, table: Table, number: str, rows: pa.Table) -> None:
        made.files[number] = self._write(table, number, rows)
        made.rows[number] = rows.num_rows

    def _write_layer(self, table: Table, over: pa.Table) -> Layer:
        name = self._write(table, f"layer{self.version}", over)
        return Layer(name, layers.rows_by_range(over, IDS_PER_FILE))

    def _write(self, table: Table, part: str, rows: pa.Table) -> str:
        name = f"{table.name}-{part}-{uuid4().hex}.parquet"
        pq.write_table(rows, self.folder / name, compression="zstd")
        return name

    def manifest(self) -> Manifest:
        made = Manifest(
            layout=LAYOUT,
            database=self.snapshot.database,
            bound=self.snapshot.bound,
            refreshed_at=self.snapshot.taken_at,
            complete_until=self.snapshot.complete_until,
            version=self.version,
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
    with open_snapshot() as snapshot, Merging() as merging:
        before = usable(read_manifest(folder), snapshot, folder)
        run = Refresh(snapshot, folder, before, merging=merging)
        made = write_tables(run, progress)
        made = _without_old_files(folder, made)
        write_manifest(folder, made)
    return made


def write_tables(run: Refresh, progress: Progress | None = None) -> Manifest:
    for done, table in enumerate(TABLES, start=1):
        run.table(table)
        if progress:
            progress(phase="extract", done=done, total=len(TABLES))
    return run.manifest()


def usable(found: Manifest | None, snapshot: Snapshot, folder: Path) -> Manifest | None:
    """Return the manifest if it continues to this database, made by these queries."""
    if found is None or found.layout != LAYOUT or found.database != snapshot.database:
        return None
    if found.bound > snapshot.bound:
        return None  # a backup was restored, and history took another course
    return found if all((folder / name).exists() for name in found.files()) else None


def _still_there(before: dict[str, int], now: dict[str, int]) -> bool:
    return all(now.get(table) == node for table, node in before.items())


def _without_ranges(rows: pa.Table, numbers: Iterable[str]) -> pa.Table:
    folded = pa.array([int(number) for number in numbers], pa.int64())
    return rows.filter(pc.invert(pc.is_in(pc.divide(rows["id"], IDS_PER_FILE), value_set=folded)))


def _layers_without(kept: Sequence[Layer], folded: Collection[str]) -> list[Layer]:
    """Return the layers as far as they still say anything."""
    left = (
        replace(layer, ranges={n: rows for n, rows in layer.ranges.items() if n not in folded})
        for layer in kept
    )
    return [layer for layer in left if layer.ranges]


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
    merging = [layers.VERSIONS, layers.GONE, layers.NEWEST, layers.FOLD, layers.FOLDED]
    return hashlib.sha256("\n".join([*queries, *merging, str(IDS_PER_FILE)]).encode()).hexdigest()[:16]


LAYOUT = _layout()
