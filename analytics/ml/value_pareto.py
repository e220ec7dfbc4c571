"""Customers who may leave at any moment, whether they buy or not."""

import numpy as np
from scipy.special import digamma, expit, gammaln

from analytics.ml.value_histories import FloatArray, History
from analytics.ml.value_purchases import PurchaseModel

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(32)


class ParetoNBD(PurchaseModel):
    r"""The Pareto/NBD: a customer leaves at a rate of its own, at any moment.

    While active a customer buys at rate :math:`\lambda \sim \mathrm{Gamma}(r, \alpha)` and leaves
    at rate :math:`\mu \sim \mathrm{Gamma}(s, \beta)`. With :math:`x` repeat purchases, the last
    at :math:`t_x` of :math:`T`, the moment :math:`y` of leaving is integrated out:

    .. math:: L = \frac{\Gamma(r + x) \alpha^r \beta^s}{\Gamma(r)} \left[
              (\alpha + T)^{-(r + x)} (\beta + T)^{-s} + \int_{t_x}^{T}
              s (\alpha + y)^{-(r + x)} (\beta + y)^{-(s + 1)} \, dy \right]

    Attributes
    ----------
    r_, s_ : float
        Shapes, no unit.
    alpha_, beta_ : float
        Rates of the priors, in the unit of `T`.

    Notes
    -----
    The paper writes the integral as a difference of hypergeometric functions, which cancels and
    overflows for frequent buyers. Here it is a sum of 32 positive terms in logarithms: with
    :math:`y = t_x + \delta (e^v - 1)`, where :math:`1/\delta` is the steepness at :math:`t_x`, the
    integrand changes only on the scale of 1 in :math:`v`, so that Gauss-Legendre quadrature
    agrees with adaptive integration to eight digits. The gradient is the posterior mean of that
    of the integrand.

    References
    ----------
    .. [1] Schmittlein, Morrison and Colombo (1987), "Counting your customers: who are they and
           what will they do next?", Management Science 33, 1-24.
    .. [2] Fader and Hardie (2005), "A note on deriving the Pareto/NBD model and related
           expressions", brucehardie.com/notes/009.
    """

    name = "pareto_nbd"
    parameter_names = ("r", "alpha", "s", "beta")
    _in_time = (1, 3)
    _starts = ((0.0, -1.0, 0.0, 0.0), (-1.0, -2.0, -0.5, -1.0), (0.5, -2.0, -1.0, 1.5))

    def _log_likelihood(self, parameters: FloatArray, history: History) -> tuple[FloatArray, FloatArray]:
        r, alpha, s, beta = parameters
        x, _t_x, t = history
        bought = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
        active = -(r + x) * np.log(alpha + t) - s * np.log(beta + t)
        left, moments, share = _departure(parameters, history)

        gone = expit(left - active)  # chance of having left, given the history
        here = 1.0 - gone
        at_alpha, at_beta = alpha + moments, beta + moments

        def over_departure(values: FloatArray) -> FloatArray:
            return np.asarray(np.einsum("ij,ij->i", share, values))

        gradient = [
            digamma(r + x)
            - digamma(r)
            + np.log(alpha)
            - here * np.log(alpha + t)
            - gone * over_departure(np.log(at_alpha)),
            r / alpha - (r + x) * (here / (alpha + t) + gone * over_departure(1.0 / at_alpha)),
            np.log(beta) + gone / s - here * np.log(beta + t) - gone * over_departure(np.log(at_beta)),
            s / beta - here * s / (beta + t) - gone * (s + 1.0) * over_departure(1.0 / at_beta),
        ]
        return bought + np.logaddexp(active, left), np.array(gradient)

    def _alive(self, history: History) -> FloatArray:
        r, alpha, s, beta = self._vector()
        x, _t_x, t = history
        active = -(r + x) * np.log(alpha + t) - s * np.log(beta + t)
        return np.asarray(expit(active - _departure(self._vector(), history)[0]))

    def _while_alive(self, horizon: FloatArray, history: History) -> FloatArray:
        r, alpha, s, beta = self._vector()
        stay = np.log1p(horizon / (beta + history.T))
        # (1 - e^{-(s - 1) stay}) / (s - 1), which is `stay` itself where s is 1
        lasting = stay * _relative_expm1((s - 1.0) * stay)
        rate: FloatArray = (r + history.frequency) / (alpha + history.T)
        purchases: FloatArray = rate * (beta + history.T) * lasting
        return purchases

    def _draw_while_alive(
        self, rng: np.random.Generator, size: int, x: float, T: float, horizon: float
    ) -> FloatArray:
        r, alpha, s, beta = self._vector()
        rate = rng.gamma(r + x, size=size) / (alpha + T)
        leaving = np.maximum(rng.gamma(s, size=size) / (beta + T), 1e-300)
        active = np.minimum(rng.exponential(size=size) / leaving, horizon)
        return np.asarray(rng.poisson(np.minimum(rate * active, 1e12)), dtype=np.float64)


def _departure(parameters: FloatArray, history: History) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the logarithm of the integral over the moment of leaving, the moments, their shares.

    Shapes (n,), (n, nodes) and (n, nodes); the shares of a customer add up to 1.
    """
    r, alpha, s, beta = parameters
    x, t_x, t = (column[:, None] for column in history)
    at_alpha, at_beta = alpha + t_x, beta + t_x
    steepness = (r + x) / at_alpha + (s + 1.0) / at_beta
    reach = np.log1p((t - t_x) * steepness)
    v = reach * (_POINTS + 1.0) / 2.0
    passed = np.expm1(v) / steepness
    terms = (
        *(v, -(r + x) * np.log1p(passed / at_alpha), -(s + 1.0) * np.log1p(passed / at_beta)),
        np.log(_WEIGHTS),
    )
    logarithms = np.asarray(sum(terms), dtype=np.float64)
    highest = logarithms.max(axis=1, keepdims=True)
    shares = np.exp(logarithms - highest)
    total = shares.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):  # nobody leaves in no time: the logarithm of 0
        width = np.log(reach / 2.0)
    start = np.log(s) - (r + x) * np.log(at_alpha) - (s + 1.0) * np.log(at_beta) - np.log(steepness)
    return (start + width + highest + np.log(total))[:, 0], t_x + passed, shares / total


def _relative_expm1(z: FloatArray) -> FloatArray:
    """Return (1 - exp(-z)) / z, which is 1 at 0."""
    safe = np.where(z == 0.0, 1.0, z)
    return np.where(z == 0.0, 1.0, -np.expm1(-safe) / safe)
