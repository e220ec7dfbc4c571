"""Cells of one column as numbers, moments or text, with what could not be read counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.ml.columns import as_numbers, as_text
from analytics.pipelines.evaluation.reading import BadInput, Note, note

FloatArray = NDArray[np.float64]
EPOCHS = ((1e8, 1e10, "s"), (1e11, 1e13, "ms"), (1e14, 1e16, "us"), (1e17, 1e19, "ns"))
COMMA_DECIMAL = r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?"


def read_text(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return cells as trimmed text, NA where blank; whole numbers without a decimal point."""
    if pd.api.types.is_float_dtype(values):
        whole = values.dropna()
        if np.isfinite(whole).all() and (whole == np.floor(whole)).all() and (whole.abs() < 2**53).all():
            values = values.astype("Int64")
    return as_text(values)


def read_numbers(values: pd.Series[Any]) -> tuple[FloatArray, int]:
    """Return numbers, NaN where there is none or an infinite one, and how many were infinite."""
    found = as_numbers(values)
    infinite = np.isinf(found)
    return np.where(infinite, np.nan, found), int(infinite.sum())


def with_decimal_points(values: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return a column of numbers with decimal commas as numbers with points; None when it is none."""
    text = as_text(values)
    filled = text.dropna()
    if filled.empty or not filled.str.contains(",", regex=False).any():
        return None
    if not filled.str.fullmatch(COMMA_DECIMAL).all():
        return None
    if filled.str.fullmatch(r"[+-]?\d{1,3}(?:,\d{3})+").sum() == filled.str.contains(",", regex=False).sum():
        return None  # rather thousands
    points = text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    return points.fillna("")


def amounts(frame: pd.DataFrame, column: str) -> tuple[FloatArray, list[Note]]:
    """Return a column of money or counts, NaN where there is none.

    :raises BadInput: when less than half of what is written there are numbers.
    """
    values, notes = frame[column], []
    if not pd.api.types.is_numeric_dtype(values) and (points := with_decimal_points(values)) is not None:
        values = points
        notes.append(note("decimal_comma", column=column))
    found, infinite = read_numbers(values)
    if infinite:
        notes.append(note("infinite", column=column, cells=infinite, severity="warn"))
    filled = as_text(values).notna()
    if np.isfinite(found).sum() < max(0.5 * int(filled.sum()), 1):
        raise BadInput("not_numbers", column=column, examples=_examples(values))
    return found, notes


def moments(frame: pd.DataFrame, column: str) -> tuple[pd.Series[Any], list[Note]]:
    """Return a column of dates or instants without zone (UTC where one was given), NaT where there is none.

    :raises BadInput: when less than half of what is written there are dates.
    """
    values = frame[column]
    if pd.api.types.is_datetime64_any_dtype(values):
        plain = values.dt.tz_convert(None) if getattr(values.dtype, "tz", None) is not None else values
        return plain.astype("datetime64[ns]"), []
    text = read_text(values)
    found, ambiguous = _parse(text)
    if found.notna().sum() < max(0.5 * int(text.notna().sum()), 1):
        raise BadInput("not_dates", column=column, examples=_examples(values))
    return found, [note("ambiguous_dates", column=column, severity="warn")] if ambiguous else []


def order_of(frame: pd.DataFrame, column: str) -> FloatArray:
    """Return what sorts the rows in time: instants where there are any, else plain numbers such as years.

    :raises BadInput: when the column holds neither.
    """
    try:
        found, _ = moments(frame, column)
    except BadInput:
        numbers, _ = read_numbers(frame[column])
        if np.isfinite(numbers).sum() < 0.5 * len(frame):
            raise
        return numbers
    return np.where(found.isna(), np.nan, found.astype("int64").to_numpy().astype(np.float64))


def _parse(text: pd.Series[Any]) -> tuple[pd.Series[Any], bool]:
    """Return instants, and whether day and month might be the other way round."""
    numbers = pd.to_numeric(text, errors="coerce")
    if text.notna().any() and numbers.notna().sum() >= 0.5 * text.notna().sum():
        return _from_numbers(text, numbers), False
    if (dotted := text.str.fullmatch(r"\d{1,2}\.\d{1,2}\.\d{2,4}.*")).fillna(value=False).mean() > 0.5:
        return _to_instants(text.where(dotted), dayfirst=True), False
    parts = text.str.extract(r"^(\d{1,2})[-/](\d{1,2})[-/](?:\d{4}|\d{2})(?:\D|$)").astype("Float64")
    if parts[0].notna().sum() < 0.5 * text.notna().sum():
        return _to_instants(text, dayfirst=False), False
    day_first = bool((parts[0] > 12).sum() > (parts[1] > 12).sum())
    unknown = not ((parts[0] > 12).any() or (parts[1] > 12).any())
    return _to_instants(text, dayfirst=day_first), unknown


def _to_instants(text: pd.Series[Any], *, dayfirst: bool) -> pd.Series[Any]:
    found = pd.to_datetime(text, errors="coerce", format="mixed", dayfirst=dayfirst, utc=True)
    return found.dt.tz_convert(None).astype("datetime64[ns]")


def _from_numbers(text: pd.Series[Any], numbers: pd.Series[Any]) -> pd.Series[Any]:
    digits = text.where(text.str.fullmatch(r"(?:19|20)\d{6}").fillna(value=False))
    dates = pd.to_datetime(digits, format="%Y%m%d", errors="coerce")
    if dates.notna().sum() >= 0.5 * text.notna().sum():
        return dates.astype("datetime64[ns]")
    middle = float(numbers.abs().median())
    for low, high, unit in EPOCHS:
        if low <= middle < high:
            since: pd.Series[Any] = pd.to_datetime(numbers.astype("float64"), unit=unit, errors="coerce")
            return since.astype("datetime64[ns]")
    return pd.Series(pd.NaT, index=text.index, dtype="datetime64[ns]")


def _examples(values: pd.Series[Any]) -> list[str]:
    return [str(cell) for cell in as_text(values).dropna().unique()[:3]]
