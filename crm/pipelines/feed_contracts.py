"""What the files of a feed are expected to hold, learnt from the first and asked of all that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crm.models import DataFeed
from crm.pipelines.imports.contracts import TOLERATED, ContractBrokenError
from crm.pipelines.imports.reading import Cell, first_rows, open_rows
from crm.pipelines.imports.values import column_types, guess_formats, infer_type
from crm.selectors.import_kinds import KINDS
from crm.selectors.import_mapping import guess_mapping, mapping_problems
from crm.services.file_imports import remembered_mapping

SAMPLE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Checked:
    """How a file that keeps the contract is read."""

    mapping: dict[str, Any]
    options: dict[str, Any]
    contract: dict[str, Any]


def check_contract(feed: DataFeed, path: Path) -> Checked:
    """Hold a file against the feed's contract; the first file makes it.

    :raises ContractBrokenError: when it isn't what was agreed.
    :raises FileRefusedError: when it can't be read at all.
    """
    rows = open_rows(path)
    sample = first_rows(rows, SAMPLE_ROWS)
    if not sample:
        raise ContractBrokenError("no_good_rows")
    cells = [row for _number, row in sample]
    columns = feed.contract.get("columns")
    if columns:
        _check_columns(columns, rows.columns)
        _check_cells(feed, rows.columns, cells)
        mapping = feed.mapping or _mapping(feed, rows.columns)
        return Checked(mapping, _options(feed.reading, {}), feed.contract)
    return _learn(feed, rows.columns, cells)


def _learn(feed: DataFeed, columns: list[str], cells: list[list[Cell]]) -> Checked:
    mapping = feed.mapping or _mapping(feed, columns)
    guessed = guess_formats(cells)
    options = _options(feed.reading, guessed)
    for name in ("decimal", "date_order"):
        if not options.get(name):
            raise ContractBrokenError(f"{name}_unclear")
    types = column_types(columns, cells, decimal=options["decimal"], date_order=options["date_order"])
    required = set(KINDS[feed.layout].required)
    contract = {
        "columns": types,
        "order": columns,  # which the database does not keep
        "required": [column for column in columns if (mapping.get(column) or {}).get("field") in required],
    }
    return Checked(mapping, options, contract)


def _options(chosen: Mapping[str, Any], guessed: Mapping[str, Any]) -> dict[str, Any]:
    return {name: chosen.get(name) or guessed.get(name) for name in ("decimal", "date_order")}


def _mapping(feed: DataFeed, columns: list[str]) -> dict[str, Any]:
    """Return where the columns go: as a file with this header was mapped by hand, else as guessed.

    :raises ContractBrokenError: when that leaves a field out that has to be there.
    """
    remembered = remembered_mapping(kind=feed.layout, columns=columns)
    kind = KINDS[feed.layout]
    mapping = dict(remembered.mapping) if remembered else guess_mapping(kind, columns)
    if problems := mapping_problems(kind, columns, mapping):
        raise ContractBrokenError("mapping", problems=problems)
    return mapping


def _check_columns(agreed: Mapping[str, str], found: Sequence[str]) -> None:
    """Ask for every column that was agreed. A new one changes nothing: it has no place."""
    for column in agreed:
        if column not in found:
            new = [name for name in found if name not in agreed]
            raise ContractBrokenError("column_missing", column=column, new=new[:10])


def _check_cells(feed: DataFeed, columns: Sequence[str], cells: Sequence[Sequence[Cell]]) -> None:
    agreed, required = feed.contract["columns"], set(feed.contract.get("required", ()))
    reads = _reader_of(feed)
    for place, column in enumerate(columns):
        if column not in agreed:
            continue
        filled = [row[place] for row in cells if row[place] not in (None, "")]
        empty = len(cells) - len(filled)
        if column in required and empty > TOLERATED * len(cells):
            raise ContractBrokenError("column_empty", column=column, empty=empty, rows=len(cells))
        wrong = [cell for cell in filled if not reads(cell, agreed[column])]
        if len(wrong) > TOLERATED * len(filled):
            raise ContractBrokenError(
                "column_type", column=column, expected=agreed[column], value=str(wrong[0])[:100],
                wrong=len(wrong), rows=len(cells),
            )  # fmt: skip


def _reader_of(feed: DataFeed) -> Callable[[Cell, str], bool]:
    decimal, order = feed.reading.get("decimal"), feed.reading.get("date_order")

    def reads(cell: Cell, agreed: str) -> bool:
        if agreed == "text":
            return True
        found = infer_type([cell], decimal=decimal, date_order=order)
        return found == agreed or (found, agreed) == ("date", "moment")

    return reads
