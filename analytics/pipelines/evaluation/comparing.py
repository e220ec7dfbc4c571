"""Our classifier and its peers on the same rows: learnt on one part, held against the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.ml.classifier import OutcomeClassifier
from analytics.pipelines.evaluation.figures import (
    Fold,
    best_threshold,
    curves,
    decisions,
    ranking_figures,
    together,
    top_features,
)
from analytics.pipelines.evaluation.peers import MOST_ROWS, SLOW, as_plain, fit_peer, peers, probability_of
from analytics.pipelines.evaluation.preparing import Case
from analytics.pipelines.evaluation.progress import Progress
from analytics.pipelines.evaluation.reading import Note, note

FloatArray = NDArray[np.float64]
Rows = NDArray[np.intp]
Split = tuple[Rows, Rows]
Makers = Mapping[str, Callable[[], Any]]
OURS = "ours"
TEST_SHARE = 0.3  # of the rows, the latest, where there is a time
MOST_EXPLAINED = 2_000  # rows of a fold whose reasons are averaged


class Compared(NamedTuple):
    """The figures, and each scored row's number, fold, probability, outcome and decision."""

    result: dict[str, Any]
    predictions: pd.DataFrame


class Scored(NamedTuple):
    folds: list[Fold]
    features: list[dict[str, Any]]


def compare(
    case: Case,
    splits: list[Split],
    *,
    seed: int,
    price: tuple[float, float] | None,
    progress: Progress,
    more_peers: Makers | None = None,
) -> Compared:
    """Score every split's test rows by every method; `price` is what a false alarm and a miss cost."""
    scored = _score_ours(case, splits, seed, progress)
    plain = as_plain(case.frame)
    makers = {**(more_peers or {}), **peers(plain, seed=seed)}
    baselines, about_peers = _score_peers(case, splits, makers, plain=plain, seed=seed, progress=progress)
    thresholds = _thresholds(case, splits, scored.folds, price, seed)
    predictions = _predictions(case, scored.folds, thresholds)
    result = {
        **ranking_figures(scored.folds, case.label),
        **decisions(predictions["outcome"].to_numpy(), predictions["predicted"].to_numpy() == 1),
        "threshold": float(np.mean(thresholds)),
        "cost_per_row": _cost_per_row(predictions, price),
        "top_features": scored.features,
        "baselines": baselines,
        **_said([*case.notes, *about_peers]),
        "curves": curves(*together(scored.folds, case.label)),
    }
    return Compared(result, predictions)


def _said(notes: list[Any]) -> dict[str, Any]:
    found = [
        {"code": each.code, "column": each.column, "severity": each.severity, "sentence": each.sentence,
         "data": dict(each.data)}
        for each in notes
    ]  # fmt: skip
    return {"warnings": [each["sentence"] for each in found], "findings": found}


def _score_ours(case: Case, splits: list[Split], seed: int, progress: Progress) -> Scored:
    found, explained, points = [], [], []
    features: list[dict[str, Any]] = []
    for number, (train, test) in enumerate(splits):
        progress(OURS, number, len(splits))
        model, fit_seconds = _timed(partial(_fit_ours, case, train, seed))
        p, score_seconds = _timed(partial(_probability, model, case.frame.iloc[test]))
        found.append(Fold(test, p, fit_seconds, score_seconds))
        some = test[:: max(1, -(-test.size // MOST_EXPLAINED))]
        explained.append(some)
        points.append(model.contributions(case.frame.iloc[some]))
    features = top_features(case.frame, np.concatenate(explained), np.vstack(points))
    return Scored(found, features)


def _fit_ours(case: Case, train: Rows, seed: int) -> OutcomeClassifier:
    about: dict[str, Any] = {}
    if case.groups is not None:
        about["groups"] = case.groups[train]
    elif case.order is not None:
        about["times"] = case.order[train]
    anchor = [case.frame.columns.get_loc(name) for name in case.anchor]
    model = OutcomeClassifier(anchor=anchor, random_state=seed)
    return model.fit(case.frame.iloc[train], case.label[train], **about)


def _probability(model: OutcomeClassifier, frame: pd.DataFrame) -> FloatArray:
    return np.asarray(model.predict_proba(frame)[:, 1], dtype=np.float64)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = perf_counter()
    done = work()
    return done, perf_counter() - started


def _score_peers(
    case: Case, splits: list[Split], makers: Makers, *, plain: pd.DataFrame, seed: int, progress: Progress
) -> tuple[dict[str, Any], list[Note]]:
    baselines: dict[str, Any] = {}
    notes: list[Note] = []
    for name, make in makers.items():
        folds = []
        try:
            for number, split in enumerate(splits):
                progress(name, number, len(splits))
                folds.append(_score_peer(name, make(), plain=plain, label=case.label, split=split, seed=seed))
        except (ValueError, MemoryError, np.linalg.LinAlgError) as error:  # a stranger's table, not ours
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            notes.append(note("peer_failed", method=name, reason=reason, severity="warn"))
            baselines[name] = {"auc": None, "log_loss": None, "ece": None, "fit_seconds": None}
            continue
        figures = ranking_figures(folds, case.label)
        names = ("auc", "auc_std", "average_precision", "log_loss", "brier", "ece", "fit_seconds")
        baselines[name] = {key: figures[key] for key in names}
    if max(train.size for train, _ in splits) > MOST_ROWS:
        notes += [note("peer_sampled", method=name, rows=MOST_ROWS) for name in SLOW]
    return baselines, notes


def _score_peer(
    name: str, model: Any, *, plain: pd.DataFrame, label: NDArray[np.int64], split: Split, seed: int
) -> Fold:
    train, test = split
    fitted, fit_seconds = _timed(
        lambda: fit_peer(name, model, plain=plain, label=label, train=train, seed=seed)
    )
    p, score_seconds = _timed(lambda: probability_of(fitted, plain.iloc[test]))
    return Fold(test, p, fit_seconds, score_seconds)


def _thresholds(
    case: Case, splits: list[Split], folds: list[Fold], price: tuple[float, float] | None, seed: int
) -> list[float]:
    """Return each fold's threshold, chosen without the outcomes of its own rows."""
    if price is not None:
        return [price[0] / sum(price)] * len(folds)
    if len(folds) == 1:
        return [_threshold_of_training(case, splits[0][0], seed)]
    chosen = []
    for number in range(len(folds)):
        label, p = together(folds[:number] + folds[number + 1 :], case.label)
        chosen.append(best_threshold(label, p))
    return chosen


def _threshold_of_training(case: Case, train: Rows, seed: int) -> float:
    """Learn from the earlier part of the training rows, and choose on its later part."""
    cut = train.size - round(TEST_SHARE * train.size)
    earlier, later = train[:cut], train[cut:]
    if min(np.bincount(case.label[part], minlength=2).min() for part in (earlier, later)) < 2:
        return 0.5
    model = _fit_ours(case, earlier, seed)
    return best_threshold(case.label[later], _probability(model, case.frame.iloc[later]))


def _predictions(case: Case, folds: list[Fold], thresholds: list[float]) -> pd.DataFrame:
    parts = [
        pd.DataFrame({
            "row": case.rows[fold.test],
            "fold": number,
            "probability": fold.probability,
            "outcome": case.label[fold.test],
            "predicted": (fold.probability >= threshold).astype(np.int64),
        })
        for number, (fold, threshold) in enumerate(zip(folds, thresholds, strict=True), start=1)
    ]  # fmt: skip
    return pd.concat(parts).sort_values("row").reset_index(drop=True)


def _cost_per_row(predictions: pd.DataFrame, price: tuple[float, float] | None) -> dict[str, float] | None:
    """Return what a row costs on average by our decisions, by acting on nobody and on everybody."""
    if price is None:
        return None
    label, acted = predictions["outcome"].to_numpy(), predictions["predicted"].to_numpy()
    of_false_alarm, of_miss = price
    return {
        "ours": float(np.mean(acted * (1 - label) * of_false_alarm + (1 - acted) * label * of_miss)),
        "nobody": float(label.mean() * of_miss),
        "everybody": float((1 - label).mean() * of_false_alarm),
    }
