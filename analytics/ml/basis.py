"""A numeric column as the smooth functions that an additive model adds up."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_OUTER_KNOT_SHARE = 0.05  # rows beyond each outer knot, where the curve runs on straight
_SPIKE_SHARE = 0.10  # a single value on so many rows gets a step of its own (often zero)


@dataclass
class ColumnBasis:
    r"""Natural cubic spline of one column on a scale that tames long tails.

    A value :math:`x` is read as :math:`z = \mathrm{asinh}((x - m) / s)`, which is straight near
    the median :math:`m` and logarithmic far from it. The functions are :math:`z` itself, one
    cubic piece for each inner knot [1]_ (straight beyond the outer knots), and a step at the most
    frequent value when that value is frequent. Values beyond those seen in training are read as
    the nearest one seen: an account older than any before is as old as the oldest, no more.

    Attributes
    ----------
    center, spread : float
        :math:`m` and :math:`s` in the column's unit; `spread` is 0 for two-valued columns, which
        stay as they are.
    knots : array of shape (n_knots,)
        On the scale of :math:`z`, ascending; empty when the column is only a straight line.
    spike : float or None
        The value with a step of its own, in the column's unit.
    low, high : float
        The least and the greatest value of the training, in the column's unit.

    References
    ----------
    .. [1] Hastie, Tibshirani and Friedman (2009), "The Elements of Statistical Learning", 5.2.1.
    """

    center: float
    spread: float
    knots: FloatArray
    spike: float | None
    low: float = -np.inf
    high: float = np.inf

    def evaluate(self, x: FloatArray) -> FloatArray:
        """Return the functions at `x`, shape (n,) without NaN, as (n, n_functions)."""
        x = np.clip(x, self.low, self.high)
        z = self._warp(x)
        columns = [z]
        if self.knots.size:
            columns += _cubic_pieces(z, self.knots)
        if self.spike is not None:
            columns.append((x == self.spike).astype(np.float64))
        return np.column_stack(columns)

    def _warp(self, x: FloatArray) -> FloatArray:
        return np.arcsinh((x - self.center) / self.spread) if self.spread else x - self.center


def fit_basis(x: FloatArray, weight: FloatArray, n_knots: int) -> ColumnBasis | None:
    """Choose scale, knots and step for a column; None when it is constant.

    Parameters
    ----------
    x : array of shape (n,)
        The column's known values.
    weight : array of shape (n,)
        Positive weights, as counts of repeated rows: the choice is the same for a row of weight 2
        and for two rows.
    n_knots : int
        Knots wished for; columns with few distinct values get fewer.
    """
    values = np.unique(x)
    if values.size < 2:
        return None
    none = np.empty(0)
    center = _quantile(x, [0.5], weight)[0]
    low, high = float(values[0]), float(values[-1])
    if values.size == 2:
        return ColumnBasis(float(center), 0.0, none, None, low, high)
    basis = ColumnBasis(float(center), _spread(x, weight, center), none, None, low, high)
    basis.knots = _place_knots(basis._warp(x), weight, n_knots)
    if values.size > n_knots:
        basis.spike = _find_spike(x, weight)
    return basis


def _quantile(x: FloatArray, q: list[float] | FloatArray, weight: FloatArray) -> FloatArray:
    return np.quantile(x, q, weights=weight, method="inverted_cdf")


def _spread(x: FloatArray, weight: FloatArray, center: float) -> float:
    low, high = _quantile(x, [0.25, 0.75], weight)
    if high > low:
        return float(high - low) / 2.0
    return float(np.average(np.abs(x - center), weights=weight))


def _place_knots(z: FloatArray, weight: FloatArray, n_knots: int) -> FloatArray:
    """Return knots at quantiles; of the distinct values where a few values hold most rows."""
    wanted = min(n_knots, np.unique(z).size - 1)
    if wanted < 3:
        return np.empty(0)
    shares = np.linspace(_OUTER_KNOT_SHARE, 1.0 - _OUTER_KNOT_SHARE, wanted)
    knots = np.unique(_quantile(z, shares, weight))
    if knots.size < wanted:
        knots = np.unique(np.quantile(np.unique(z), shares, method="inverted_cdf"))
    return knots if knots.size >= 3 else np.empty(0)


def _find_spike(x: FloatArray, weight: FloatArray) -> float | None:
    values, index = np.unique(x, return_inverse=True)
    mass = np.bincount(index, weights=weight)
    top = int(mass.argmax())
    return float(values[top]) if mass[top] >= _SPIKE_SHARE * mass.sum() else None


def _cubic_pieces(z: FloatArray, knots: FloatArray) -> list[FloatArray]:
    """Return one natural-spline function for each knot but the last two."""
    last, before = knots[-1], knots[-2]
    tail = _cubed(z - last)

    def rising(knot: float) -> FloatArray:
        piece: FloatArray = (_cubed(z - knot) - tail) / (last - knot)
        return piece

    anchor = rising(before)
    return [rising(knot) - anchor for knot in knots[:-2]]


def _cubed(z: FloatArray) -> FloatArray:
    positive = np.maximum(z, 0.0)
    return positive * positive * positive  # several times faster than a power


def orthonormal(columns: FloatArray, weight: FloatArray) -> FloatArray:
    r"""Return the matrix that makes centred columns uncorrelated with unit variance.

    The first function keeps its direction and the others hold only what those before them do
    not, so a penalty weighs straight line and curvature apart.

    Parameters
    ----------
    columns : array of shape (n, k)
        Centred functions.
    weight : array of shape (n,)
        Weights of the rows.

    Returns
    -------
    array of shape (k, kept)
        Right factor; functions that depend on earlier ones have only zeros.
    """
    k = columns.shape[1]
    root = np.sqrt(weight / weight.sum())[:, None]
    scale = np.sqrt(((columns * root) ** 2).sum(axis=0))
    safe = np.where(scale > 0.0, scale, 1.0)
    r = np.linalg.qr(columns / safe * root, mode="r")
    kept = np.flatnonzero(np.abs(np.diag(r)) > 1e-6)
    r = np.linalg.qr((columns / safe * root)[:, kept], mode="r")
    mix = np.zeros((k, kept.size))
    mix[kept] = np.linalg.inv(r) * np.sign(np.diag(r))
    return mix / safe[:, None]
