"""Whether a model still holds: its inputs, its base rate, and what came of its predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from analytics.ml import metrics
from analytics.ml.calibration import fit_line
from analytics.ml.psi import Profile, shift_from

FloatArray = NDArray[np.float64]
Finding = dict[str, Any]

SHIFT_WATCH, SHIFT_LARGE = 0.1, 0.25  # customary limits of the population stability index
SLOPE_RANGE = (0.8, 1.2)
LARGEST_ECE = 0.05
FEWEST_OF_A_CLASS = 30  # with fewer outcomes a line or an error says nothing
_CONFIDENCE = 0.99  # a check that runs every night must not cry wolf every month
_SMALLEST_P = 1e-9
_FLOOR_DRAWS = 200


def judge_inputs(profiles: Mapping[str, Profile], columns: Mapping[str, ArrayLike]) -> list[Finding]:
    """Compare columns with their profiles of training, those that moved most first.

    Parameters
    ----------
    profiles : mapping
        By column, how it was spread in training.
    columns : mapping
        The same columns now; one that is absent is not judged.

    Returns
    -------
    list of dict
        For each column ``name``, ``index``, ``chance_p95`` and ``level``: "steady", "watch" above
        0.1, "drifting" above 0.25; what chance explains is taken off first.
    """
    found = []
    for name, profile in profiles.items():
        if name in columns:
            shift = shift_from(profile, columns[name])
            level = _level(shift.value - shift.chance_p95)
            found.append({"name": name, "level": level, "index": shift.value, "chance_p95": shift.chance_p95})
    return sorted(found, key=lambda row: (-row["index"], row["name"]))


def _level(index: float) -> str:
    if index > SHIFT_LARGE:
        return "drifting"
    return "watch" if index > SHIFT_WATCH else "steady"


def judge_base_rate(happened: int, rows: int, happened_now: int, rows_now: int) -> Finding:
    """Say whether the outcome has become more or less frequent than in training.

    Parameters
    ----------
    happened, rows, happened_now, rows_now : int
        Outcomes and rows in training and among the newest labels.

    Returns
    -------
    dict
        ``before``, ``now``, ``low``, ``high`` (99 % interval of the difference of shares) and
        ``level``: "drifting" when the interval excludes 0 and the odds have moved by a fifth or more.

    Raises
    ------
    ValueError
        If either has no rows.

    Examples
    --------
    >>> judge_base_rate(100, 1000, 300, 1000)["level"]
    'drifting'
    """
    if min(rows, rows_now) < 1:
        raise ValueError("a base rate needs rows")
    before, now = happened / rows, happened_now / rows_now
    low, high = _difference(happened, rows, happened_now, rows_now)
    odds = [(k + 0.5) / (n - k + 0.5) for k, n in ((happened, rows), (happened_now, rows_now))]
    has_moved = (low > 0.0 or high < 0.0) and abs(np.log(odds[1] / odds[0])) >= np.log(1.2)
    level = "drifting" if has_moved else "steady"
    return {"before": before, "now": now, "low": low, "high": high, "level": level}


def _difference(k: int, n: int, k_now: int, n_now: int) -> tuple[float, float]:
    """Return the interval of the second share less the first, from both Wilson intervals (Newcombe)."""
    before, now = k / n, k_now / n_now
    low, high = metrics.wilson_interval(k, n, _CONFIDENCE)
    low_now, high_now = metrics.wilson_interval(k_now, n_now, _CONFIDENCE)
    down = np.hypot(now - low_now, high - before)
    up = np.hypot(high_now - now, before - low)
    return float(now - before - down), float(now - before + up)


def describe_outcomes(y: ArrayLike, p: ArrayLike) -> dict[str, Any]:
    """Return how predictions came true, as plain figures; None where one does not exist.

    Parameters
    ----------
    y, p : array of shape (n,)
        What happened, 0 or 1, and what had been predicted then.

    Returns
    -------
    dict
        ``n``, ``positives``, ``mean_predicted``, ``observed``, ``brier``, ``log_loss``, ``ece``,
        ``ece_floor_p95``, ``auc`` with ``auc_low`` and ``auc_high`` (90 %), ``slope`` with
        ``slope_low`` and ``slope_high`` (99 %) and ``intercept``.
    """
    outcome = np.asarray(y, dtype=np.float64)
    probability = np.asarray(p, dtype=np.float64)
    n, positives = outcome.size, int(outcome.sum())
    found: dict[str, Any] = {"n": n, "positives": positives}
    if n == 0:
        return found
    _, floor_p95 = metrics.ece_floor(probability, draws=_FLOOR_DRAWS)
    found |= {
        "mean_predicted": float(probability.mean()),
        "observed": positives / n,
        "brier": metrics.brier(outcome, probability),
        "log_loss": metrics.log_loss(outcome, probability),
        "ece": metrics.expected_calibration_error(outcome, probability),
        "ece_floor_p95": floor_p95,
    }
    if min(positives, n - positives) >= 2 and np.ptp(probability) > 0.0:
        found |= _ranking(outcome, probability)
    return found


def _ranking(y: FloatArray, p: FloatArray) -> dict[str, float | None]:
    area = metrics.auc_interval(y, p)
    eta = logit(np.clip(p, _SMALLEST_P, 1.0 - _SMALLEST_P))
    line = fit_line(eta, y)
    half = float(norm.ppf(0.5 + _CONFIDENCE / 2.0)) * _slope_error(eta, line.slope, line.intercept)
    figures = {
        "auc": area.mean, "auc_low": area.low, "auc_high": area.high,
        "slope": line.slope, "slope_low": line.slope - half, "slope_high": line.slope + half,
        "intercept": line.intercept,
    }  # fmt: skip
    return {name: float(value) if np.isfinite(value) else None for name, value in figures.items()}


def _slope_error(eta: FloatArray, slope: float, intercept: float) -> float:
    """Return the standard error of the slope from the likelihood's curvature."""
    if not np.isfinite(slope):
        return np.inf
    p = expit(intercept + slope * eta)
    weight = p * (1.0 - p)
    if weight.sum() <= 0.0:
        return np.inf
    middle = np.average(eta, weights=weight)
    information = float(weight @ (eta - middle) ** 2)
    return information**-0.5 if information > 0.0 else np.inf


def judge_calibration(figures: Mapping[str, Any]) -> list[Finding]:
    """Return why a model should be recalibrated, from `describe_outcomes`; nothing while it holds.

    A slope counts as outside 0.8 to 1.2 when all of its 99 % interval is on the wrong side of 1, an
    ECE as too large above 0.05 when a perfect model would show as much in 1 of 20 cases or fewer.
    """
    fewest = min(figures["positives"], figures["n"] - figures["positives"])
    if fewest < FEWEST_OF_A_CLASS:
        return []
    found: list[Finding] = []
    slope = figures.get("slope")
    low, high = SLOPE_RANGE
    if slope is not None and not low <= slope <= high and not _includes_one(figures):
        found.append({"code": "slope_left_range", "slope": slope, "low": low, "high": high})
    if figures["ece"] > max(LARGEST_ECE, figures["ece_floor_p95"]):
        found.append({"code": "calibration_error", "ece": figures["ece"], "limit": LARGEST_ECE})
    return found


def _includes_one(figures: Mapping[str, Any]) -> bool:
    low, high = figures["slope_low"], figures["slope_high"]
    return low is None or high is None or low <= 1.0 <= high
