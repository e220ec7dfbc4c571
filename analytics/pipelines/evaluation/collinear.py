"""Columns that tell the same are one reason: tenure and what was paid ever, say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SAME = 0.9  # rank correlation, in size, from which on columns tell the same
MOST_ROWS = 2_000  # looked at, at equal steps: a correlation of .9 shows in fewer
FEWEST_ROWS = 30


def collinear_groups(seen: pd.DataFrame, size: NDArray[np.float64]) -> list[list[int]]:
    """Return the columns by place, those together of which each tells the same as every other.

    Each group begins with its column of the largest size; a column that is like none is alone.
    """
    alike = _alike(seen)
    groups: list[list[int]] = []
    for j in np.argsort(-size, kind="stable").tolist():
        mine = next((group for group in groups if alike[j, group].all()), None)
        if mine is None:
            groups.append([j])
        else:
            mine.append(j)
    return groups


def _alike(seen: pd.DataFrame) -> NDArray[np.bool_]:
    """Say of each two columns whether their ranks go together, or against each other."""
    some = seen.iloc[:: max(1, -(-len(seen) // MOST_ROWS))]
    ordered = [j for j in range(some.shape[1]) if _has_order(some.iloc[:, j])]
    alike = np.zeros((some.shape[1], some.shape[1]), dtype=bool)
    if len(some) < FEWEST_ROWS or len(ordered) < 2:
        return alike
    ranks = np.column_stack([_ranks(some.iloc[:, j]) for j in ordered])
    spread = ranks.std(axis=0)
    z = np.divide(ranks - ranks.mean(axis=0), spread, out=np.zeros_like(ranks), where=spread > 0.0)
    alike[np.ix_(ordered, ordered)] = np.abs(z.T @ z) >= SAME * len(some)
    return alike


def _has_order(values: pd.Series[Any]) -> bool:
    return bool(
        pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values)
    ) and not pd.api.types.is_bool_dtype(values)


def _ranks(values: pd.Series[Any]) -> NDArray[np.float64]:
    """Return ranks, the middle one where nothing is known: what is known must agree all the more."""
    ranks = values.rank()
    return np.asarray(ranks.fillna(ranks.mean()).fillna(0.0), dtype=np.float64)
