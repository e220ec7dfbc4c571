"""Joining members of a model: on which rows, in which folds, and with what weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

FloatArray = NDArray[np.float64]
Labels = NDArray[np.int64]
Rows = NDArray[np.intp]
Fold = tuple[Rows, Rows]  # to learn from, to predict

_SHARE_PRIOR_SD = 0.5  # a handful of rows must not turn the model upside down


def make_folds(
    label: Labels,
    n_folds: int,
    seed: int | None,
    *,
    times: NDArray[Any] | None = None,
    groups: NDArray[Any] | None = None,
) -> list[Fold]:
    """Return the rows to learn from and those to predict; none where an outcome has too few rows.

    Shuffled and stratified; with `times` each block is predicted from all before it; with `groups` no
    group stands on both sides.
    """
    if times is not None:
        return list(_blocks(label, n_folds, times))
    folds = min(n_folds, int(np.bincount(label, minlength=2).min()))
    if folds < 2:
        return []
    if groups is None:
        return list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(label, label))
    by_group = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return list(by_group.split(label, label, groups))


def _blocks(label: Labels, n_folds: int, times: NDArray[Any]) -> Iterator[Fold]:
    blocks = np.array_split(np.argsort(times, kind="stable"), n_folds + 1)
    for number in range(1, len(blocks)):
        earlier = np.concatenate(blocks[:number])
        if np.bincount(label[earlier], minlength=2).min() >= 2:
            yield np.sort(earlier), np.sort(blocks[number])


def sample_rows(label: Labels, most: int, seed: int | None) -> tuple[Rows, float]:
    """Return the rows to learn from and what must be added to the log-odds for having chosen them."""
    if label.size <= most:
        return np.arange(label.size), 0.0
    counts = np.bincount(label, minlength=2)
    rare = int(counts.argmin())
    kept = np.empty(2, dtype=np.int64)
    kept[rare] = min(counts[rare], max(most // 5, round(most * counts[rare] / label.size)))
    kept[1 - rare] = most - kept[rare]
    rng = np.random.default_rng(seed)
    rows = [rng.choice(np.flatnonzero(label == outcome), kept[outcome], replace=False) for outcome in (0, 1)]
    odds = counts / kept
    return np.sort(np.concatenate(rows)), float(np.log(odds[1] / odds[0]))


def best_stage(
    stages: FloatArray, label: Labels, weight: FloatArray, known: NDArray[np.bool_]
) -> tuple[int, FloatArray]:
    """Return how many trees lose least on unseen rows, and their log-odds."""
    losses = [
        np.average(np.logaddexp(0.0, stage[known]) - label[known] * stage[known], weights=weight[known])
        for stage in stages
    ]
    if not losses:
        return 0, np.zeros(label.size)
    best = int(np.argmin(losses))
    return best + 1, stages[best]


def weigh_members(
    log_odds: FloatArray, label: Labels, weight: FloatArray, start: FloatArray
) -> tuple[float, FloatArray]:
    """Return intercept and non-negative weights that minimise the log-loss."""
    design = np.column_stack([np.ones(label.size), log_odds])

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        eta = design @ theta
        off = (theta[1:].sum() - 1.0) / _SHARE_PRIOR_SD
        value = weight @ (np.logaddexp(0.0, eta) - label * eta) + 0.5 * off**2
        gradient = design.T @ (weight * (expit(eta) - label))
        gradient[1:] += off / _SHARE_PRIOR_SD
        return float(value) / label.size, gradient / label.size

    bounds = [(None, None), (0.0, None), (0.0, None)]
    found = minimize(
        loss, np.append(0.0, start), jac=True, bounds=bounds, method="L-BFGS-B",
        options={"ftol": 1e-12, "gtol": 1e-9},
    )  # fmt: skip
    return float(found.x[0]), found.x[1:]
