"""What customers without a contract will buy, and for how much, from when they bought."""

from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import betaln, digamma, expit, gammaln
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

FloatArray = NDArray[np.float64]
Loss = Callable[[FloatArray], tuple[float, FloatArray]]

_BOUND = np.log(1e4)  # parameters stay within 1e-4..1e4 of their scale, where sums are exact
_LEAST_TAIL = 1.1  # of the gamma-gamma's q: at 1 the mean amount would be infinite
_NODES = 48  # quadrature points; relative error below 1e-8 for horizons up to 10 times T + alpha
_BLOCK = 4_096  # customers at a time


class History(NamedTuple):
    """Checked purchase histories, one row a customer, all times in one unit."""

    frequency: FloatArray
    recency: FloatArray
    T: FloatArray


def _history(frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> History:
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


def _maximise(loss: Loss, starts: list[list[float]], least: list[float]) -> FloatArray:
    """Return the best of the minima of `loss` over log-parameters reached from `starts`."""
    bounds = [(low, _BOUND) for low in least]
    runs = [
        minimize(
            loss,
            np.clip(start, least, _BOUND),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 2_000, "ftol": 1e-14, "gtol": 1e-9},
        )
        for start in starts
    ]
    best = min(runs, key=lambda run: float(run.fun))
    return np.asarray(best.x, dtype=np.float64)


class BetaGeoNBD(BaseEstimator):
    r"""How often customers come back, and who has silently left.

    While active a customer buys at rate :math:`\lambda \sim \mathrm{Gamma}(r, \alpha)`; after
    each purchase it leaves for good with chance :math:`p \sim \mathrm{Beta}(a, b)`. With
    :math:`x` repeat purchases, the last at :math:`t_x` of :math:`T`,

    .. math:: L = \frac{B(a, b + x)}{B(a, b)} \frac{\Gamma(r + x) \alpha^r}{\Gamma(r)}
              \left[ (\alpha + T)^{-(r + x)}
              + \mathbb{1}_{x > 0} \frac{a}{b + x - 1} (\alpha + t_x)^{-(r + x)} \right]

    Attributes
    ----------
    r_, a_, b_ : float
        Shapes, no unit.
    alpha_ : float
        Rate of the prior, in the unit of `T`.
    log_likelihood_ : float
        Of the training histories, in nats, time in the unit of `T`.

    Notes
    -----
    All arguments are arrays of shape (n,): `frequency` counts repeat purchases (orders after the
    first), `recency` is the age of the customer at the last of them (0 without one), `T` its age
    now. Everything is computed in logarithms, and expectations by Gauss-Jacobi quadrature over
    the posterior of :math:`p` rather than by the hypergeometric series of the paper, which
    overflows for frequent buyers.

    References
    ----------
    .. [1] Fader, Hardie and Lee (2005), "'Counting your customers' the easy way: an alternative
           to the Pareto/NBD model", Marketing Science 24, 275-284.
    """

    def fit(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> Self:
        """Find the parameters of highest likelihood.

        Raises
        ------
        ValueError
            If a history is impossible or nobody was observed for any time.
        """
        history = _history(frequency, recency, T)
        scale = float(history.T.max(initial=0.0))
        if scale <= 0.0:
            raise ValueError("no customer was observed for any time")
        scaled = History(history.frequency, history.recency / scale, history.T / scale)
        n = scaled.T.size

        def loss(theta: FloatArray) -> tuple[float, FloatArray]:
            value, gradient = _bgnbd_log_likelihood(np.exp(theta), scaled)
            return -value / n, -gradient * np.exp(theta) / n

        starts = [[0.0, 0.0, 0.0, 0.0], [-1.0, -2.0, -0.5, 1.0], [1.0, 0.0, -2.0, 2.0]]
        theta = _maximise(loss, starts, [-_BOUND] * 4)
        r, alpha, a, b = (float(value) for value in np.exp(theta))
        self.r_, self.alpha_, self.a_, self.b_ = r, alpha * scale, a, b
        unit = float(np.log(scale) * scaled.frequency.sum())
        self.log_likelihood_ = -n * loss(theta)[0] - unit
        return self

    def probability_alive(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> FloatArray:
        """Return the chance that each customer is still active, shape (n,), each in 0..1.

        A customer who never came back counts as active: in this model nobody leaves before the
        first repeat purchase.
        """
        check_is_fitted(self)
        return self._alive(_history(frequency, recency, T))

    def expected_purchases(
        self, t: ArrayLike, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike
    ) -> FloatArray:
        r"""Return the purchases expected in the next `t`, shape (n,).

        .. math:: P(\text{active}) \int_0^1 \frac{1}{p}
                  \left[1 - \left(1 + \frac{p t}{\alpha + T}\right)^{-(r + x)}\right]
                  \mathrm{Beta}(p; a, b + x) \, dp

        Parameters
        ----------
        t : float or array of shape (n,)
            Horizon in the unit of `T`, not negative.
        frequency, recency, T : arrays of shape (n,)
            Histories.

        Raises
        ------
        ValueError
            If a history is impossible or a horizon negative or not finite.
        """
        check_is_fitted(self)
        history = _history(frequency, recency, T)
        horizon = np.broadcast_to(np.asarray(t, dtype=np.float64), history.T.shape)
        if not (np.isfinite(horizon) & (horizon >= 0)).all():
            raise ValueError("horizons must be finite and not negative")
        counts, of_count = np.unique(history.frequency, return_inverse=True)
        points, weights = _beta_quadrature(self.a_, self.b_ + counts)
        reach = horizon / (self.alpha_ + history.T)
        expected = np.empty_like(reach)
        for start in range(0, reach.size, _BLOCK):
            rows = slice(start, start + _BLOCK)
            p = points[of_count[rows]]
            power = (self.r_ + history.frequency[rows])[:, None]
            until_leaving = -np.expm1(-power * np.log1p(p * reach[rows, None])) / p
            expected[rows] = (weights[of_count[rows]] * until_leaving).sum(axis=1)
        return self._alive(history) * expected

    def _alive(self, history: History) -> FloatArray:
        x, t_x, t = history
        stretch = np.log((self.alpha_ + t) / (self.alpha_ + t_x))
        left = np.log(self.a_ / (self.b_ + np.maximum(x, 1.0) - 1.0)) + (self.r_ + x) * stretch
        return np.where(x > 0, expit(-left), 1.0)


def _bgnbd_log_likelihood(parameters: FloatArray, history: History) -> tuple[float, FloatArray]:
    """Return the log-likelihood of r, alpha, a, b and its gradient, shape (4,)."""
    r, alpha, a, b = parameters
    x, t_x, t = history
    repeats = np.maximum(x, 1.0)
    bought = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b)
    active = -(r + x) * np.log(alpha + t)
    left = np.log(a) - np.log(b + repeats - 1.0) - (r + x) * np.log(alpha + t_x)
    left = np.where(x > 0, left, -np.inf)
    value = float((bought + np.logaddexp(active, left)).sum())

    gone = expit(left - active)  # chance of having left, given the history
    log_age = np.log(alpha + t) + gone * (np.log(alpha + t_x) - np.log(alpha + t))
    shared = digamma(a + b) - digamma(a + b + x)
    gradient = [
        digamma(r + x) - digamma(r) + np.log(alpha) - log_age,
        r / alpha - (r + x) * ((1.0 - gone) / (alpha + t) + gone / (alpha + t_x)),
        shared + gone / a,
        shared + digamma(b + x) - digamma(b) - gone / (b + repeats - 1.0),
    ]
    return value, np.array([part.sum() for part in gradient])


def _beta_quadrature(a: float, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Return Gauss points and weights for the density of Beta(a, b), each (len(b), nodes).

    By Golub and Welsch: the points are eigenvalues of the tridiagonal Jacobi matrix, the weights
    squares of the eigenvectors' first entries, so that they sum to 1 and nothing overflows.
    """
    n = np.arange(1, _NODES)
    low, high = a - 1.0, b[:, None] - 1.0  # exponents at 0 and at 1
    total = low + high
    first = (low - high) / (total + 2.0)
    rest = (low - high) * total / ((2 * n + total) * (2 * n + total + 2))
    side = 4.0 * n * (n + low) * (n + high) * (n + total)
    below = (2 * n + total) ** 2 * (2 * n + total + 1) * (2 * n + total - 1)
    # for n = 1 the factor 1 + total stands above and below, and may be 0
    opening = 4.0 * (1 + low) * (1 + high) / ((2 + total) ** 2 * (3 + total))
    squares = np.concatenate([opening, side[:, 1:] / below[:, 1:]], axis=1)
    jacobi = np.zeros((b.size, _NODES, _NODES))
    at = np.arange(_NODES)
    jacobi[:, at, at] = np.concatenate([first, rest], axis=1)
    jacobi[:, n, n - 1] = np.sqrt(squares)  # eigh reads the lower triangle
    points, vectors = np.linalg.eigh(jacobi)
    return np.clip((points + 1.0) / 2.0, 1e-15, 1.0), vectors[:, 0, :] ** 2


class GammaGammaSpend(BaseEstimator):
    r"""What a customer's purchase is worth on average, seen through few purchases.

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
        x, z = _amounts(frequency, mean_amount)
        x, z = x[x > 0], z[x > 0]
        if x.size == 0:
            raise ValueError("no customer has a purchase to learn amounts from")
        scale = float(np.average(z, weights=x))
        z = z / scale

        def loss(theta: FloatArray) -> tuple[float, FloatArray]:
            p, q, gamma = np.exp(theta)
            value, gradient = _spend_log_likelihood(p, q, gamma, x, z)
            return -value / x.size, -gradient * np.exp(theta) / x.size

        least = [-_BOUND, float(np.log(_LEAST_TAIL)), -_BOUND]
        theta = _maximise(loss, [[0.0, 1.0, 0.0], [2.0, 1.5, -1.0], [1.0, 1.0, 2.0]], least)
        self.p_, self.q_, gamma = (float(value) for value in np.exp(theta))
        self.gamma_ = gamma * scale
        return self

    def expected_average(self, frequency: ArrayLike, mean_amount: ArrayLike) -> FloatArray:
        """Return each customer's expected amount a purchase, shape (n,).

        Customers with frequency 0 get the mean of the population; their amount is not read.
        """
        check_is_fitted(self)
        x, z = _amounts(frequency, mean_amount)
        return self.p_ * (self.gamma_ + x * z) / (self.p_ * x + self.q_ - 1.0)


def _amounts(frequency: ArrayLike, mean_amount: ArrayLike) -> tuple[FloatArray, FloatArray]:
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


def _spend_log_likelihood(
    p: float, q: float, gamma: float, x: FloatArray, z: FloatArray
) -> tuple[float, FloatArray]:
    """Return the log-likelihood of p, q, gamma and its gradient, shape (3,)."""
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


class ValueForecast(NamedTuple):
    """Forecast of each customer over a horizon; every array has shape (n,) and is finite.

    Attributes
    ----------
    expected : array
        Expected money, in the unit of the amounts.
    low, high : array
        Predictive interval of what the customer will really spend.
    purchases : array
        Expected number of purchases.
    alive : array
        Chance that the customer is still active, 0..1.
    """

    expected: FloatArray
    low: FloatArray
    high: FloatArray
    purchases: FloatArray
    alive: FloatArray


class CustomerValue(BaseEstimator):
    r"""Money that each customer will bring within a horizon, with a predictive interval.

    The expectation is :math:`E(\text{purchases}) \cdot E(M)` of `BetaGeoNBD` and
    `GammaGammaSpend`. The interval comes from the same two models by simulation: activity,
    :math:`\lambda, p` and :math:`\nu` are drawn from the customer's posterior; the purchases are
    :math:`\min(\mathrm{Poisson}(\lambda t), \mathrm{Geometric}(p))`, which is exact, and their sum
    is :math:`\mathrm{Gamma}(p N, \nu)`.

    Parameters
    ----------
    confidence : float
        Share of customers whose spending should fall within their interval, in (0, 1).
    draws : int
        Simulated futures for each customer.
    random_state : int
        Seed; the same input gives the same intervals.

    Attributes
    ----------
    purchases_ : BetaGeoNBD
    spend_ : GammaGammaSpend

    Notes
    -----
    `mean_amount` is the mean over all the customer's orders, the first included. The uncertainty
    of the few population parameters is not simulated. Where most futures bring nothing, the
    expectation can lie above the upper quantile; the interval is then widened to hold it.
    """

    def __init__(self, *, confidence: float = 0.90, draws: int = 200, random_state: int = 0) -> None:
        self.confidence = confidence
        self.draws = draws
        self.random_state = random_state

    def fit(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, mean_amount: ArrayLike) -> Self:
        """Fit both models; arguments and errors as in theirs, `mean_amount` positive."""
        history = _history(frequency, recency, T)
        self.purchases_ = BetaGeoNBD().fit(*history)
        self.spend_ = GammaGammaSpend().fit(history.frequency + 1.0, mean_amount)
        return self

    def forecast(
        self,
        frequency: ArrayLike,
        recency: ArrayLike,
        T: ArrayLike,
        mean_amount: ArrayLike,
        *,
        horizon: float,
    ) -> ValueForecast:
        """Return what each customer will bring within `horizon`, in the unit of `T`."""
        check_is_fitted(self)
        history = _history(frequency, recency, T)
        orders, amount = _amounts(history.frequency + 1.0, mean_amount)
        purchases = self.purchases_.expected_purchases(horizon, *history)
        expected = purchases * self.spend_.expected_average(orders, amount)
        alive = self.purchases_.probability_alive(*history)
        low, high = np.empty_like(expected), np.empty_like(expected)
        tail = (1.0 - self.confidence) / 2.0
        rng = np.random.default_rng(self.random_state)
        first = rng.bit_generator.state
        columns = (history.frequency, history.T, amount, alive)
        customers = list(zip(*(column.tolist() for column in columns), strict=True))
        for start in range(0, expected.size, _BLOCK):
            rows = slice(start, start + _BLOCK)
            money = np.empty((self.draws, len(customers[rows])))
            for at, (x, tenure, each, living) in enumerate(customers[rows]):
                rng.bit_generator.state = first  # the same luck for all, whoever else is asked about
                money[:, at] = self._simulate(x, tenure, each, living, horizon, rng)
            low[rows], high[rows] = np.quantile(money, [tail, 1.0 - tail], axis=0)
        return ValueForecast(
            expected, np.minimum(low, expected), np.maximum(high, expected), purchases, alive
        )

    def _simulate(  # noqa: PLR0917  # what is known of one customer, and how to go on
        self, x: float, T: float, amount: float, alive: float, horizon: float, rng: np.random.Generator
    ) -> FloatArray:
        """Return one customer's simulated money, shape (draws,)."""
        model, spend, size = self.purchases_, self.spend_, self.draws
        rate = rng.gamma(model.r_ + x, size=size) / (model.alpha_ + T)
        wanted = rng.poisson(np.minimum(rate * horizon, 1e12))
        leaving = np.clip(rng.beta(model.a_, model.b_ + x, size=size), 1e-15, 1.0 - 1e-15)
        until_leaving = np.ceil(rng.exponential(size=size) / -np.log1p(-leaving))
        count = np.minimum(wanted, np.maximum(until_leaving, 1.0))
        count[rng.random(size) >= alive] = 0.0
        inverse_scale = rng.gamma(spend.q_ + spend.p_ * (x + 1.0), size=size)
        inverse_scale /= spend.gamma_ + (x + 1.0) * amount
        money: FloatArray = rng.gamma(spend.p_ * count) / inverse_scale
        return money
