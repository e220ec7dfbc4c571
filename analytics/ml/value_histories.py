"""Purchase histories as models of repeat buying read them, and the search for their parameters."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

FloatArray = NDArray[np.float64]
Loss = Callable[[FloatArray], tuple[float, FloatArray]]

BOUND = float(np.log(1e4))  # parameters stay within 1e-4..1e4 of their scale, where sums are exact
_SCOUT = {"maxiter": 60, "ftol": 1e-7, "gtol": 1e-5}
_POLISH = {"maxiter": 2_000, "ftol": 1e-14, "gtol": 1e-9}


class History(NamedTuple):
    """Checked purchase histories, one row a customer, all times in one unit.

    Attributes
    ----------
    frequency : array
        Repeat purchases: those after the first.
    recency : array
        Age of the customer at the last of them; 0 without one.
    T : array
        Age of the customer now.
    """

    frequency: FloatArray
    recency: FloatArray
    T: FloatArray

    def take(self, rows: NDArray[np.intp] | slice) -> Self:
        """Return the histories of these rows."""
        return self._replace(frequency=self.frequency[rows], recency=self.recency[rows], T=self.T[rows])


def checked_history(frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> History:
    """Return the three columns as float arrays of shape (n,), or say which rows are wrong."""
    columns = [np.asarray(column, dtype=np.float64) for column in (frequency, recency, T)]
    x, t_x, t = np.atleast_1d(*columns)
    if not (x.ndim == 1 and x.shape == t_x.shape == t.shape):
        raise ValueError(f"histories must be vectors of one length: {x.shape}, {t_x.shape}, {t.shape}")
    faults = {
        "a value that is not finite": ~np.isfinite(x + t_x + t),
        "a frequency that is no count": (x < 0) | (x != np.floor(x)),
        "a recency outside 0..T": (t_x < 0) | (t_x > t),
        "a recency without a repeat purchase": (x == 0) & (t_x != 0),
    }
    for fault, rows in faults.items():
        if rows.any():
            raise ValueError(f"{int(rows.sum())} of {x.size} histories have {fault}")
    return History(x, t_x, t)


def distinct(history: History, *, most: int) -> tuple[History, FloatArray]:
    """Return each different history once, with how many customers have it.

    Of more than `most` different ones an even, seeded sample of the customers stands for all:
    four parameters are known to a percent long before that.
    """
    table = np.column_stack(history)
    if table.shape[0] > 2 * most:
        kept = np.random.default_rng(0).choice(table.shape[0], size=2 * most, replace=False)
        share = table.shape[0] / kept.size
        table = table[np.sort(kept)]
    else:
        share = 1.0
    rows, counts = np.unique(table, axis=0, return_counts=True)
    return History(*np.ascontiguousarray(rows.T)), counts * share


def maximise(
    loss: Loss, rough: Loss, starts: Sequence[Sequence[float]], least: Sequence[float]
) -> FloatArray:
    """Return the best of the minima of `loss` over log-parameters reached from `starts`.

    Each start is followed with `rough`, the same of fewer customers, and the best of them to the
    end with `loss`.
    """
    bounds = [(low, BOUND) for low in least]

    def descend(to: Loss, start: ArrayLike, options: Any) -> tuple[float, FloatArray]:
        at = np.clip(start, least, BOUND)
        run = minimize(to, at, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        return float(run.fun), np.asarray(run.x, dtype=np.float64)

    scouts = [descend(rough, start, _SCOUT) for start in starts]
    _value, best = min(scouts, key=lambda scout: scout[0])
    return descend(loss, best, _POLISH)[1]
