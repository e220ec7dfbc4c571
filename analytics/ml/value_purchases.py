"""How often customers without a contract come back, and who has silently left."""

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, digamma, expit, gammaln
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from analytics.ml.value_histories import (
    BOUND,
    FloatArray,
    History,
    Loss,
    checked_history,
    distinct,
    maximise,
)

_NODES = 48  # quadrature points; relative error below 1e-8 for horizons up to 10 times T + alpha
_BLOCK = 4_096  # customers at a time
_MOST_DISTINCT = 20_000  # different histories that a fit looks at
_FEW_DISTINCT = 400  # those that its first steps look at


class PurchaseModel(BaseEstimator):
    """What the models of repeat buying have in common: four positive parameters, one likelihood.

    Subclasses name their parameters and give the log-likelihood of each history with its
    gradient, the chance of being active, the expectation of those who are, and futures to draw.

    Attributes
    ----------
    log_likelihood_ : float
        Of the training histories, in nats, time in the unit of `T`.

    Notes
    -----
    All arguments are arrays of shape (n,): `frequency` counts repeat purchases (orders after the
    first), `recency` is the age of the customer at the last of them (0 without one), `T` its age
    now. Any history that can happen has a finite forecast.
    """

    name: ClassVar[str]
    parameter_names: ClassVar[tuple[str, str, str, str]]
    _in_time: ClassVar[tuple[int, ...]]  # the parameters that have the unit of T
    _starts: ClassVar[tuple[tuple[float, ...], ...]]  # logarithms, time in units of the longest T

    def fit(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> Self:
        """Find the parameters of highest likelihood.

        Raises
        ------
        ValueError
            If a history is impossible or nobody was observed for any time.
        """
        history = checked_history(frequency, recency, T)
        scale = float(history.T.max(initial=0.0))
        if scale <= 0.0:
            raise ValueError("no customer was observed for any time")
        scaled = History(history.frequency, history.recency / scale, history.T / scale)
        loss, rough = (self._loss(scaled, most) for most in (_MOST_DISTINCT, _FEW_DISTINCT))
        parameters = np.exp(maximise(loss, rough, self._starts, [-BOUND] * 4))
        parameters[list(self._in_time)] *= scale
        for parameter, value in zip(self.parameter_names, parameters.tolist(), strict=True):
            setattr(self, f"{parameter}_", value)
        self.log_likelihood_ = float(self.log_likelihoods(*history).sum())
        return self

    def _loss(self, history: History, most: int) -> Loss:
        rows, customers = distinct(history, most=most)
        n = float(customers.sum())

        def loss(theta: FloatArray) -> tuple[float, FloatArray]:
            parameters = np.exp(theta)
            values, gradient = self._log_likelihood(parameters, rows)
            return -float(values @ customers) / n, -(gradient @ customers) * parameters / n

        return loss

    @property
    def parameters_(self) -> dict[str, float]:
        """The fitted parameters by name."""
        return {name: float(getattr(self, f"{name}_")) for name in self.parameter_names}

    def log_likelihoods(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> FloatArray:
        """Return the log-likelihood of each history, shape (n,), in nats."""
        history = self._checked(frequency, recency, T)
        values = np.empty_like(history.T)
        for start in range(0, values.size, _BLOCK):
            rows = slice(start, start + _BLOCK)
            values[rows] = self._log_likelihood(self._vector(), history.take(rows))[0]
        return values

    def probability_alive(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> FloatArray:
        """Return the chance that each customer is still active, shape (n,), each in 0..1."""
        history = self._checked(frequency, recency, T)
        alive = np.empty_like(history.T)
        for start in range(0, alive.size, _BLOCK):
            rows = slice(start, start + _BLOCK)
            alive[rows] = self._alive(history.take(rows))
        return alive

    def expected_purchases(
        self, t: ArrayLike, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike
    ) -> FloatArray:
        """Return the purchases expected in the next `t`, shape (n,).

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
        history = self._checked(frequency, recency, T)
        horizon = np.broadcast_to(np.asarray(t, dtype=np.float64), history.T.shape)
        if not (np.isfinite(horizon) & (horizon >= 0)).all():
            raise ValueError("horizons must be finite and not negative")
        return self.probability_alive(*history) * self._while_alive(horizon, history)

    def draw_purchases(
        self, rng: np.random.Generator, size: int, *, x: float, T: float, alive: float, horizon: float
    ) -> FloatArray:
        """Return `size` possible numbers of purchases of one customer within `horizon`.

        The customer has bought `x` times again at age `T` and is active with chance `alive`.
        """
        count = self._draw_while_alive(rng, size, x, T, horizon)
        count[rng.random(size) >= alive] = 0.0
        return count

    def _checked(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> History:
        check_is_fitted(self)
        return checked_history(frequency, recency, T)

    def _vector(self) -> FloatArray:
        return np.array([getattr(self, f"{name}_") for name in self.parameter_names])

    def _log_likelihood(self, parameters: FloatArray, history: History) -> tuple[FloatArray, FloatArray]:
        """Return the log-likelihood of each history, (n,), and its gradient, (4, n)."""
        raise NotImplementedError

    def _alive(self, history: History) -> FloatArray:
        raise NotImplementedError

    def _while_alive(self, horizon: FloatArray, history: History) -> FloatArray:
        raise NotImplementedError

    def _draw_while_alive(
        self, rng: np.random.Generator, size: int, x: float, T: float, horizon: float
    ) -> FloatArray:
        raise NotImplementedError


class BetaGeoNBD(PurchaseModel):
    r"""The beta-geometric/NBD: who leaves does so right after a purchase.

    While active a customer buys at rate :math:`\lambda \sim \mathrm{Gamma}(r, \alpha)`; after
    each repeat purchase it leaves for good with chance :math:`p \sim \mathrm{Beta}(a, b)`. With
    :math:`x` repeat purchases, the last at :math:`t_x` of :math:`T`,

    .. math:: L = \frac{B(a, b + x)}{B(a, b)} \frac{\Gamma(r + x) \alpha^r}{\Gamma(r)}
              \left[ (\alpha + T)^{-(r + x)}
              + \mathbb{1}_{x > 0} \frac{a}{b + x - 1} (\alpha + t_x)^{-(r + x)} \right]

    and the purchases expected in the next :math:`t` are

    .. math:: P(\text{active}) \int_0^1 \frac{1}{p}
              \left[1 - \left(1 + \frac{p t}{\alpha + T}\right)^{-(r + x)}\right]
              \mathrm{Beta}(p; a, b + x) \, dp

    Attributes
    ----------
    r_, a_, b_ : float
        Shapes, no unit.
    alpha_ : float
        Rate of the prior, in the unit of `T`.

    Notes
    -----
    A customer who never came back counts as active: nobody leaves before the first repeat
    purchase. Everything is computed in logarithms, and expectations by Gauss-Jacobi quadrature
    over the posterior of :math:`p` rather than by the hypergeometric series of the paper, which
    overflows for frequent buyers.

    References
    ----------
    .. [1] Fader, Hardie and Lee (2005), "'Counting your customers' the easy way: an alternative
           to the Pareto/NBD model", Marketing Science 24, 275-284.
    """

    name = "bg_nbd"
    parameter_names = ("r", "alpha", "a", "b")
    _in_time = (1,)
    _starts = ((0.0, 0.0, 0.0, 0.0), (-1.0, -2.0, -0.5, 1.0), (1.0, 0.0, -2.0, 2.0))
    _first_exit: ClassVar[float] = 0.0  # chances to leave before the first repeat purchase

    def _log_likelihood(self, parameters: FloatArray, history: History) -> tuple[FloatArray, FloatArray]:
        r, alpha, a, b = parameters
        x, t_x, t = history
        exits = x + self._first_exit
        last = np.maximum(exits, 1.0)
        bought = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + exits) - betaln(a, b)
        active = -(r + x) * np.log(alpha + t)
        left = np.log(a) - np.log(b + last - 1.0) - (r + x) * np.log(alpha + t_x)
        left = np.where(exits > 0, left, -np.inf)

        gone = expit(left - active)  # chance of having left, given the history
        log_age = np.log(alpha + t) + gone * (np.log(alpha + t_x) - np.log(alpha + t))
        shared = digamma(a + b) - digamma(a + b + exits)
        gradient = [
            digamma(r + x) - digamma(r) + np.log(alpha) - log_age,
            r / alpha - (r + x) * ((1.0 - gone) / (alpha + t) + gone / (alpha + t_x)),
            shared + gone / a,
            shared + digamma(b + exits) - digamma(b) - gone / (b + last - 1.0),
        ]
        return bought + np.logaddexp(active, left), np.array(gradient)

    def _alive(self, history: History) -> FloatArray:
        r, alpha, a, b = self._vector()
        x, t_x, t = history
        exits = x + self._first_exit
        stretch = np.log((alpha + t) / (alpha + t_x))
        left = np.log(a / (b + np.maximum(exits, 1.0) - 1.0)) + (r + x) * stretch
        alive: FloatArray = np.where(exits > 0, expit(-left), 1.0)
        return alive

    def _while_alive(self, horizon: FloatArray, history: History) -> FloatArray:
        r, alpha, a, b = self._vector()
        counts, of_count = np.unique(history.frequency, return_inverse=True)
        points, weights = _beta_quadrature(a, b + counts + self._first_exit)
        reach = horizon / (alpha + history.T)
        expected: FloatArray = np.empty_like(reach)
        for start in range(0, reach.size, _BLOCK):
            rows = slice(start, start + _BLOCK)
            p = points[of_count[rows]]
            power = (r + history.frequency[rows])[:, None]
            until_leaving = -np.expm1(-power * np.log1p(p * reach[rows, None])) / p
            expected[rows] = (weights[of_count[rows]] * until_leaving).sum(axis=1)
        return expected

    def _draw_while_alive(
        self, rng: np.random.Generator, size: int, x: float, T: float, horizon: float
    ) -> FloatArray:
        r, alpha, a, b = self._vector()
        rate = rng.gamma(r + x, size=size) / (alpha + T)
        wanted = rng.poisson(np.minimum(rate * horizon, 1e12))
        leaving = np.clip(rng.beta(a, b + x + self._first_exit, size=size), 1e-15, 1.0 - 1e-15)
        until_leaving = np.ceil(rng.exponential(size=size) / -np.log1p(-leaving))
        count: FloatArray = np.minimum(wanted, np.maximum(until_leaving, 1.0))
        return count


class ModifiedBetaGeoNBD(BetaGeoNBD):
    """The MBG/NBD: as `BetaGeoNBD`, but a customer may leave after the very first purchase too.

    References
    ----------
    .. [1] Batislam, Denizel and Filiztekin (2007), "Empirical validation and comparison of models
           for customer base analysis", International Journal of Research in Marketing 24, 201-209.
    """

    name = "mbg_nbd"
    _first_exit = 1.0


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
