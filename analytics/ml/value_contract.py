"""What contracts will pay until they are cancelled."""

from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from analytics.ml.value_histories import BOUND, FloatArray, maximise

DAYS_A_MONTH = 365.25 / 12
_STARTS = ((0.0, 0.0), (2.0, 3.0), (-1.0, -2.0))
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(24)


class ContractForecast(NamedTuple):
    """Forecast of each contract within a horizon; every array has shape (n,) and is finite.

    Attributes
    ----------
    expected : array
        Expected money, discounted.
    low, high : array
        Predictive interval of what will be paid: it depends only on when the contract ends.
    staying : array
        Chance that the contract still runs at the end of the horizon, 0..1.
    """

    expected: FloatArray
    low: FloatArray
    high: FloatArray
    staying: FloatArray


class _Contracts(Protocol):
    def ending(self, share: float) -> FloatArray:
        """Return the months until each has ended with this chance, (n,)."""

    def staying(self, t: FloatArray) -> FloatArray:
        """Return the chance that each runs so many months more, (n, len(t))."""


class _Constant(NamedTuple):
    rate: FloatArray

    def ending(self, share: float) -> FloatArray:
        with np.errstate(divide="ignore"):
            months: FloatArray = -np.log1p(-share) / self.rate
        return months

    def staying(self, t: FloatArray) -> FloatArray:
        return np.exp(-self.rate[:, None] * t)


class _Fading(NamedTuple):
    so_far: FloatArray
    k: float

    def ending(self, share: float) -> FloatArray:
        return self.so_far * float(np.expm1(min(-np.log1p(-share) / self.k, 600.0)))

    def staying(self, t: FloatArray) -> FloatArray:
        return np.exp(-self.k * np.log1p(t / self.so_far[:, None]))


def monthly_hazard(probability: ArrayLike, days: float) -> FloatArray:
    """Return the rate a month at which a chance of leaving within so many days is reached."""
    p = np.clip(np.asarray(probability, dtype=np.float64), 0.0, 1.0 - 1e-12)
    return -np.log1p(-p) * DAYS_A_MONTH / days


def contract_value(
    monthly_amount: ArrayLike,
    hazard: ArrayLike,
    *,
    months: float,
    annual_discount: float = 0.0,
    confidence: float = 0.90,
) -> ContractForecast:
    r"""Return what contracts pay within `months` when they end at a constant rate.

    .. math:: E = m \int_0^H e^{-(h + \delta) t} \, dt

    Parameters
    ----------
    monthly_amount : array of shape (n,)
        Money a month, not negative.
    hazard : array of shape (n,)
        Rate of ending, a month.
    months : float
        Horizon.
    annual_discount : float
        Interest a year, e.g. 0.08.
    confidence : float
        Of the interval.

    Raises
    ------
    ValueError
        If an amount, a rate, the horizon or the discount is negative or not finite.
    """
    rate = np.atleast_1d(np.asarray(hazard, dtype=np.float64))
    _check(rate, "rates of ending")

    contracts = _Constant(rate)
    return _forecast(
        monthly_amount, contracts, months=months, discount=annual_discount, confidence=confidence
    )


class ContractSurvival(BaseEstimator):
    r"""How long contracts run, each with a rate of ending of its own.

    Rates are :math:`\mathrm{Gamma}(k, \beta)`, so that of contracts which have run for :math:`T`
    months the share :math:`((\beta + T) / (\beta + T + t))^k` runs :math:`t` months more: the
    longer a contract has run, the longer it will.

    Attributes
    ----------
    k_ : float
        Shape, no unit.
    beta_ : float
        In months.

    References
    ----------
    .. [1] Fader and Hardie (2007), "How to project customer retention", Journal of Interactive
           Marketing 21, 76-90, of which this is the continuous form.
    """

    def fit(self, months: ArrayLike, ended: ArrayLike) -> Self:
        """Find the parameters of highest likelihood.

        Parameters
        ----------
        months : array of shape (n,)
            How long each contract has run, up to its end or to now.
        ended : array of shape (n,)
            1 where it has been cancelled, 0 where it still runs.

        Raises
        ------
        ValueError
            If a duration is negative or not finite, or none is above 0.
        """
        t, done = np.atleast_1d(*(np.asarray(each, dtype=np.float64) for each in (months, ended)))
        _check(t, "durations")
        scale = float(t.mean()) if t.size else 0.0
        if scale <= 0.0:
            raise ValueError("no contract has run for any time")
        t = t / scale

        def loss(theta: FloatArray) -> tuple[float, FloatArray]:
            k, beta = np.exp(theta)
            log_stay = np.log(beta) - np.log(beta + t)
            values = k * log_stay + done * (np.log(k) - np.log(beta + t))
            gradient = np.array([
                float((k * log_stay + done).sum()),
                float((k * t / (beta + t) - done * beta / (beta + t)).sum()),
            ])  # fmt: skip
            return -float(values.sum()) / t.size, -gradient / t.size

        k, beta = np.exp(maximise(loss, loss, _STARTS, [-BOUND] * 2))
        self.k_, self.beta_ = float(k), float(beta * scale)
        return self

    @property
    def parameters_(self) -> dict[str, float]:
        """The fitted parameters by name."""
        return {"k": self.k_, "beta": self.beta_}

    def hazard(self, months: ArrayLike) -> FloatArray:
        """Return the present rate of ending, a month, of contracts that have run so long."""
        check_is_fitted(self)
        age = np.atleast_1d(np.asarray(months, dtype=np.float64))
        _check(age, "durations")
        return self.k_ / (self.beta_ + age)

    def forecast(
        self,
        monthly_amount: ArrayLike,
        age: ArrayLike,
        *,
        months: float,
        annual_discount: float = 0.0,
        confidence: float = 0.90,
    ) -> ContractForecast:
        """Return what contracts that have run `age` months pay within the next `months`."""
        check_is_fitted(self)
        so_far = self.beta_ + np.atleast_1d(np.asarray(age, dtype=np.float64))
        _check(so_far, "durations")
        contracts = _Fading(so_far, self.k_)
        return _forecast(
            monthly_amount, contracts, months=months, discount=annual_discount, confidence=confidence
        )


def _forecast(
    monthly_amount: ArrayLike, contract: _Contracts, *, months: float, discount: float, confidence: float
) -> ContractForecast:
    """Integrate what is paid over the horizon by quadrature, which is exact to many digits here."""
    amount = np.atleast_1d(np.asarray(monthly_amount, dtype=np.float64))
    _check(amount, "amounts")
    _check(np.array([months, discount]), "horizon and discount")
    force = float(np.log1p(discount)) / 12.0  # of interest, a month
    t = months * (_POINTS + 1.0) / 2.0
    worth = months / 2.0 * _WEIGHTS * np.exp(-force * t)
    tail = (1.0 - confidence) / 2.0

    def paid(until: FloatArray) -> FloatArray:
        lasting = np.minimum(until, months)
        return lasting if force == 0.0 else -np.expm1(-force * lasting) / force

    expected = amount * (contract.staying(t) @ worth)
    return ContractForecast(
        expected,
        np.minimum(amount * paid(contract.ending(tail)), expected),
        np.maximum(amount * paid(contract.ending(1.0 - tail)), expected),
        np.broadcast_to(contract.staying(np.array([months]))[:, 0], expected.shape).copy(),
    )


def _check(values: FloatArray, what: str) -> None:
    if not (np.isfinite(values) & (values >= 0.0)).all():
        raise ValueError(f"{what} must be finite and not negative")
