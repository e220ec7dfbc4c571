"""How well an outcome can be told from the other columns of a file, beside what others would reach."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from analytics.pipelines.evaluation.comparing import TEST_SHARE, Compared, Split, compare
from analytics.pipelines.evaluation.findings import guard
from analytics.pipelines.evaluation.preparing import Case, prepare
from analytics.pipelines.evaluation.progress import Progress, quiet
from analytics.pipelines.evaluation.reading import BadInput


def evaluate_outcome(
    table: pd.DataFrame,
    *,
    target: str,
    positive: str,
    exclude: Sequence[str] = (),
    time: str | None = None,
    folds: int = 5,
    seed: int = 0,
    cost_fp: float | None = None,
    cost_fn: float | None = None,
    progress: Progress = quiet,
) -> Compared:
    """Hold `OutcomeClassifier` and its peers against the outcomes of the same rows.

    :raises BadInput: when columns or options don't fit the table.
    """
    price = _checked_costs(cost_fp, cost_fn)
    if not 2 <= folds <= 50:
        raise BadInput("bad_folds", folds=folds)
    case = prepare(table, target=target, positive=positive, exclude=exclude, time=time)
    frame, warnings = guard(case.frame, case.label, order=case.order)
    if frame.shape[1] == 0:
        raise BadInput("no_features")
    splits = _splits(case, folds, seed)
    _refuse_too_few(case, splits, folds)
    case = case._replace(frame=frame, notes=[*case.notes, *warnings])
    compared = compare(case, splits, seed=seed, price=price, progress=progress)
    about = {
        "rows": int(case.label.size),
        "rows_dropped": case.dropped,
        "protocol": "time" if time else f"{folds} folds",
        "seed": seed,
    }
    return compared._replace(result=about | compared.result)


def _checked_costs(cost_fp: float | None, cost_fn: float | None) -> tuple[float, float] | None:
    if cost_fp is None and cost_fn is None:
        return None
    if cost_fp is None or cost_fn is None:
        raise BadInput("bad_costs")
    if not (np.isfinite([cost_fp, cost_fn]).all() and min(cost_fp, cost_fn) >= 0.0 < cost_fp + cost_fn):
        raise BadInput("bad_costs")
    return cost_fp, cost_fn


def _splits(case: Case, folds: int, seed: int) -> list[Split]:
    if case.order is not None:
        ordered = np.argsort(case.order, kind="stable")
        cut = ordered.size - round(TEST_SHARE * ordered.size)
        return [(ordered[:cut], ordered[cut:])]
    rarer = int(np.bincount(case.label, minlength=2).min())
    if rarer < folds:
        raise BadInput("too_few", found=rarer, folds=folds, needed=folds, missing=folds - rarer)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(case.label.size), case.label))


def _refuse_too_few(case: Case, splits: list[Split], folds: int) -> None:
    """Refuse parts that don't hold both outcomes: nothing could be learnt or measured there."""
    for part in (rows for split in splits for rows in split):
        rarer = int(np.bincount(case.label[part], minlength=2).min())
        if rarer >= 2:
            continue
        if case.order is not None:
            raise BadInput("too_few_in_time", found=rarer)
        raise BadInput("too_few", found=rarer, folds=folds, needed=2, missing=2 - rarer)
