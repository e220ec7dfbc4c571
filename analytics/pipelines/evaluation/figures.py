"""Figures of probabilities that were given to rows before their outcome was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_curve

from analytics.ml.metrics import (
    auc,
    brier,
    ece_floor,
    expected_calibration_error,
    lift_at,
    log_loss,
    reliability,
)
from analytics.pipelines.evaluation.collinear import collinear_groups

FloatArray = NDArray[np.float64]
Rows = NDArray[np.intp]
ROC_POINTS = 101


@dataclass(frozen=True)
class Fold:
    """One method on one fold: which rows were scored, how, and what it cost."""

    test: Rows
    probability: FloatArray
    fit_seconds: float
    score_seconds: float


def ranking_figures(folds: list[Fold], label: NDArray[np.int64]) -> dict[str, Any]:
    """Return means over the folds, and what only all folds together can say."""
    pooled_label, pooled = together(folds, label)
    each = [_of_fold(label[fold.test], fold.probability) for fold in folds]
    found: dict[str, Any] = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
    floor, floor_p95 = ece_floor(pooled)
    spread = float(np.std([one["auc"] for one in each], ddof=1)) if len(each) > 1 else None
    found |= {
        "auc_pooled": auc(pooled_label, pooled),
        "auc_std": spread,
        "ece": expected_calibration_error(pooled_label, pooled),
        "ece_floor": floor,
        "ece_floor_p95": floor_p95,
        "lift_at_10": lift_at(pooled_label, pooled, 0.1),
        "fit_seconds": float(np.mean([fold.fit_seconds for fold in folds])),
        "rows_per_second": pooled.size / max(sum(fold.score_seconds for fold in folds), 1e-9),
    }
    return found


def _of_fold(label: NDArray[np.int64], p: FloatArray) -> dict[str, float]:
    return {
        "auc": auc(label, p),
        "average_precision": float(average_precision_score(label, p)),
        "log_loss": log_loss(label, p),
        "brier": brier(label, p),
    }


def together(folds: list[Fold], label: NDArray[np.int64]) -> tuple[NDArray[np.int64], FloatArray]:
    rows = np.concatenate([fold.test for fold in folds])
    return label[rows], np.concatenate([fold.probability for fold in folds])


def best_threshold(label: NDArray[np.int64], p: FloatArray) -> float:
    """Return the probability from which acting has the highest F1; halfway to the next lower one."""
    order = np.argsort(-p, kind="stable")
    hits = np.cumsum(label[order])
    last = np.append(np.flatnonzero(np.diff(p[order])), p.size - 1)  # equal probabilities stand together
    f1 = 2.0 * hits[last] / (last + 1 + label.sum())
    best = int(last[int(np.argmax(f1))])
    if best + 1 == p.size:
        return float(p[order][best])
    return float((p[order][best] + p[order][best + 1]) / 2.0)


def decisions(label: NDArray[np.int64], acted: NDArray[np.bool_]) -> dict[str, float]:
    """Return what comes of acting on these rows; a share of nothing is 0."""
    hits = int((acted & (label == 1)).sum())
    precision = hits / max(int(acted.sum()), 1)
    recall = hits / max(int(label.sum()), 1)
    base = float(label.mean())
    return {
        "base_rate": base,
        "accuracy": float((acted == (label == 1)).mean()),
        "majority_accuracy": max(base, 1.0 - base),
        "precision": precision,
        "recall": recall,
        "f1": 2.0 * precision * recall / (precision + recall) if hits else 0.0,
    }


def curves(label: NDArray[np.int64], p: FloatArray) -> dict[str, Any]:
    """Return the points of the plots: shares observed by tenths of the rows, and the ROC curve."""
    edges = np.unique(np.quantile(p, np.linspace(0.0, 1.0, 11)))
    if edges.size < 2:
        edges = np.array([0.0, 1.0])
    bins = [_point(each._asdict()) for each in reliability(label, p, edges) if each.n]
    fpr, tpr, _ = roc_curve(label, p)
    at = np.linspace(0.0, 1.0, ROC_POINTS)
    roc = [[float(x), float(y)] for x, y in zip(at, np.interp(at, fpr, tpr), strict=True)]
    return {"reliability": bins, "roc": roc}


def _point(each: dict[str, Any]) -> dict[str, Any]:
    names = ("n", "share", "mean_predicted", "ci_low", "ci_high")
    return {name: each[name] for name in names}


def top_features(frame: pd.DataFrame, rows: Rows, points: FloatArray) -> list[dict[str, Any]]:
    """Return columns by their mean absolute share of the log-odds, with the direction of each.

    Columns that tell the same are one: their shares are added before their size is taken, for a
    model divides between them what any of them would have told.
    """
    seen = frame.iloc[rows]
    groups = collinear_groups(seen, np.abs(points).mean(axis=0))
    added = [points[:, group].sum(axis=1) for group in groups]
    found = [
        {
            "column": ", ".join(str(frame.columns[j]) for j in group),
            "columns": [str(frame.columns[j]) for j in group],
            "points": float(np.abs(share).mean()),
            **_direction(seen.iloc[:, group[0]], share),
        }
        for group, share in zip(groups, added, strict=True)
    ]
    told = [each for each in found if each["points"] > 0.0]
    return sorted(told, key=lambda each: -each["points"])


def _direction(values: pd.Series[Any], points: FloatArray) -> dict[str, Any]:
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        ranks = values.rank().reset_index(drop=True)
        trend = ranks.corr(pd.Series(points).rank()) if ranks.nunique() > 1 else np.nan
        if np.isnan(trend) or abs(trend) < 0.5:
            return {"direction": "mixed"}
        return {"direction": "up" if trend > 0 else "down"}
    by_level = pd.Series(points).groupby(values.reset_index(drop=True).astype("string")).mean()
    if by_level.empty:
        return {"direction": "mixed"}
    return {"direction": "levels", "highest": str(by_level.idxmax()), "lowest": str(by_level.idxmin())}
