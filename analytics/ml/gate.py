"""Whether a newly trained model may go live: a decision about numbers and nothing else."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.ml import metrics

FloatArray = NDArray[np.float64]
Rule = Callable[[metrics.Interval], list[dict[str, Any]]]

LARGEST_LOSS = 0.01  # relative log-loss that the interval must exclude
SLOPE_RANGE = (0.8, 1.2)
FEWEST_OF_A_CLASS = 50  # with fewer the interval itself can't be trusted

_FLOOR_DRAWS = 200
_DRAWS = 500
_MOST_DRAWN_ROWS = 4e6
_INTERVALS: dict[str, metrics.Metric] = {
    "log_loss": metrics.log_loss,
    "brier": metrics.brier,
    "ece": metrics.expected_calibration_error,
}


class Verdict(NamedTuple):
    """What the gate decided and on which figures.

    Attributes
    ----------
    passed : bool
        Whether the model may go live.
    reasons : list of dict
        Why not: each has ``code`` and the values that its sentence needs; empty when passed.
        Codes: ``no_rows``, ``single_class``, ``too_few_positives``, ``too_few_negatives``,
        ``constant_prediction``, ``slope_out_of_range``, ``loss_not_excluded``, ``not_better``.
    metrics : dict
        Plain figures for the model's page, JSON-ready; None where a figure does not exist. Holds
        ``n``, ``positives`` and, unless the rows were refused, ``log_loss``, ``rival_log_loss``,
        ``difference``, ``difference_low``, ``difference_high`` (relative), ``auc``, ``auc_low``,
        ``auc_high``, ``brier``, ``ece``, ``ece_floor``, ``ece_floor_p95``, ``slope``,
        ``intercept``; ``log_loss``, ``brier`` and ``ece`` with bootstrap intervals (90 %) likewise.
    """

    passed: bool
    reasons: list[dict[str, Any]]
    metrics: dict[str, Any]


def judge_challenger(y: ArrayLike, p_challenger: ArrayLike, p_live: ArrayLike) -> Verdict:
    """Decide whether a challenger may replace the live model.

    It passes when the 90 % paired bootstrap interval of the relative log-loss difference excludes
    a loss above 1 %, and its calibration slope lies within 0.8 to 1.2.

    Parameters
    ----------
    y : array of shape (n,)
        What happened, 0 or 1, on rows that neither model was trained on.
    p_challenger, p_live : array of shape (n,)
        Both models' probabilities for the same rows.

    Raises
    ------
    ValueError
        If lengths differ or a value is impossible; a model that is merely bad is refused instead.
    """
    return _judge(y, p_challenger, p_live, _challenger_rule)


def judge_first(y: ArrayLike, p_challenger: ArrayLike, p_baseline: ArrayLike) -> Verdict:
    """Decide whether a kind's first model may go live at all.

    Its log-loss must be lower than that of a logistic on recency and frequency, with the interval
    excluding a loss above 1 %, and its calibration slope must lie within 0.8 to 1.2.
    Parameters and errors are those of `judge_challenger`.
    """
    return _judge(y, p_challenger, p_baseline, _first_rule)


def _challenger_rule(difference: metrics.Interval) -> list[dict[str, Any]]:
    if difference.high <= LARGEST_LOSS:
        return []
    return [{"code": "loss_not_excluded", "high": difference.high, "limit": LARGEST_LOSS}]


def _first_rule(difference: metrics.Interval) -> list[dict[str, Any]]:
    reasons = _challenger_rule(difference)
    if difference.mean >= 0.0:
        reasons.append({"code": "not_better", "difference": difference.mean})
    return reasons


def _judge(y: ArrayLike, p_new: ArrayLike, p_rival: ArrayLike, rule: Rule) -> Verdict:
    outcome, new = np.asarray(y, dtype=np.float64), np.asarray(p_new, dtype=np.float64)
    figures: dict[str, Any] = {"n": outcome.size, "positives": int(outcome.sum())}
    refusals = _refuse_rows(outcome)
    if refusals:
        return Verdict(passed=False, reasons=refusals, metrics=figures)
    difference = metrics.paired_log_loss_difference(outcome, new, p_rival)
    figures |= _describe(outcome, new, p_rival, difference)
    reasons = rule(difference) + _slope_rule(figures["slope"], constant=bool(np.ptp(new) == 0.0))
    return Verdict(passed=not reasons, reasons=reasons, metrics=figures)


def _refuse_rows(y: FloatArray) -> list[dict[str, Any]]:
    """Return why these outcomes can't support any judgement."""
    positives = int(y.sum())
    negatives = y.size - positives
    if y.size == 0:
        return [{"code": "no_rows"}]
    if positives == 0 or negatives == 0:
        return [{"code": "single_class", "n": y.size, "positives": positives}]
    counts = {"too_few_positives": positives, "too_few_negatives": negatives}
    return [
        {"code": code, "count": count, "limit": FEWEST_OF_A_CLASS}
        for code, count in counts.items()
        if count < FEWEST_OF_A_CLASS
    ]


def _slope_rule(slope: float | None, *, constant: bool) -> list[dict[str, Any]]:
    if constant:
        return [{"code": "constant_prediction"}]
    low, high = SLOPE_RANGE
    if slope is not None and low <= slope <= high:
        return []
    return [{"code": "slope_out_of_range", "slope": slope, "low": low, "high": high}]


def _describe(
    y: FloatArray, p: FloatArray, p_rival: ArrayLike, difference: metrics.Interval
) -> dict[str, float | None]:
    ranking = metrics.auc_interval(y, p)
    floor, floor_p95 = metrics.ece_floor(p, draws=_FLOOR_DRAWS)
    slope, intercept = metrics.calibration_line(y, p) if np.ptp(p) else (np.nan, np.nan)
    figures = {
        "log_loss": metrics.log_loss(y, p),
        "rival_log_loss": metrics.log_loss(y, p_rival),
        "difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "auc": ranking.mean,
        "auc_low": ranking.low,
        "auc_high": ranking.high,
        "brier": metrics.brier(y, p),
        "ece": metrics.expected_calibration_error(y, p),
        "ece_floor": floor,
        "ece_floor_p95": floor_p95,
        "slope": slope,
        "intercept": intercept,
        **_bootstrapped(y, p),
    }
    return {name: value if np.isfinite(value) else None for name, value in figures.items()}


def _bootstrapped(y: FloatArray, p: FloatArray) -> dict[str, float]:
    """Return the ends of bootstrap intervals, from fewer draws where a draw takes long."""
    draws = int(np.clip(_MOST_DRAWN_ROWS / y.size, 50, _DRAWS))
    ends: dict[str, float] = {}
    for name, metric in _INTERVALS.items():
        interval = metrics.bootstrap_interval(metric, y, p, draws=draws)
        ends |= {f"{name}_low": interval.low, f"{name}_high": interval.high}
    return ends
