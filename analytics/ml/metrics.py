"""How good a probability is: ranking, likelihood, calibration, each with its uncertainty."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

from analytics.ml.calibration import Line, fit_line

FloatArray = NDArray[np.float64]
Metric = Callable[[FloatArray, FloatArray], float]

_SMALLEST_P = 1e-15  # a certain prediction that fails costs 34.5 nats, not infinity


class Interval(NamedTuple):
    """A figure with the ends of its confidence interval."""

    mean: float
    low: float
    high: float


class ReliabilityBin(NamedTuple):
    """Predictions in ``[low, high)`` held against what happened.

    Attributes
    ----------
    low, high : float
        Ends of the bin, as probabilities; the last bin includes its upper end.
    n, positives : int
        Rows in the bin, and those that turned out 1.
    share : float or None
        Observed share of positives; None when the bin is empty.
    ci_low, ci_high : float
        Wilson interval (90 %) of the share.
    mean_predicted : float or None
        Mean prediction of the rows in the bin; None when it is empty.
    """

    low: float
    high: float
    n: int
    positives: int
    share: float | None
    ci_low: float
    ci_high: float
    mean_predicted: float | None


def _pair(y: ArrayLike, p: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return outcomes and probabilities as checked float arrays of shape (n,)."""
    outcome = np.asarray(y, dtype=np.float64)
    probability = np.asarray(p, dtype=np.float64)
    if outcome.ndim != 1 or outcome.shape != probability.shape or outcome.size == 0:
        raise ValueError(
            "outcomes and probabilities must be two non-empty vectors of one length, "
            f"got shapes {outcome.shape} and {probability.shape}"
        )
    if not np.isin(outcome, (0.0, 1.0)).all():
        raise ValueError("outcomes must be 0 or 1")
    if not ((probability >= 0.0) & (probability <= 1.0)).all():
        raise ValueError("probabilities must lie within 0..1")
    return outcome, probability


def _losses(y: FloatArray, p: FloatArray) -> FloatArray:
    """Return each row's log-loss in nats, shape (n,)."""
    of_truth = np.where(y == 1.0, p, 1.0 - p)
    return -np.log(np.maximum(of_truth, _SMALLEST_P))


def log_loss(y: ArrayLike, p: ArrayLike) -> float:
    """Return the mean negative log-likelihood, in nats a row.

    Probabilities are clipped at 1e-15.

    Examples
    --------
    >>> round(log_loss([1, 0], [0.8, 0.4]), 6)
    0.366985
    """
    return float(_losses(*_pair(y, p)).mean())


def brier(y: ArrayLike, p: ArrayLike) -> float:
    """Return the mean squared error of the probability.

    Examples
    --------
    >>> round(brier([1, 0], [0.8, 0.4]), 6)
    0.1
    """
    outcome, probability = _pair(y, p)
    return float(np.mean((probability - outcome) ** 2))


def auc(y: ArrayLike, p: ArrayLike) -> float:
    """Return the chance that a positive is ranked above a negative; ties count half.

    Raises
    ------
    ValueError
        If only one class is present.

    Examples
    --------
    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    outcome, probability = _pair(y, p)
    positives = outcome.sum()
    negatives = outcome.size - positives
    if positives == 0 or negatives == 0:
        raise ValueError("AUC needs outcomes of both classes")
    rank_sum = float(rankdata(probability)[outcome == 1.0].sum())
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def auc_interval(y: ArrayLike, p: ArrayLike, confidence: float = 0.90) -> Interval:
    r"""Return the AUC with DeLong's interval, on the log-odds scale so that it stays within 0..1.

    With each row's placement :math:`V_i`, the share of the other class that it is rightly ranked
    against, :math:`\mathrm{var} = s^2(V^+) / n^+ + s^2(V^-) / n^-`.

    Raises
    ------
    ValueError
        If a class has fewer than two rows.

    References
    ----------
    .. [1] DeLong, DeLong and Clarke-Pearson (1988), "Comparing the areas under two or more
           correlated receiver operating characteristic curves", Biometrics 44, 837-845.

    Notes
    -----
    Classes that are ranked apart completely have no spread: the interval is then (1, 1) or (0, 0).
    """
    outcome, probability = _pair(y, p)
    positive = outcome == 1.0
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if min(n_positive, n_negative) < 2:
        raise ValueError("an interval of the AUC needs two rows of each class")
    rank = rankdata(probability)
    above = (rank[positive] - rankdata(probability[positive])) / n_negative
    below = 1.0 - (rank[~positive] - rankdata(probability[~positive])) / n_positive
    area = float(above.mean())
    if area in (0.0, 1.0):
        return Interval(area, area, area)
    error = float(np.sqrt(above.var(ddof=1) / n_positive + below.var(ddof=1) / n_negative))
    half = float(norm.ppf(0.5 + confidence / 2.0)) * error / (area * (1.0 - area))
    middle = logit(area)
    return Interval(area, float(expit(middle - half)), float(expit(middle + half)))


def _equal_count_bins(p: FloatArray, bins: int) -> NDArray[np.int64]:
    """Return each row's bin, 0..bins-1; equal predictions always share one bin.

    Splitting ties would make the figure depend on the order of the rows.
    """
    if bins < 1:
        raise ValueError("bins must be at least 1")
    position = (rankdata(p) - 0.5) / p.size
    return np.minimum((position * bins).astype(np.int64), bins - 1)


def expected_calibration_error(y: ArrayLike, p: ArrayLike, bins: int = 10) -> float:
    r"""Return the mean gap between predicted and observed share over equal-count bins.

    .. math:: \mathrm{ECE} = \sum_b \frac{n_b}{n} \left| \bar p_b - \bar y_b \right|

    Notes
    -----
    A perfectly calibrated model does not score 0; compare with `ece_floor`.

    Examples
    --------
    >>> expected_calibration_error([0, 1, 1, 1], [0.5, 0.5, 1.0, 1.0], bins=2)
    0.0
    """
    outcome, probability = _pair(y, p)
    gaps = np.bincount(_equal_count_bins(probability, bins), weights=probability - outcome)
    return float(np.abs(gaps).sum() / outcome.size)


def ece_floor(
    p: ArrayLike, bins: int = 10, draws: int = 200, rng: np.random.Generator | None = None
) -> tuple[float, float]:
    """Return mean and 95th percentile of the ECE that a perfect model would show by chance.

    Outcomes are drawn from the predictions themselves, `draws` times.

    Parameters
    ----------
    p : array of shape (n,)
        Probabilities.
    bins, draws : int
        Bins of the ECE and simulated data sets.
    rng : numpy.random.Generator, optional
        Source of randomness; a generator seeded with 0 when absent.
    """
    _, probability = _pair(np.zeros(np.shape(p)), p)
    source = np.random.default_rng(0) if rng is None else rng
    bin_of = _equal_count_bins(probability, bins)
    simulated = np.empty(draws)
    for draw in range(draws):
        outcome = source.random(probability.size) < probability
        gaps = np.bincount(bin_of, weights=probability - outcome)
        simulated[draw] = np.abs(gaps).sum() / probability.size
    return float(simulated.mean()), float(np.quantile(simulated, 0.95))


def calibration_line(y: ArrayLike, p: ArrayLike) -> Line:
    """Return slope and intercept of the truth's log-odds on the predicted log-odds.

    A slope below 1 means predictions too extreme, above 1 too timid; perfect is (1, 0).

    Raises
    ------
    ValueError
        If only one class is present or all predictions are equal.
    """
    outcome, probability = _pair(y, p)
    clipped = np.clip(probability, _SMALLEST_P, 1.0 - _SMALLEST_P)
    return fit_line(logit(clipped), outcome)


def lift_at(y: ArrayLike, p: ArrayLike, share: float) -> float:
    """Return how much denser positives are in the top `share` than overall.

    Rows tied at the cut count with the expectation under random order.

    Raises
    ------
    ValueError
        If there are no positives or `share` lies outside (0, 1].

    Examples
    --------
    >>> lift_at([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1], 0.5)
    2.0
    """
    outcome, probability = _pair(y, p)
    if not 0.0 < share <= 1.0:
        raise ValueError("share must lie within (0, 1]")
    if not outcome.any():
        raise ValueError("lift needs at least one positive")
    wanted = share * outcome.size
    order = np.argsort(-probability, kind="stable")
    cut = probability[order[int(np.ceil(wanted)) - 1]]
    above, tied = probability > cut, probability == cut
    hits = outcome[above].sum() + (wanted - above.sum()) * outcome[tied].mean()
    return float(hits / wanted / outcome.mean())


def wilson_interval(k: float, n: float, confidence: float = 0.90) -> tuple[float, float]:
    """Return the score interval of a share of `k` in `n`; (0, 1) when `n` is 0.

    References
    ----------
    .. [1] Wilson (1927), "Probable inference, the law of succession, and statistical
           inference", JASA 22, 209-212.

    Examples
    --------
    >>> low, high = wilson_interval(81, 263, confidence=0.95)  # Newcombe (1998), table I
    >>> round(low, 4), round(high, 4)
    (0.2553, 0.3662)
    """
    if not (0 <= k <= n and 0.0 < confidence < 1.0):
        raise ValueError("a share needs 0 <= k <= n and a confidence within (0, 1)")
    if n == 0:
        return 0.0, 1.0
    z = float(norm.ppf(0.5 + confidence / 2.0))
    centre = k + z * z / 2.0
    half = z * np.sqrt(k * (n - k) / n + z * z / 4.0)
    low = 0.0 if k == 0 else (centre - half) / (n + z * z)
    high = 1.0 if k == n else (centre + half) / (n + z * z)
    return float(low), float(high)


def reliability(y: ArrayLike, p: ArrayLike, edges: ArrayLike) -> list[ReliabilityBin]:
    """Return predicted against observed share for each bin between `edges`.

    Parameters
    ----------
    y, p : array of shape (n,)
        Outcomes and probabilities.
    edges : array of shape (bins + 1,)
        Strictly ascending; predictions outside them belong to no bin.
    """
    outcome, probability = _pair(y, p)
    ends = np.asarray(edges, dtype=np.float64)
    if ends.ndim != 1 or ends.size < 2 or not (np.diff(ends) > 0).all():
        raise ValueError("edges must be at least two strictly ascending numbers")
    bin_of = np.searchsorted(ends, probability, side="right") - 1
    bin_of[probability == ends[-1]] = ends.size - 2
    return [
        _bin(float(low), float(high), outcome[bin_of == i], probability[bin_of == i])
        for i, (low, high) in enumerate(pairwise(ends))
    ]


def _bin(low: float, high: float, y: FloatArray, p: FloatArray) -> ReliabilityBin:
    n, positives = y.size, int(y.sum())
    ci_low, ci_high = wilson_interval(positives, n)
    share = positives / n if n else None
    mean = float(p.mean()) if n else None
    return ReliabilityBin(low, high, n, positives, share, ci_low, ci_high, mean)


def bootstrap_interval(
    metric: Metric,
    y: ArrayLike,
    p: ArrayLike,
    *,
    confidence: float = 0.90,
    draws: int = 500,
    seed: int = 0,
) -> Interval:
    """Return `metric` on the data, with its percentile bootstrap interval.

    Rows are drawn with replacement; a draw that lost one of the classes is drawn again, since
    most figures have no meaning there. `mean` is the value on the data itself.
    """
    outcome, probability = _pair(y, p)
    rng = np.random.default_rng(seed)
    classes = _classes(outcome)
    values = np.empty(draws)
    for draw in range(draws):
        rows = rng.integers(outcome.size, size=outcome.size)
        while _classes(outcome[rows]) != classes:
            rows = rng.integers(outcome.size, size=outcome.size)
        values[draw] = metric(outcome[rows], probability[rows])
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return Interval(float(metric(outcome, probability)), float(low), float(high))


def _classes(y: FloatArray) -> int:
    return 1 if y.min() == y.max() else 2


def paired_log_loss_difference(
    y: ArrayLike,
    p_new: ArrayLike,
    p_old: ArrayLike,
    *,
    confidence: float = 0.90,
    draws: int = 1000,
    seed: int = 0,
) -> Interval:
    r"""Return the new model's log-loss against the old one's, relative to the old one's.

    .. math:: \Delta = \frac{\sum_i \ell_i^{new} - \ell_i^{old}}{\sum_i \ell_i^{old}}

    Negative is better: -0.02 is two per cent less loss. Both models are read on the same rows of
    each draw, so what is hard for both cancels. `mean` is the value on the data itself.

    Raises
    ------
    ValueError
        If the old model's loss is 0, which leaves nothing to relate to.
    """
    outcome, new = _pair(y, p_new)
    _, old = _pair(y, p_old)
    loss_old = _losses(outcome, old)
    gain = _losses(outcome, new) - loss_old
    if loss_old.sum() <= 0.0:
        raise ValueError("the old model has no loss to compare with")
    rng = np.random.default_rng(seed)
    values = np.empty(draws)
    for draw in range(draws):
        rows = rng.integers(outcome.size, size=outcome.size)
        values[draw] = gain[rows].sum() / max(loss_old[rows].sum(), _SMALLEST_P)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return Interval(float(gain.sum() / loss_old.sum()), float(low), float(high))
