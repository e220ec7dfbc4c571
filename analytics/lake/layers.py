"""Small files on top of large ones: what changed lately, until it is worth folding in.

A layer holds every version of each row that it speaks of, or one row marked `gone`. The newest
layer that speaks of a row is right, and what lies below it about that row is void. So a refresh
writes what changed and nothing else; whoever reads puts the layers on top (`reading.py`).

When much of a range of ids lies in layers, they are folded into its file. The layers stay as they
are: the manifest says up to which layer the file speaks for the range, and their rows of it are void.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from analytics.lake.folders import engine_limits

# A range of ids is written anew when this share of it lies in layers, but not for a handful.
FOLD_SHARE = 0.2
FOLD_AT_LEAST = 20_000
# One refresh folds ranges of so many rows a row that changed, so that they take turns.
FOLD_FOR_EACH = 10
# A layer is joined with a newer one of its size at least, so that there are few of them, and each row
# is rewritten a few times at most before it is folded in.
GROWTH = 1
SMALL = 5_000  # rows; a smaller layer always joins the next

# A version of a fact begins no earlier than the one before it ended, so that no moment sees two,
# whatever order stamps were written in (a restored row comes back with its old `known_at`).
# Rows that were never changed, which are nearly all, are spared the sorting.
VERSIONS = """
WITH versions AS (
    SELECT * FROM present WHERE id IN (SELECT id FROM past) UNION ALL BY NAME SELECT * FROM past
)
SELECT * FROM present WHERE id NOT IN (SELECT id FROM past)
UNION ALL BY NAME
SELECT * REPLACE (greatest(known_at_us, lag(known_to_us) OVER (
    PARTITION BY id ORDER BY known_to_us NULLS LAST)) AS known_from_us) FROM versions
ORDER BY id, known_to_us NULLS LAST
"""
GONE = """
SELECT *, false AS gone, {layer}::BIGINT AS layer FROM rows
UNION ALL BY NAME
SELECT id, true AS gone, {layer}::BIGINT AS layer FROM touched WHERE id NOT IN (SELECT id FROM rows)
ORDER BY id, known_to_us NULLS LAST
"""
NEWEST = """
SELECT * EXCLUDE (folded_range, folded_upto) FROM {rows} AS rows LEFT JOIN {folded}
WHERE layer > coalesce(folded_upto, 0) AND {where}
QUALIFY layer = max(layer) OVER (PARTITION BY id) ORDER BY id, known_to_us NULLS LAST
"""
# Which rows of layers are void; for DuckDB and Spark.
FOLDED = (
    "(VALUES {values}) AS folded (folded_range, folded_upto) "
    "ON folded_range = CAST(floor(id / {per_file}) AS BIGINT)"
)
FOLD = """
SELECT * FROM base WHERE id NOT IN (SELECT id FROM over)
UNION ALL BY NAME SELECT * EXCLUDE (gone, layer) FROM over WHERE NOT gone
ORDER BY id, known_to_us NULLS LAST
"""


@dataclass(frozen=True)
class Layer:
    file: str
    ranges: dict[str, int] = field(default_factory=dict)  # number of the range -> rows in it

    @property
    def rows(self) -> int:
        return sum(self.ranges.values())


class Merging:
    """Puts versions and layers together. One engine for all tables: starting one costs more than using it."""

    def __init__(self) -> None:
        self._closing = ExitStack()
        self._link = duckdb.connect(config=self._closing.enter_context(engine_limits()))
        self._closing.callback(self._link.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def in_order(self, present: pa.Table, past: pa.Table) -> pa.Table:
        """Return all versions, each beginning where the one before it ended."""
        if past.num_rows == 0:
            return present.sort_by("id")
        return self._query(VERSIONS, present=present, past=past)

    def layered(self, rows: pa.Table, touched: pa.Table, *, number: int) -> pa.Table:
        """Return the versions of what was touched as a layer, with a mark for what has none left."""
        return self._query(GONE.format(layer=number), rows=rows, touched=touched)

    def newest(
        self, folder: Path, layers: Sequence[Layer], fresh: pa.Table, *, void: str, where: str = "true"
    ) -> pa.Table:
        """Return these layers and a fresh one as one, without the rows that are `void` (see `folded`)."""
        if not layers:
            return fresh if where == "true" else self._query(f"FROM fresh WHERE {where}", fresh=fresh)
        files = ", ".join(f"'{folder / layer.file}'" for layer in layers)
        rows = f"(FROM read_parquet([{files}]) WHERE {where} UNION ALL BY NAME FROM fresh)"
        return self._query(NEWEST.format(rows=rows, folded=void, where=where), fresh=fresh)

    def fold(self, base: pa.Table, over: pa.Table) -> pa.Table:
        return self._query(FOLD, base=base, over=over)

    def _query(self, query: str, **tables: pa.Table) -> Any:
        for name, table in tables.items():
            self._link.register(name, table)
        try:
            return self._link.sql(query).to_arrow_table()
        finally:
            for name in tables:
                self._link.unregister(name)


def to_join(layers: Sequence[Layer], rows: int) -> list[Layer]:
    """Return the newest layers, which a new one of so many rows is written together with."""
    kept = list(layers)
    joined: list[Layer] = []
    while kept and (kept[-1].rows <= SMALL or kept[-1].rows <= GROWTH * rows):
        joined.append(kept.pop())
        rows += joined[-1].rows
    return joined


def to_fold(layers: Iterable[Layer], base_rows: dict[str, int], *, changed: int) -> set[str]:
    """Return the ranges of which so much lies in layers that they should be written anew now."""
    above: dict[str, int] = {}
    for layer in layers:
        for number, rows in layer.ranges.items():
            above[number] = above.get(number, 0) + rows
    full = [
        number
        for number, rows in above.items()
        if rows > max(FOLD_AT_LEAST, FOLD_SHARE * base_rows.get(number, 0))
    ]
    full.sort(key=lambda number: (-above[number], int(number)))
    costs = accumulate(base_rows.get(number, 0) for number in full[1:])  # the fullest in any case
    return {
        *full[:1],
        *(n for n, cost in zip(full[1:], costs, strict=True) if cost <= FOLD_FOR_EACH * changed),
    }


def folded(upto: Mapping[str, int], ids_per_file: int) -> str:
    """Return what to join layers with in order to see which of their rows are void."""
    values = ", ".join(f"({number}, {layer})" for number, layer in upto.items()) or "(-1, 0)"
    return FOLDED.format(values=values, per_file=ids_per_file)


def rows_by_range(rows: pa.Table, ids_per_file: int) -> dict[str, int]:
    counts = pc.value_counts(pc.divide(rows["id"], ids_per_file))
    return {str(each["values"]): each["counts"] for each in counts.to_pylist()}
