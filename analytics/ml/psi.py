"""How far a column has moved away from what a model was trained on."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


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
    known = before[~np.isnan(before)]
    shares = np.arange(1, bins) / bins
    edges = np.unique(np.quantile(known, shares, method="inverted_cdf")) if known.size else np.empty(0)
    old, new = _shares(before, edges), _shares(now, edges)
    return float(((new - old) * np.log(new / old)).sum())


def _shares(x: FloatArray, edges: FloatArray) -> FloatArray:
    """Return the share of each bin ``(edge, next edge]`` and, last, of NaN."""
    bin_of = np.where(np.isnan(x), edges.size + 1, np.searchsorted(edges, x, side="left"))
    counts = np.bincount(bin_of, minlength=edges.size + 2) + 0.5
    shares: FloatArray = counts / counts.sum()
    return shares
