"""What a book's past says against taking its value forecasts at their word."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from analytics.ml.value_histories import FloatArray, History
from analytics.ml.value_purchases import PurchaseModel

FEW_CUSTOMERS = 200
FEW_REPEATERS = 50
_OPENING = (7, 30)  # days at the start whose newcomers are compared with those after them
_SURPLUS = 1.8  # times the newcomers of the days after the opening
_LEAST_NEWCOMERS = 30
_DEVIATION = 0.25  # share of what is expected in a month, after the general level
_LEAST_EXPECTED = 50.0  # purchases in a month, below which it is not judged
_LEAST_MONTHS = 4
_OPENING_MONTHS = 2  # whole ones at the start, where the first purchases' own rhythm shows
_NOISE = 4.0  # standard errors by which a month must deviate


class Warned(TypedDict, total=False):
    """One code and its figures; words are made where it is shown."""

    code: str
    customers: int
    repeaters: int
    surplus: float
    days: int
    months: list[str]
    ratios: list[float]


def check_counts(history: History) -> list[Warned]:
    """Warn where too few customers, or too few who came back, stand behind four parameters."""
    found: list[Warned] = []
    repeaters = int((history.frequency > 0).sum())
    if history.T.size < FEW_CUSTOMERS:
        found.append({"code": "few_customers", "customers": int(history.T.size)})
    if repeaters < FEW_REPEATERS:
        found.append({"code": "few_repeaters", "repeaters": repeaters})
    return found


def check_left_censoring(first_days: NDArray[np.int64], span_days: int) -> list[Warned]:
    """Warn where first purchases pile up at the start: those people were customers before.

    Parameters
    ----------
    first_days : array of shape (n,)
        Day of each customer's first purchase in the file, 0 the first of the file.
    span_days : int
        Days of the file.
    """
    opening = int(np.clip(span_days // 10, *_OPENING))
    if span_days < 3 * opening:
        return []
    at_first = int((first_days < opening).sum())
    after = int(((first_days >= opening) & (first_days < 3 * opening)).sum()) / 2.0
    if at_first < _LEAST_NEWCOMERS or at_first < _SURPLUS * after:
        return []
    return [{"code": "left_censored", "surplus": round(at_first / max(after, 1.0), 2), "days": opening}]


def expected_repeats(
    model: PurchaseModel, first_days: NDArray[np.int64], span_days: int, *, days_a_unit: float = 7.0
) -> FloatArray:
    """Return the repeat purchases that the model expects of the newcomers on each day, (span_days,).

    `days_a_unit` is the unit of time that the model was fitted in.
    """
    ages = np.arange(span_days) / days_a_unit
    zeros = np.zeros(span_days)
    curve = model.expected_purchases(ages, zeros, zeros, zeros)
    newcomers = np.bincount(first_days, minlength=span_days)[:span_days]
    return fftconvolve(newcomers, np.diff(curve, prepend=0.0))[:span_days].clip(min=0.0)


def months_of(
    first: int, observed: FloatArray, expected: FloatArray
) -> tuple[list[str], FloatArray, FloatArray]:
    """Add daily figures up to whole calendar months; `first` is the first day, counted from 1970."""
    dates = np.arange(first, first + observed.size + 1).astype("datetime64[D]")
    month = dates.astype("datetime64[M]")
    starts = np.flatnonzero(dates == month.astype("datetime64[D]"))
    if starts.size < 2:
        return [], np.zeros(0), np.zeros(0)
    totals = [np.add.reduceat(each[: starts[-1]], starts[:-1]) for each in (observed, expected)]
    return [str(month[start]) for start in starts[:-1]], totals[0], totals[1]


def check_seasons(months: Sequence[str], observed: FloatArray, expected: FloatArray) -> list[Warned]:
    """Warn of months whose repeat purchases are far from what the model expects.

    Parameters
    ----------
    months : sequence of str
        Names of whole months.
    observed, expected : arrays of shape (len(months),)
        Repeat purchases.
    """
    judged = (expected >= _LEAST_EXPECTED) & (np.arange(expected.size) >= _OPENING_MONTHS)
    if judged.sum() < _LEAST_MONTHS:
        return []
    ratio = observed[judged] / expected[judged]
    level = float(np.median(ratio))
    noise = np.sqrt(np.maximum(ratio, 0.1) / expected[judged])
    names = np.array(months)[judged]
    far = (np.abs(ratio / max(level, 1e-9) - 1.0) > _DEVIATION) & (np.abs(ratio - level) > _NOISE * noise)
    if not far.any():
        return []
    ratios = [round(float(each), 2) for each in ratio[far]]
    return [{"code": "seasonal", "months": [str(name) for name in names[far]], "ratios": ratios}]
