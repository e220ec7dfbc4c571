"""Repair a model's calibration by a line, learnt from those whose outcome nobody has bent."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from analytics.ml.calibration import Line, fit_line

FloatArray = NDArray[np.float64]

SLOPE_PRIOR_SD = 0.5  # a few hundred labels must not turn the ranking upside down
FEWEST_LEFT_ALONE = 0.05  # share of a band below which its untouched say nothing about it
MOST_BANDS = 20
_FEWEST_PER_BAND = 25


class LeftAlone(NamedTuple):
    """Who can speak for whom.

    Attributes
    ----------
    weight : array of shape (n,)
        1 over the probability of being left alone; 0 for those acted on, and where hardly anybody
        of the band was left alone.
    uncovered_share : float
        Share of the rows for which nobody can speak: those in bands of the latter sort.
    """

    weight: FloatArray
    uncovered_share: float


def left_alone(log_odds: ArrayLike, untouched: ArrayLike, *, bands: int = MOST_BANDS) -> LeftAlone:
    """Weigh those nobody acted on, so that together they look like everybody.

    Staff choose whom to act on by the score, so the chance of being left alone is read off bands of
    equal counts of it. Where they choose by more than the score says, only a holdout is fair.

    Parameters
    ----------
    log_odds : array of shape (n,)
        What had been predicted for everybody.
    untouched : array of shape (n,)
        Whether nobody acted on the row.
    bands : int
        At most so many; each has 25 rows or more.

    Raises
    ------
    ValueError
        If there are no rows or lengths differ.
    """
    eta = np.asarray(log_odds, dtype=np.float64)
    free = np.asarray(untouched, dtype=bool)
    if eta.ndim != 1 or eta.shape != free.shape or eta.size == 0:
        raise ValueError("each row needs what was predicted and whether it was left alone")
    count = int(np.clip(eta.size // _FEWEST_PER_BAND, 1, bands))
    edges = np.unique(np.quantile(eta, np.arange(1, count) / count))
    band = np.searchsorted(edges, eta, side="right")
    share = np.bincount(band, weights=free) / np.maximum(np.bincount(band), 1)
    chance = share[band]
    covered = chance >= FEWEST_LEFT_ALONE
    weight = np.where(free & covered, 1.0 / np.maximum(chance, FEWEST_LEFT_ALONE), 0.0)
    return LeftAlone(weight, float(1.0 - covered.mean()))


def recalibrate(
    log_odds: ArrayLike,
    y: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    slope_prior_sd: float = SLOPE_PRIOR_SD,
) -> Line:
    r"""Return the line that turns predicted log-odds into calibrated ones.

    .. math:: \mathrm{logit} P(y_i = 1) = c + s\,\eta_i, \qquad s \sim N(1, \sigma^2)

    Parameters
    ----------
    log_odds, y : array of shape (n,)
        What was predicted and what happened, 0 or 1.
    weight : array of shape (n,), optional
        As from `left_alone`. Only their proportions count: they are scaled so that their sum is the
        effective number of rows, :math:`(\sum w)^2 / \sum w^2`, and the prior keeps its strength.
    slope_prior_sd : float
        Unit: slope. Few labels move the slope little and the intercept freely.

    Raises
    ------
    ValueError
        If the rows that count are not of both classes.

    Notes
    -----
    What staff prevented is no outcome of the score's: learnt from everybody, the slope is too low and
    the best customers to call look safe. Learn from the untouched, weighted, or from a holdout.

    References
    ----------
    .. [1] Cox (1958), "Two further applications of a model for binary regression",
           Biometrika 45, 562-565.
    .. [2] Horvitz and Thompson (1952), "A generalization of sampling without replacement from a
           finite universe", JASA 47, 663-685.
    """
    eta = np.asarray(log_odds, dtype=np.float64)
    w = np.ones_like(eta) if weight is None else np.asarray(weight, dtype=np.float64)
    if not w.any():
        raise ValueError("a calibration line needs outcomes of both classes")
    scale = w.sum() / (w**2).sum()
    return fit_line(eta, y, w * scale, slope_prior_sd=slope_prior_sd)


def recalibrate_as_labels_arrive(
    log_odds: ArrayLike, y: ArrayLike, *, window: int = 500, step: int = 500
) -> FloatArray:
    """Return probabilities of rows in order of time, each from the newest labels before it.

    Every `step` labels the line is learnt anew from the newest `window`, and holds for the next
    `step` rows. The first `window` rows have no labels behind them and keep their predictions.

    Raises
    ------
    ValueError
        If a window holds one class only.
    """
    eta = np.asarray(log_odds, dtype=np.float64)
    label = np.asarray(y)
    found: FloatArray = expit(eta)
    for start in range(window, eta.size, step):
        line = recalibrate(eta[start - window : start], label[start - window : start])
        rows = slice(start, start + step)
        found[rows] = expit(line.intercept + line.slope * eta[rows])
    return found


class RecalibratedClassifier:
    """A fitted model seen through a line: same ranking, other probabilities, reasons that still add up.

    Parameters
    ----------
    model : fitted classifier with `contributions` and ``base_log_odds_``
        One that was recalibrated before is unwrapped, and both lines become one.
    line : Line
        As from `recalibrate`.

    Attributes
    ----------
    base_log_odds_ : float
        Log-odds of an average account.
    classes_ : array of shape (2,)
        The outcomes.
    """

    model: Any
    slope: float
    intercept: float

    def __init__(self, model: Any, line: Line) -> None:
        if isinstance(model, RecalibratedClassifier):
            slope = model.slope * line.slope
            line = Line(slope, line.slope * model.intercept + line.intercept)
            model = model.model
        self.model = model
        self.slope, self.intercept = float(line.slope), float(line.intercept)
        self.classes_ = model.classes_
        self.base_log_odds_ = self.intercept + self.slope * float(model.base_log_odds_)

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Return calibrated log-odds of ``classes_[1]``, shape (n,)."""
        log_odds: FloatArray = self.intercept + self.slope * self.model.decision_function(X)
        return log_odds

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return probabilities of both classes, shape (n, 2)."""
        p = expit(self.decision_function(X))
        return np.column_stack([1.0 - p, p])

    def contributions(self, X: ArrayLike) -> FloatArray:
        """Return what each column adds to the log-odds, shape (n, p)."""
        points: FloatArray = self.slope * self.model.contributions(X)
        return points
