"""Logistic regression with a ridge, fast enough to be fitted once more for every fold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

FloatArray = NDArray[np.float64]

_ROWS = 8_192  # a block of the design that stays in the cache
_MAX_STEPS = 200
_PRECISION = 1e-16  # squared error of the log-odds, mean over the rows
_SLOW = 1e-2  # a step that leaves more of the error than this asks for a fresh curvature


@dataclass(frozen=True)
class RidgeLogistic:
    r"""The penalised likelihood of one data set, to be minimised.

    .. math:: \sum_i w_i \left[\log(1 + e^{\eta_i}) - y_i \eta_i\right]
              + \frac{\lambda}{2} \lVert \beta \rVert^2, \quad \eta = \beta_0 + Z \beta

    Parameters are :math:`\theta = (\beta_0, \beta)`, shape (k + 1,).

    Attributes
    ----------
    design : array of shape (n, k)
        :math:`Z`.
    y : array of shape (n,)
        0 or 1, both present where weights are positive.
    weight : array of shape (n,)
        Not negative; a row of weight 0 is as good as absent.
    ridge : float
        :math:`\lambda`, positive; the intercept is free.
    """

    design: FloatArray
    y: FloatArray
    weight: FloatArray
    ridge: float

    def start(self) -> FloatArray:
        """Return the best parameters that use no column."""
        share = float(np.average(self.y, weights=self.weight))
        return np.append(np.log(share / (1.0 - share)), np.zeros(self.design.shape[1]))

    def minimise(self, theta: FloatArray, curvature: FloatArray | None = None) -> FloatArray:
        """Return the minimum, starting from `theta`.

        Newton's method, keeping a curvature as long as it serves; one that is known from a
        neighbouring problem saves most of the work.

        Raises
        ------
        FloatingPointError
            If 200 steps do not reach the minimum.
        """
        value, gradient = self._evaluate(theta)
        error = np.inf
        for _ in range(_MAX_STEPS):
            fresh = curvature is None
            curvature = self.curvature(theta) + self.penalty() if curvature is None else curvature
            step = cho_solve(cho_factor(curvature), gradient)
            previous, error = error, float(gradient @ step)
            if error <= _PRECISION * self.weight.sum():
                return theta
            if error > _SLOW * previous and not fresh:
                curvature = None
                continue
            theta, value, gradient, whole = self._descend(theta, step, value)
            curvature = curvature if whole else None
        raise FloatingPointError("the penalised likelihood has not reached its minimum")

    def curvature(self, theta: FloatArray) -> FloatArray:
        """Return second derivatives without the penalty's, shape (k + 1, k + 1)."""
        rows = np.flatnonzero(self.weight)
        total = np.zeros((theta.size, theta.size))
        for start in range(0, rows.size, _ROWS):
            part = rows[start : start + _ROWS]
            block = np.column_stack([np.ones(part.size), self.design[part]])
            p = expit(block @ theta)
            block *= np.sqrt(self.weight[part] * p * (1.0 - p))[:, None]
            total += block.T @ block
        return total

    def penalty(self) -> FloatArray:
        """Return the penalty's second derivatives."""
        diagonal = np.full(self.design.shape[1] + 1, self.ridge)
        diagonal[0] = 1e-10  # keeps the matrix invertible when every prediction is certain
        return np.diag(diagonal)

    def _evaluate(self, theta: FloatArray) -> tuple[float, FloatArray]:
        eta = self.design @ theta[1:] + theta[0]
        value = self.weight @ (np.logaddexp(0.0, eta) - self.y * eta)
        residual = self.weight * (expit(eta) - self.y)
        gradient = self.design.T @ residual + self.ridge * theta[1:]
        value += 0.5 * self.ridge * theta[1:] @ theta[1:]
        return float(value), np.append(residual.sum(), gradient)

    def _descend(
        self, theta: FloatArray, step: FloatArray, value: float
    ) -> tuple[FloatArray, float, FloatArray, bool]:
        """Take the step or the half, quarter ... of it that does not lead uphill."""
        share = 1.0
        while True:
            after, gradient = self._evaluate(theta - share * step)
            if after <= value + 1e-12 * abs(value):
                return theta - share * step, after, gradient, share == 1.0
            share /= 2.0


def out_of_fold_log_odds(problem: RidgeLogistic, theta: FloatArray, fold: NDArray[np.int64]) -> FloatArray:
    """Return each row's log-odds by a model that was not fitted on the row's fold, shape (n,).

    Parameters
    ----------
    problem : RidgeLogistic
        All rows.
    theta : array of shape (k + 1,)
        Its minimum.
    fold : int array of shape (n,)
        Fold of each row, from 0.
    """
    inside = [fold == number for number in range(int(fold.max()) + 1)]
    parts = [_weighted(problem, rows).curvature(theta) for rows in inside]
    whole = sum(parts) + problem.penalty()
    unseen = np.empty(fold.size)
    for rows, part in zip(inside, parts, strict=True):
        without = _weighted(problem, ~rows).minimise(theta, whole - part)
        unseen[rows] = problem.design[rows] @ without[1:] + without[0]
    return unseen


def _weighted(problem: RidgeLogistic, rows: NDArray[np.bool_]) -> RidgeLogistic:
    return RidgeLogistic(problem.design, problem.y, problem.weight * rows, problem.ridge)
