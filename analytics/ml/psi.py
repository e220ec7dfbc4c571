"""How far a column has moved away from what a model was trained on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

FloatArray = NDArray[np.float64]

MOST_CATEGORIES = 50


class Profile(NamedTuple):
    """How a column was spread in training, small enough to be kept beside the model.

    Attributes
    ----------
    edges : list of float
        Inner ends of the bins of a column of numbers; empty for categories.
    categories : list of str
        Categories that have a bin of their own; empty for numbers.
    counts : list of int
        Rows of each bin; the last is of what is not known. Before it, for categories, all others.
    """

    edges: list[float]
    categories: list[str]
    counts: list[int]

    @property
    def rows(self) -> int:
        """Rows of training."""
        return int(sum(self.counts))


class Shift(NamedTuple):
    """How far a column is from its profile.

    Attributes
    ----------
    value : float
        Population stability index.
    chance_p95 : float
        What it stays below in 95 of 100 cases if nothing has changed.
    """

    value: float
    chance_p95: float


def profile_of(column: ArrayLike, *, bins: int = 10) -> Profile:
    """Return how a column is spread: numbers in bins of equal shares, anything else by its values.

    Parameters
    ----------
    column : array or Series of shape (n,)
        NaN or None where not known.
    bins : int
        Bins of known numbers; columns with few distinct values get fewer.

    Raises
    ------
    ValueError
        If there are no rows or `bins` is below 1.
    """
    values = pd.Series(column)
    if values.empty or bins < 1:
        raise ValueError("a profile needs rows, and bins must be at least 1")
    if pd.api.types.is_numeric_dtype(values):
        x = values.to_numpy(dtype=np.float64, na_value=np.nan)
        edges = _edges(x, bins)
        return Profile(edges.tolist(), [], _counts(x, edges).tolist())
    most = values.dropna().astype(str).value_counts().index[:MOST_CATEGORIES].tolist()
    return Profile([], most, _counts_of_categories(values, most).tolist())


def shift_from(profile: Profile, column: ArrayLike) -> Shift:
    """Return how far a column is from the profile of training.

    Raises
    ------
    ValueError
        If there are no rows.
    """
    values = pd.Series(column)
    if values.empty:
        raise ValueError("a shift needs rows")
    if profile.categories:
        now = _counts_of_categories(values, profile.categories)
    else:
        x = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        now = _counts(x, np.asarray(profile.edges))
    before = np.asarray(profile.counts)
    bins = int(((before + now) > 0).sum())
    spread = 1.0 / before.sum() + 1.0 / now.sum()
    chance = float(chi2.ppf(0.95, bins - 1)) * spread if bins > 1 else 0.0
    return Shift(_index(_smoothed(before), _smoothed(now)), chance)


def population_stability_index(expected: ArrayLike, actual: ArrayLike, bins: int = 10) -> float:
    r"""Compare the distribution of a column now with that in training.

    .. math:: \mathrm{PSI} = \sum_b (a_b - e_b) \ln \frac{a_b}{e_b}

    over bins that hold equal shares of `expected`, and one bin of what is not known.

    Parameters
    ----------
    expected : array of shape (n,)
        Values in training; NaN where not known.
    actual : array of shape (m,)
        Values now; NaN where not known.
    bins : int
        Bins of known values; columns with few distinct values get fewer.

    Returns
    -------
    float
        0 for equal distributions. By custom a shift below 0.1 is small, above 0.25 large.

    Raises
    ------
    ValueError
        If either has no rows or `bins` is below 1.

    Notes
    -----
    Half a row is added to every bin, which keeps empty bins finite. By chance alone the index is
    about ``(bins - 1) * (1 / n + 1 / m)``.

    References
    ----------
    .. [1] Siddiqi (2006), "Credit Risk Scorecards", Wiley.

    Examples
    --------
    >>> population_stability_index([1, 2, 3, 4], [4, 3, 2, 1], bins=2)
    0.0
    """
    before = np.asarray(expected, dtype=np.float64)
    now = np.asarray(actual, dtype=np.float64)
    if before.size == 0 or now.size == 0 or bins < 1:
        raise ValueError("both columns need rows, and bins must be at least 1")
    edges = _edges(before, bins)
    return _index(_smoothed(_counts(before, edges)), _smoothed(_counts(now, edges)))


def _edges(x: FloatArray, bins: int) -> FloatArray:
    known = x[~np.isnan(x)]
    shares = np.arange(1, bins) / bins
    edges = np.quantile(known, shares, method="inverted_cdf") if known.size else np.empty(0)
    return np.asarray(np.unique(edges), dtype=np.float64)


def _counts(x: FloatArray, edges: FloatArray) -> NDArray[np.int64]:
    """Return the rows of each bin ``(edge, next edge]`` and, last, of NaN."""
    bin_of = np.where(np.isnan(x), edges.size + 1, np.searchsorted(edges, x, side="left"))
    return np.bincount(bin_of, minlength=edges.size + 2)


def _counts_of_categories(values: pd.Series[Any], categories: list[str]) -> NDArray[np.int64]:
    """Return the rows of each category, of all others and, last, of what is not known."""
    known = values.dropna().astype(str)
    place = pd.Index(categories).get_indexer(pd.Index(known))
    counts = np.bincount(np.where(place < 0, len(categories), place), minlength=len(categories) + 1)
    return np.append(counts, len(values) - len(known))


def _smoothed(counts: NDArray[np.int64]) -> FloatArray:
    shares: FloatArray = (counts + 0.5) / (counts + 0.5).sum()
    return shares


def _index(before: FloatArray, now: FloatArray) -> float:
    return float(((now - before) * np.log(now / before)).sum())
