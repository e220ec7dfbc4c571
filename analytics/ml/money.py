"""What a probability is worth: when acting pays, what a choice of threshold earns, whom to review."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


class ProfitCurve(NamedTuple):
    """What acting from each threshold on would have earned, against acting on nobody.

    Attributes
    ----------
    thresholds : array of shape (k,)
        Descending probabilities; the first is above all, so that nobody is acted on.
    acted_share : array of shape (k,)
        Share of the rows at or above the threshold.
    profit : array of shape (k,)
        Sum over those rows, in the unit of the costs.
    """

    thresholds: FloatArray
    acted_share: FloatArray
    profit: FloatArray

    @property
    def best(self) -> tuple[float, float]:
        """Threshold that earned most, and what it earned."""
        at = int(np.argmax(self.profit))
        return float(self.thresholds[at]), float(self.profit[at])


def bayes_threshold(cost_fp: float, cost_fn: float, *, cost_contact: float = 0.0) -> float:
    r"""Return the probability from which acting costs less than leaving alone.

    Acting costs a contact, and `cost_fp` more where nothing would have happened; leaving alone costs
    `cost_fn` where it does happen:

    .. math:: c + (1 - p)\,C_{fp} \le p\,C_{fn} \iff p \ge \frac{C_{fp} + c}{C_{fp} + C_{fn}}

    Parameters
    ----------
    cost_fp, cost_fn : float
        Costs of acting in vain and of missing somebody, not negative, not both 0.
    cost_contact : float
        Paid for everybody who is acted on, not negative.

    Returns
    -------
    float
        Within 0..1, or infinity where acting never pays.

    Raises
    ------
    ValueError
        If a cost is negative or not finite, or both errors are free.

    Examples
    --------
    >>> bayes_threshold(1.0, 4.0)
    0.2
    >>> bayes_threshold(0.0, 50.0, cost_contact=5.0)
    0.1
    """
    costs = np.array([cost_fp, cost_fn, cost_contact], dtype=np.float64)
    if not np.isfinite(costs).all() or (costs < 0.0).any() or costs[:2].sum() == 0.0:
        raise ValueError("costs must be finite and not negative, and one of the errors must cost something")
    threshold = (cost_fp + cost_contact) / (cost_fp + cost_fn)
    return float(threshold) if threshold <= 1.0 else np.inf


def expected_loss(probability: ArrayLike, exposure: ArrayLike) -> FloatArray:
    """Return probability times what is at stake, shape (n,); a negative balance stakes nothing.

    Raises
    ------
    ValueError
        If shapes differ, a probability lies outside 0..1 or an exposure is not known.

    Examples
    --------
    >>> expected_loss([0.5, 0.1], [100.0, -20.0]).tolist()
    [50.0, 0.0]
    """
    p = np.asarray(probability, dtype=np.float64)
    stake = np.asarray(exposure, dtype=np.float64)
    if p.shape != stake.shape or not ((p >= 0.0) & (p <= 1.0)).all() or np.isnan(stake).any():
        raise ValueError("each row needs a probability within 0..1 and a known exposure")
    loss: FloatArray = p * np.maximum(stake, 0.0)
    return loss


def profit_curve(
    y: ArrayLike,
    probability: ArrayLike,
    *,
    gain: ArrayLike,
    cost_fp: float = 0.0,
    cost_contact: float = 0.0,
    points: int = 101,
) -> ProfitCurve:
    """Return what acting on everybody from a threshold on would have earned, for many thresholds.

    Parameters
    ----------
    y, probability : array of shape (n,)
        What happened, 0 or 1, and what was predicted.
    gain : float or array of shape (n,)
        What acting on a row earns where it did happen: the loss avoided, or the sale.
    cost_fp, cost_contact : float
        As in `bayes_threshold`.
    points : int
        At most so many thresholds, at equal steps of the ranking. Equal probabilities stay together.

    Raises
    ------
    ValueError
        If there are no rows, lengths differ, or fewer than two points are asked for.
    """
    outcome = np.asarray(y, dtype=np.float64)
    p = np.asarray(probability, dtype=np.float64)
    if outcome.ndim != 1 or outcome.shape != p.shape or outcome.size == 0 or points < 2:
        raise ValueError("a profit curve needs rows with an outcome and a probability, and two points")
    each = np.broadcast_to(np.asarray(gain, dtype=np.float64), p.shape)
    order = np.argsort(-p, kind="stable")
    earned = np.cumsum((outcome * each - (1.0 - outcome) * cost_fp - cost_contact)[order])
    last = np.flatnonzero(np.append(np.diff(p[order]) != 0.0, True))  # of each set of equals
    if last.size >= points:
        last = last[np.unique(np.linspace(0, last.size - 1, points - 1).round().astype(int))]
    return ProfitCurve(
        np.append(np.inf, p[order][last]),
        np.append(0.0, (last + 1) / p.size),
        np.append(0.0, earned[last]),
    )


def share_found(loss: ArrayLike, priority: ArrayLike, review_share: float) -> float:
    """Return the share of all loss that stands in the rows reviewed first.

    Parameters
    ----------
    loss : array of shape (n,)
        What each row lost in the end, not negative: its exposure where it happened, else 0.
    priority : array of shape (n,)
        The highest are reviewed first. Rows tied at the cut count with the mean of all orders.
    review_share : float
        Share of the rows that is reviewed, within (0, 1].

    Raises
    ------
    ValueError
        If lengths differ, nothing was lost, a loss is negative or the share lies outside (0, 1].

    Examples
    --------
    >>> share_found([0.0, 90.0, 10.0, 0.0], [0.9, 0.8, 0.1, 0.2], 0.5)
    0.9
    """
    lost = np.asarray(loss, dtype=np.float64)
    rank = np.asarray(priority, dtype=np.float64)
    if lost.ndim != 1 or lost.shape != rank.shape or not 0.0 < review_share <= 1.0:
        raise ValueError("losses and priorities must be vectors of one length, the share within (0, 1]")
    if not (lost >= 0.0).all() or lost.sum() == 0.0:
        raise ValueError("losses must not be negative, and something must have been lost")
    wanted = review_share * lost.size
    cut = -np.sort(-rank)[int(np.ceil(wanted)) - 1]
    above, tied = rank > cut, rank == cut
    found = lost[above].sum() + (wanted - above.sum()) * lost[tied].mean()
    return float(found / lost.sum())
