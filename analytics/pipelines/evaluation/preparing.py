"""A table with a column of outcomes: who counts as what, and what each other column holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.ml.columns import as_text, find_column
from analytics.pipelines.evaluation.cells import (
    moments,
    order_of,
    read_numbers,
    read_text,
    with_decimal_points,
)
from analytics.pipelines.evaluation.reading import BadInput, Note, note, require_columns

FloatArray = NDArray[np.float64]
Labels = NDArray[np.int64]
BLANK = ("", "nan", "null", "na", "n/a", "#n/a", "<na>", "nat")
TRUE = ("true", "1", "1.0")  # of a column that knows only true and false


class Case(NamedTuple):
    """What is to be learnt.

    `rows` are the numbers of the records in the file, from 1; `order` sorts them in time, if asked for.
    """

    frame: pd.DataFrame
    label: Labels
    rows: NDArray[np.int64]
    order: FloatArray | None
    notes: list[Any]  # of ours, and findings of the guards
    dropped: int
    groups: NDArray[np.int64] | None = None  # whose row each is, where somebody may have several
    anchor: tuple[str, ...] = ()  # columns of the plain logistic that takes half, where time has moved on


def prepare(
    table: pd.DataFrame, *, target: str, positive: str, exclude: Sequence[str] = (), time: str | None = None
) -> Case:
    """Return the rows whose outcome is known, in the file's order, with typed columns.

    :raises BadInput: when a column is missing, the value doesn't occur, or all rows have one outcome.
    """
    require_columns(table, target, *exclude, *([time] if time else []))
    if target in exclude or target == time:
        raise BadInput("same_column", column=target)
    label, known, notes = read_outcomes(table[target], target=target, positive=positive)
    order = None
    if time is not None:
        order = order_of(table, time)
        if np.unique(order[known & ~np.isnan(order)]).size < 2:
            raise BadInput("same_time", column=time)
        if late := int((known & np.isnan(order)).sum()):
            notes.append(note("bad_times", column=time, rows=late, severity="warn"))
        known = known & ~np.isnan(order)
        order = order[known]
    rows = np.flatnonzero(known)
    features = table.drop(columns=[target, *exclude, *([time] if time else [])]).iloc[rows]
    if features.shape[1] == 0:
        raise BadInput("no_features")
    frame, about_columns = typed(features)
    _refuse_one_class(label[rows], target, positive)
    return Case(frame, label[rows], rows + 1, order, notes + about_columns, len(table) - rows.size)


def _refuse_one_class(label: Labels, target: str, positive: str) -> None:
    if label.size == 0 or label.min() == label.max():
        raise BadInput("one_class", column=target, value=positive)


def read_outcomes(
    values: pd.Series[Any], *, target: str, positive: str
) -> tuple[Labels, NDArray[np.bool_], list[Note]]:
    """Return 1 where a cell is `positive`, which cells hold anything, and what is to be said about it."""
    wanted = positive.strip()
    text = _outcome_text(values)
    blank = text.isna() | (text.str.casefold().isin(BLANK) & (text != wanted))
    same_text: NDArray[np.bool_] = (text == wanted).fillna(value=False).to_numpy(dtype=bool)
    found = same_text | _equal_numbers(text, wanted)
    known = ~blank.to_numpy(dtype=bool)
    counts = text[known].value_counts()
    if not found.any():
        raise BadInput("no_positive", column=target, value=positive, values=[str(v) for v in counts.index])
    notes = []
    if blank.any():
        notes.append(note("blank_target", column=target, rows=int(blank.sum()), severity="warn"))
    others = sorted(set(text[known & ~found].unique()))
    if len(others) > 1:
        data = {"count": counts.size, "value": positive, "values": others}
        notes.append(note("other_values", column=target, severity="warn", **data))
    return found.astype(np.int64), known, notes


def _outcome_text(values: pd.Series[Any]) -> pd.Series[Any]:
    if pd.api.types.is_bool_dtype(values):
        return values.map({True: "True", False: "False"}).astype("string")
    if pd.api.types.is_float_dtype(values):
        return read_text(values)
    return values.astype("string").str.strip()


def _equal_numbers(text: pd.Series[Any], wanted: str) -> NDArray[np.bool_]:
    """Tell where text and what is wanted are the same number: 1, 1.0 and 01."""
    lower = text.str.casefold()
    filled = lower[~lower.isin(BLANK)].dropna()
    if wanted.casefold() in TRUE and not filled.empty and filled.isin(["true", "false"]).all():
        return np.asarray((lower == "true").fillna(value=False), dtype=bool)
    number = pd.to_numeric(pd.Series([wanted], dtype="string"), errors="coerce").iloc[0]
    if pd.isna(number):
        return np.zeros(len(text), dtype=bool)
    points = with_decimal_points(text)
    numbers = pd.to_numeric(text if points is None else points, errors="coerce")
    numbers = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(numbers == float(number))


def typed(features: pd.DataFrame) -> tuple[pd.DataFrame, list[Note]]:
    """Return columns as numbers, instants or text, whichever nearly all of their cells are."""
    columns, notes = {}, []
    for name in features.columns:
        columns[str(name)], found = _typed_column(features[name], str(name))
        notes += found
    return pd.DataFrame(columns, index=features.index).reset_index(drop=True), notes


def _typed_column(values: pd.Series[Any], name: str) -> tuple[pd.Series[Any], list[Note]]:
    notes: list[Note] = []
    if not pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_datetime64_any_dtype(values):
        if (points := with_decimal_points(values)) is not None:
            values = points
            notes.append(note("decimal_comma", column=name))
        kind = find_column(values).kind
        if kind not in ("number", "date"):
            return as_text(values), notes
        if kind == "date":
            found, about = moments(values.to_frame(name), name)
            return found, notes + about
    if pd.api.types.is_datetime64_any_dtype(values):
        return moments(values.to_frame(name), name)[0], notes
    return _numeric_column(values, name, notes)


def _numeric_column(
    values: pd.Series[Any], name: str, notes: list[Note]
) -> tuple[pd.Series[Any], list[Note]]:
    numbers, infinite = read_numbers(values)
    filled = values.notna() if pd.api.types.is_numeric_dtype(values) else as_text(values).notna()
    strange = int(filled.sum()) - int(np.isfinite(numbers).sum()) - infinite
    if infinite:
        notes.append(note("infinite", column=name, cells=infinite, severity="warn"))
    if strange > 0:
        notes.append(note("not_number", column=name, cells=strange))
    return pd.Series(numbers, index=values.index), notes
