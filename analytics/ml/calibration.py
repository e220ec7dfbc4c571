"""Straight lines on the log-odds scale: measuring and repairing calibration."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

FloatArray = NDArray[np.float64]

_MAX_STEPS = 100
_SMALLEST_GAIN = 1e-12  # of the objective, relative: more steps move nothing that can be seen


class Line(NamedTuple):
    """Log-odds of the truth as ``intercept + slope * predicted log-odds``."""

    slope: float
    intercept: float


def fit_line(
    log_odds: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    slope_prior_sd: float | None = None,
) -> Line:
    r"""Regress outcomes on predicted log-odds by logistic regression.

    .. math:: \mathrm{logit} P(y_i = 1) = c + s\,\eta_i

    Parameters
    ----------
    log_odds : array of shape (n,)
        Predicted log-odds :math:`\eta_i`, finite.
    y : array of shape (n,)
        Outcomes, 0 or 1, both present.
    sample_weight : array of shape (n,), optional
        Non-negative weights, as counts of repeated rows.
    slope_prior_sd : float, optional
        Standard deviation of a normal prior around slope 1; without it the fit is unpenalised.

    Returns
    -------
    Line
        Slope and intercept. Without a prior and when the log-odds separate the classes the
        likelihood has no maximum: the slope is then plus or minus infinity, the intercept NaN.

    Raises
    ------
    ValueError
        If only one class is present, or the log-odds are constant and there is no prior.

    References
    ----------
    .. [1] Cox (1958), "Two further applications of a model for binary regression",
           Biometrika 45, 562-565.

    Examples
    --------
    >>> line = fit_line([-1.0, -1.0, -1.0, 1.0, 1.0, 1.0], [0, 0, 1, 0, 1, 1])
    >>> round(line.slope, 4), round(line.intercept, 4) + 0.0
    (0.6931, 0.0)
    """
    eta = np.asarray(log_odds, dtype=np.float64)
    outcome = np.asarray(y, dtype=np.float64)
    weight = np.ones_like(eta) if sample_weight is None else np.asarray(sample_weight, float)
    used = weight > 0
    eta, outcome, weight = eta[used], outcome[used], weight[used]
    if np.unique(outcome).size != 2:
        raise ValueError("a calibration line needs outcomes of both classes")
    if slope_prior_sd is None:
        edge = _separation(eta, outcome)
        if edge != 0.0:
            return Line(edge, np.nan)
    return _newton(eta, outcome, weight, slope_prior_sd)


def _separation(eta: FloatArray, y: FloatArray) -> float:
    """Return plus or minus infinity when `eta` separates the classes, else 0."""
    if np.ptp(eta) == 0.0:
        raise ValueError("constant predictions have no calibration slope")
    negatives, positives = eta[y == 0], eta[y == 1]
    if negatives.max() <= positives.min():
        return np.inf
    if positives.max() <= negatives.min():
        return -np.inf
    return 0.0


def _newton(eta: FloatArray, y: FloatArray, weight: FloatArray, prior_sd: float | None) -> Line:
    """Maximise the (penalised) likelihood by Newton steps with halving."""
    precision = 0.0 if prior_sd is None else prior_sd**-2
    middle = float(np.average(eta, weights=weight))  # centring decouples the two parameters
    design = np.column_stack([np.ones_like(eta), eta - middle])
    penalty = np.array([[0.0, 0.0], [0.0, precision]])
    share = float(np.average(y, weights=weight))

    def loss(theta: FloatArray) -> float:
        z = design @ theta
        fit = float(weight @ (np.logaddexp(0.0, z) - y * z))
        return fit + 0.5 * precision * (float(theta[1]) - 1.0) ** 2

    theta = np.array([np.log(share / (1.0 - share)), 0.0])
    current = loss(theta)
    for _ in range(_MAX_STEPS):
        p = expit(design @ theta)
        gradient = design.T @ (weight * (p - y)) + penalty @ (theta - [0.0, 1.0])
        hessian = (design * (weight * p * (1.0 - p))[:, None]).T @ design + penalty
        hessian[np.diag_indices(2)] += 1e-12 * np.trace(hessian)
        step = np.linalg.solve(hessian, gradient)
        previous = current
        for _ in range(_MAX_STEPS):
            current = loss(theta - step)
            if current <= previous:
                theta = theta - step
                break
            step = step / 2.0
        if previous - current <= _SMALLEST_GAIN * abs(previous):
            break
    return Line(float(theta[1]), float(theta[0] - theta[1] * middle))
