"""What a campaign caused: treated against held out, with intervals that admit doubt."""

from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest, t

from analytics.ml.metrics import wilson_interval


class LiftEstimate(NamedTuple):
    """Two shares and their difference; shares within 0..1, treated minus control."""

    share_treated: float
    share_control: float
    difference: float
    low: float
    high: float


class MeanEstimate(NamedTuple):
    """Two means and their difference, in the unit of the data, treated minus control."""

    mean_treated: float
    mean_control: float
    difference: float
    low: float
    high: float


class Arm(NamedTuple):
    """Totals of one arm of an experiment.

    Attributes
    ----------
    n : int
        Accounts assigned to the arm, whether or not they were reached.
    conversions : int
        Accounts of those that responded.
    amount, amount_squares : float
        Sum of each account's money, and of its square; an account that bought nothing adds 0.
    """

    n: int
    conversions: int
    amount: float = 0.0
    amount_squares: float = 0.0


class Total(NamedTuple):
    """A total over the treated arm with its interval."""

    value: float
    low: float
    high: float


class Incremental(NamedTuple):
    """What the treated arm did beyond what it would have done untreated.

    Attributes
    ----------
    conversions, money : Total
        Extra responding accounts, and extra money; `money` is None where its spread can't be
        known (an arm below two accounts, or no difference among the accounts of both arms).
    share : LiftEstimate
        The shares behind `conversions`.
    mean : MeanEstimate or None
        The money an account behind `money`.
    """

    conversions: Total
    money: Total | None
    share: LiftEstimate
    mean: MeanEstimate | None


def difference_in_shares(k_t: int, n_t: int, k_c: int, n_c: int, confidence: float = 0.90) -> LiftEstimate:
    r"""Compare two independent shares by Newcombe's hybrid score interval.

    With :math:`(l_i, u_i)` the Wilson interval of :math:`p_i = k_i / n_i`,

    .. math:: p_t - p_c - \sqrt{(p_t - l_t)^2 + (u_c - p_c)^2} \quad\text{to}\quad
              p_t - p_c + \sqrt{(u_t - p_t)^2 + (p_c - l_c)^2}

    Parameters
    ----------
    k_t, n_t, k_c, n_c : int
        Responses and size of the treated and of the control arm.
    confidence : float
        Within (0, 1).

    Raises
    ------
    ValueError
        If an arm is empty or has more responses than accounts.

    References
    ----------
    .. [1] Newcombe (1998), "Interval estimation for the difference between independent
           proportions: comparison of eleven methods", Statistics in Medicine 17, 873-890,
           method 10.

    Examples
    --------
    >>> lift = difference_in_shares(56, 70, 48, 80, confidence=0.95)  # his example (a)
    >>> round(lift.difference, 4), round(lift.low, 4), round(lift.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    if n_t < 1 or n_c < 1:
        raise ValueError("a difference needs at least one account in each arm")
    low_t, high_t = wilson_interval(k_t, n_t, confidence)
    low_c, high_c = wilson_interval(k_c, n_c, confidence)
    treated, control = k_t / n_t, k_c / n_c
    difference = treated - control
    down = float(np.hypot(treated - low_t, high_c - control))
    up = float(np.hypot(high_t - treated, control - low_c))
    return LiftEstimate(treated, control, difference, difference - down, difference + up)


def difference_in_means(  # noqa: PLR0917  # three figures for each arm, in the order of the books
    sum_t: float,
    squares_t: float,
    n_t: int,
    sum_c: float,
    squares_c: float,
    n_c: int,
    *,
    confidence: float = 0.90,
) -> MeanEstimate:
    r"""Compare two means by Welch's interval, from sums and sums of squares.

    .. math:: \bar x_t - \bar x_c \pm t_{\nu} \sqrt{s_t^2 / n_t + s_c^2 / n_c}

    Parameters
    ----------
    sum_t, squares_t, n_t : float, float, int
        Sum, sum of squares and number of the treated arm's values; likewise of the control arm's.
    confidence : float
        Within (0, 1).

    Raises
    ------
    ValueError
        If an arm has fewer than two values, the sums are impossible, or nothing varies in either
        arm: an interval of no width would claim a certainty that isn't there.

    References
    ----------
    .. [1] Welch (1947), "The generalization of 'Student's' problem when several different
           population variances are involved", Biometrika 34, 28-35.

    Examples
    --------
    >>> estimate = difference_in_means(15.0, 55.0, 5, 10.0, 22.0, 5, confidence=0.95)
    >>> estimate.difference, round(estimate.low, 4), round(estimate.high, 4)
    (1.0, -0.9343, 2.9343)
    """
    mean_t, error_t = _mean_and_squared_error(sum_t, squares_t, n_t)
    mean_c, error_c = _mean_and_squared_error(sum_c, squares_c, n_c)
    variance = error_t + error_c
    if variance <= 0.0:
        raise ValueError("nothing varies in either arm, so the difference has no interval")
    freedom = variance**2 / (error_t**2 / (n_t - 1) + error_c**2 / (n_c - 1))
    half = float(t.ppf(0.5 + confidence / 2.0, freedom)) * float(np.sqrt(variance))
    difference = mean_t - mean_c
    return MeanEstimate(mean_t, mean_c, difference, difference - half, difference + half)


def _mean_and_squared_error(total: float, squares: float, n: int) -> tuple[float, float]:
    """Return the mean and the square of its standard error."""
    if n < 2:
        raise ValueError("a mean's interval needs at least two values in each arm")
    spread = squares - total**2 / n
    if spread < -1e-9 * max(squares, 1.0):
        raise ValueError("the sum of squares is smaller than the sum allows")
    return total / n, max(spread, 0.0) / (n - 1) / n


def sample_ratio_p_value(n_t: int, n_c: int, propensity: float) -> float:
    """Return how likely a split at least this uneven is when the assignment worked.

    The exact two-sided binomial test of `n_t` among all; below 0.001 something is wrong with the
    assignment or the counting, and no lift should be read.

    Parameters
    ----------
    n_t, n_c : int
        Accounts found in each arm.
    propensity : float
        Planned chance of treatment, within (0, 1).

    Raises
    ------
    ValueError
        If both arms are empty or the propensity is not within (0, 1).

    Examples
    --------
    >>> round(sample_ratio_p_value(821, 815, 0.5), 3)
    0.902
    """
    if not 0.0 < propensity < 1.0:
        raise ValueError("propensity must lie within (0, 1)")
    return float(binomtest(n_t, n_t + n_c, propensity).pvalue)


def incremental(treated: Arm, control: Arm, confidence: float = 0.90) -> Incremental:
    """Return the extra conversions and the extra money of the treated arm.

    The difference an account (shares: Newcombe, means: Welch) times the accounts treated.

    Raises
    ------
    ValueError
        If an arm is empty or its totals are impossible.
    """
    share = difference_in_shares(treated.conversions, treated.n, control.conversions, control.n, confidence)
    mean = _difference_in_money(treated, control, confidence)
    return Incremental(
        conversions=_scaled(share, treated.n),
        money=None if mean is None else _scaled(mean, treated.n),
        share=share,
        mean=mean,
    )


def _difference_in_money(treated: Arm, control: Arm, confidence: float) -> MeanEstimate | None:
    arms = (treated, control)
    if min(arm.n for arm in arms) < 2:
        return None
    errors = [_mean_and_squared_error(arm.amount, arm.amount_squares, arm.n)[1] for arm in arms]
    if sum(errors) <= 0.0:
        return None
    return difference_in_means(
        *(treated.amount, treated.amount_squares, treated.n),
        *(control.amount, control.amount_squares, control.n),
        confidence=confidence,
    )


def _scaled(estimate: LiftEstimate | MeanEstimate, n: int) -> Total:
    return Total(estimate.difference * n, estimate.low * n, estimate.high * n)
