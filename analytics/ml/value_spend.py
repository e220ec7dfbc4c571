"""What a customer's purchase is worth on average, seen through few purchases."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, gammaln
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from analytics.ml.value_histories import BOUND, FloatArray, Loss, maximise

_LEAST_TAIL = 1.1  # of the gamma-gamma's q: at 1 the mean amount would be infinite
_STARTS = ((0.0, 1.0, 0.0), (2.0, 1.5, -1.0), (1.0, 1.0, 2.0))
MOST_CORRELATION = 0.3  # of amounts with counts, by ranks, that the gamma-gamma is trusted with
_LEAST_REPEATERS = 30  # customers from which that correlation is believed


class GammaGammaSpend(BaseEstimator):
    r"""Gamma-distributed purchases of customers whose scale is gamma-distributed too.

    One purchase is :math:`\mathrm{Gamma}(p, \nu)`, and a customer's
    :math:`\nu \sim \mathrm{Gamma}(q, \gamma)`. After :math:`x` purchases of mean :math:`\bar z`

    .. math:: E(M) = \frac{p (\gamma + x \bar z)}{p x + q - 1}

    Attributes
    ----------
    p_, q_ : float
        Shapes, no unit; `q_` is at least 1.1, so that the mean exists.
    gamma_ : float
        In the unit of the amounts.

    Notes
    -----
    Assumes that amounts have nothing to do with how often a customer buys.

    References
    ----------
    .. [1] Fader and Hardie (2013), "The gamma-gamma model of monetary value",
           brucehardie.com/notes/025.
    """

    name = "gamma_gamma"

    def fit(self, frequency: ArrayLike, mean_amount: ArrayLike) -> Self:
        """Find the parameters of highest likelihood.

        Parameters
        ----------
        frequency : array of shape (n,)
            Purchases behind each mean; customers with 0 are left out.
        mean_amount : array of shape (n,)
            Mean amount, positive where there are purchases.

        Raises
        ------
        ValueError
            If an amount is not positive and finite, a count is none, or nobody bought anything.
        """
        x, z = buyers(frequency, mean_amount)
        scale = float(np.average(z, weights=x))
        loss = _spend_loss(x, z / scale)
        least = [-BOUND, float(np.log(_LEAST_TAIL)), -BOUND]
        theta = maximise(loss, loss, _STARTS, least)
        self.p_, self.q_, gamma = (float(value) for value in np.exp(theta))
        self.gamma_ = gamma * scale
        return self

    @property
    def parameters_(self) -> dict[str, float]:
        """The fitted parameters by name."""
        return {"p": self.p_, "q": self.q_, "gamma": self.gamma_}

    @property
    def is_proper(self) -> bool:
        """Whether purchases have a mode above 0 and customers a finite mean, as the model is meant."""
        return self.p_ > 1.0 and self.q_ > 1.01 * _LEAST_TAIL

    def expected_average(self, frequency: ArrayLike, mean_amount: ArrayLike) -> FloatArray:
        """Return each customer's expected amount a purchase, shape (n,).

        Customers with frequency 0 get the mean of the population; their amount is not read.
        """
        check_is_fitted(self)
        x, z = checked_amounts(frequency, mean_amount)
        return self.p_ * (self.gamma_ + x * z) / (self.p_ * x + self.q_ - 1.0)

    def draw_totals(
        self, rng: np.random.Generator, counts: FloatArray, *, orders: float, amount: float
    ) -> FloatArray:
        """Return one possible total for each of the counts, of one customer's future purchases."""
        inverse_scale = rng.gamma(self.q_ + self.p_ * orders, size=counts.size)
        inverse_scale /= self.gamma_ + orders * amount
        totals: FloatArray = rng.gamma(self.p_ * counts) / inverse_scale
        return totals


class ShrunkenMeanSpend(BaseEstimator):
    r"""Each customer's own mean, drawn towards that of those who buy as often.

    .. math:: E(M) = \frac{x \bar z + k \mu(x)}{x + k}, \quad \mu(x) = c \, x^g

    where :math:`k` is the variance within customers over that between them, both as shares of
    the mean and estimated from the spread of the means at different counts.

    Attributes
    ----------
    level_ : float
        :math:`c`, in the unit of the amounts.
    slope_ : float
        :math:`g`: how amounts go with counts, no unit.
    within_, between_ : float
        Variances of the logarithm-like relative deviation, no unit.

    Notes
    -----
    Assumes nothing of the form of the distribution, and lets amounts depend on counts: what the
    gamma-gamma model can't do.
    """

    name = "shrunken_mean"

    def fit(self, frequency: ArrayLike, mean_amount: ArrayLike) -> Self:
        """Estimate by moments; arguments and errors as of `GammaGammaSpend`."""
        x, z = buyers(frequency, mean_amount)
        # Few purchases make noisy means: they count for less, but never for nothing.
        weight, log_x, log_z = x / (x + 1.0), np.log(x), np.log(z)
        spread = log_x - np.average(log_x, weights=weight)
        moved = float(weight @ spread**2)
        slope = float(weight @ (spread * log_z)) / moved if moved > 1e-9 else 0.0
        self.slope_ = float(np.clip(slope, -1.0, 1.0))
        self.level_ = float((x @ z) / (x @ x**self.slope_))
        deviation = np.clip((z / self._prior(x)) - 1.0, -1.0, 20.0) ** 2
        # E(deviation) = between + within / x
        ones = np.column_stack([np.ones_like(x), 1.0 / x])
        between, within = np.linalg.lstsq(ones * weight[:, None], deviation * weight, rcond=None)[0]
        total = float(np.average(deviation, weights=weight))
        self.between_ = float(np.clip(between, 0.05 * total, total)) + 1e-6
        self.within_ = float(np.clip(within, 0.05 * total, 20.0 * total)) + 1e-6
        return self

    @property
    def parameters_(self) -> dict[str, float]:
        """The fitted parameters by name."""
        names = ("level", "slope", "within", "between")
        return {name: float(getattr(self, f"{name}_")) for name in names}

    def expected_average(self, frequency: ArrayLike, mean_amount: ArrayLike) -> FloatArray:
        """Return each customer's expected amount a purchase, shape (n,)."""
        check_is_fitted(self)
        x, z = checked_amounts(frequency, mean_amount)
        k = self.within_ / self.between_
        return (x * z + k * self._prior(np.maximum(x, 1.0))) / (x + k)

    def draw_totals(
        self, rng: np.random.Generator, counts: FloatArray, *, orders: float, amount: float
    ) -> FloatArray:
        """Return one possible total for each of the counts, of one customer's future purchases."""
        mean = float(self.expected_average([orders], [amount])[0])
        k = self.within_ / self.between_
        left = self.between_ * k / (orders + k)  # what the purchases so far have not told
        means = mean * rng.gamma(1.0 / left, size=counts.size) * left
        totals: FloatArray = rng.gamma(counts / self.within_) * self.within_ * means
        return totals

    def _prior(self, x: FloatArray) -> FloatArray:
        return self.level_ * x**self.slope_


def fit_spend(
    frequency: ArrayLike, mean_amount: ArrayLike
) -> tuple[GammaGammaSpend | ShrunkenMeanSpend, dict[str, object] | None]:
    """Return the model of amounts that fits, and a warning where that is not the gamma-gamma."""
    x, z = buyers(frequency, mean_amount)
    model = GammaGammaSpend().fit(x, z)
    correlation = amount_correlation(x, z)
    if abs(correlation) > MOST_CORRELATION:
        warning = {"code": "amounts_go_with_counts", "correlation": round(correlation, 3)}
    elif not model.is_proper:
        warning = {"code": "amounts_too_uneven", "p": round(model.p_, 3), "q": round(model.q_, 3)}
    else:
        return model, None
    return ShrunkenMeanSpend().fit(x, z), warning


def amount_correlation(x: FloatArray, z: FloatArray) -> float:
    """Return the rank correlation of counts with mean amounts among those who came back."""
    back = x > 1
    if back.sum() < _LEAST_REPEATERS or np.ptp(x[back]) == 0 or np.ptp(z[back]) == 0:
        return 0.0
    return float(spearmanr(x[back], z[back]).statistic)


def buyers(frequency: ArrayLike, mean_amount: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return counts and means of those who bought anything, or say that nobody did."""
    x, z = checked_amounts(frequency, mean_amount)
    if not (x > 0).any():
        raise ValueError("no customer has a purchase to learn amounts from")
    return x[x > 0], z[x > 0]


def checked_amounts(frequency: ArrayLike, mean_amount: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return counts and means as checked arrays; the mean of no purchases becomes 0."""
    x = np.atleast_1d(np.asarray(frequency, dtype=np.float64))
    z = np.atleast_1d(np.asarray(mean_amount, dtype=np.float64))
    if x.ndim != 1 or x.shape != z.shape:
        raise ValueError(f"counts and amounts must be vectors of one length: {x.shape}, {z.shape}")
    if not (np.isfinite(x) & (x >= 0)).all():
        raise ValueError("counts of purchases must be finite and not negative")
    wrong = (x > 0) & ~(np.isfinite(z) & (z > 0))
    if wrong.any():
        raise ValueError(f"{int(wrong.sum())} of {x.size} mean amounts are not positive and finite")
    return x, np.where(x > 0, z, 0.0)


def _spend_loss(x: FloatArray, z: FloatArray) -> Loss:
    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        p, q, gamma = np.exp(theta)
        value, gradient = spend_log_likelihood(p, q, gamma, x, z)
        return -value / x.size, -gradient * np.exp(theta) / x.size

    return loss


def spend_log_likelihood(
    p: float, q: float, gamma: float, x: FloatArray, z: FloatArray
) -> tuple[float, FloatArray]:
    """Return the gamma-gamma's log-likelihood of p, q, gamma and its gradient, shape (3,)."""
    shape, total = p * x, gamma + x * z
    value = (
        *(gammaln(shape + q) - gammaln(shape) - gammaln(q), q * np.log(gamma)),
        *((shape - 1.0) * np.log(z), shape * np.log(x), -(shape + q) * np.log(total)),
    )
    both = digamma(shape + q)
    gradient = [
        x * (both - digamma(shape) + np.log(z) + np.log(x) - np.log(total)),
        both - digamma(q) + np.log(gamma) - np.log(total),
        q / gamma - (shape + q) / total,
    ]
    return float(sum(np.sum(part * np.ones_like(x)) for part in value)), np.array(
        [part.sum() for part in gradient]
    )
