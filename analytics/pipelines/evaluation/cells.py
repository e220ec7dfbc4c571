"""Cells of one column as numbers, moments or text, with what could not be read counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.ml.columns import as_numbers, as_text, with_leading_minus
from analytics.pipelines.evaluation.reading import BadInput, Note, note

FloatArray = NDArray[np.float64]
EPOCHS = ((1e8, 1e10, "s"), (1e11, 1e13, "ms"), (1e14, 1e16, "us"), (1e17, 1e19, "ns"))
TOO_LARGE = 1e30  # nobody counts so far: programs write larger ones for what is not known
EARLIEST, LATEST = pd.Timestamp("1678-01-01"), pd.Timestamp("2262-01-01")  # instants reach no further
FAR_SHARE = 0.001  # of the rows at either end, that may be mistakes
LEAST_ROWS_FAR = 1_000
DAYS_A_YEAR = 365.0
SPREADSHEET_SHARE = 0.95
MARKS = r"^[$€£¥]\s*|\s*[$€£¥%]$|(?<=\d)[\s'’](?=\d{3}(?:\D|$))"  # around and within amounts
COMMA_DECIMAL = r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?"


def read_text(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return cells as trimmed text, NA where blank; whole numbers without a decimal point."""
    if pd.api.types.is_float_dtype(values):
        whole = values.dropna()
        if np.isfinite(whole).all() and (whole == np.floor(whole)).all() and (whole.abs() < 2**53).all():
            values = values.astype("Int64")
    return as_text(values)


def read_numbers(values: pd.Series[Any]) -> tuple[FloatArray, int]:
    """Return numbers, NaN where there is none or one that is infinite or too large, and how many were."""
    found = as_numbers(values)
    infinite = np.abs(found) > TOO_LARGE
    return np.where(infinite, np.nan, found), int(infinite.sum())


def with_decimal_points(values: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return a column of numbers with decimal commas as numbers with points; None when it is none."""
    text = as_text(values)
    filled = text.dropna()
    if filled.empty or not filled.str.contains(",", regex=False).any():
        return None
    text = with_leading_minus(text.str.replace(MARKS, "", regex=True))
    filled = text.dropna()
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
    _refuse_blank(filled, column)
    if np.isfinite(found).sum() < max(0.5 * int(filled.sum()), 1):
        raise BadInput("not_numbers", column=column, examples=_examples(values))
    return found, notes


def moments(frame: pd.DataFrame, column: str) -> tuple[pd.Series[Any], list[Note]]:
    """Return a column of dates or instants without zone (UTC where one was given), NaT where there is none.

    :raises BadInput: when less than half of what is written there are dates.
    """
    values = frame[column]
    if pd.api.types.is_datetime64_any_dtype(values):
        return _within_reach(values), []
    text = read_text(values)
    _refuse_blank(text.notna(), column)
    days = _spreadsheet_days(text)
    if days is not None:
        read = pd.to_datetime(days, unit="D", origin="1899-12-30", errors="coerce")
        return _within_reach(read), [note("spreadsheet_dates", column=column)]
    found, ambiguous = _parse(text)
    if found.notna().sum() < max(0.5 * int(text.notna().sum()), 1):
        raise BadInput("not_dates", column=column, examples=_examples(values))
    notes = [note("ambiguous_dates", column=column, severity="warn")] if ambiguous else []
    return _within_reach(found), notes


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
    if text.str.contains("年", regex=False).any():
        text = text.str.replace(r"^(\d{4})年(\d{1,2})月(\d{1,2})日", r"\1-\2-\3 ", regex=True).str.strip()
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


def _refuse_blank(filled: pd.Series[Any], column: str) -> None:
    if not filled.any():
        raise BadInput("blank_column", column=column)


def _spreadsheet_days(text: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return days as spreadsheets count them where nearly all cells are some, between 1954 and 2119."""
    days = pd.to_numeric(text.astype(object), errors="coerce").astype("float64")
    filled = days[text.notna()]
    return days if filled.between(20_000, 80_000).mean() >= SPREADSHEET_SHARE else None


def _to_instants(text: pd.Series[Any], *, dayfirst: bool) -> pd.Series[Any]:
    return pd.to_datetime(text, errors="coerce", format="mixed", dayfirst=dayfirst, utc=True)


def _within_reach(found: pd.Series[Any]) -> pd.Series[Any]:
    """Return instants without zone, NaT where they are out of reach: 9999-12-31 stands for "not yet"."""
    plain = found.dt.tz_convert(None) if getattr(found.dtype, "tz", None) is not None else found
    return plain.where((plain >= EARLIEST) & (plain < LATEST)).astype("datetime64[ns]")


def days_of(instants: pd.Series[Any]) -> FloatArray:
    """Return whole days since 1970; what stands for NaT means nothing."""
    return np.asarray(instants.to_numpy().astype("datetime64[D]"), dtype=np.float64)


def far_dates(day: FloatArray, column: str, kept: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], list[Note]]:
    """Find, among the kept, the few days further from the others than those are from each other.

    One 1900 or 2199 would stretch a table of orders to a century.
    """
    far = np.zeros(kept.size, dtype=bool)
    if int(kept.sum()) < LEAST_ROWS_FAR:
        return far, []
    low, high = np.quantile(day[kept], [FAR_SHARE, 1.0 - FAR_SHARE])
    reach = max(high - low, DAYS_A_YEAR)
    far = kept & ((day < low - reach) | (day > high + reach))
    if not far.any():
        return far, []
    rows = int(far.sum())
    example = str(np.datetime64(int(day[far][0]), "D"))
    return far, [note("value_far_dates", column=column, rows=rows, date=example, severity="warn")]


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
