"""`python -m benchmarks.outcome [SET …] [--seeds N] [--folds N] [--ours]`

The default classifier against the best public ones on public data: the same folds, several seeds,
paired differences with their spread. LightGBM and CatBoost (`pip install -e .[benchmarks]`) are left
out, and said to be, where they are not installed; `--ours` leaves out all others. The sets are read
from `DATA_DIR`. The rows are also learnt from sorted by outcome, which must change nothing.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold

from analytics.ml import metrics
from analytics.ml.classifier import OutcomeClassifier
from analytics.ml.columns import find_column
from analytics.pipelines.evaluation.peers import as_plain, peers
from benchmarks.report import mark, table

FloatArray = NDArray[np.float64]
DATA_DIR = Path(os.environ.get("DATA_DIR", "../shared/data"))
OURS, SORTED = "ours", "ours, rows sorted by outcome"
FAR = {"german_credit": 0.008}  # AUC that one set may lie below the best; of a thousand rows, more
LIMIT, MEAN_LIMIT, LOSS_LIMIT = 0.004, 0.002, 0.005


class DataSet(NamedTuple):
    path: str
    separator: str
    target: str
    positive: str
    left_out: tuple[str, ...] = ()
    only: tuple[str, ...] = ()  # these columns and no others; all where empty


SETS = {
    "telco_churn": DataSet(
        "telco_churn/WA_Fn-UseC_-Telco-Customer-Churn.csv", ",", "Churn", "Yes", ("customerID",)
    ),
    "telco_churn_3_columns": DataSet(
        "telco_churn/WA_Fn-UseC_-Telco-Customer-Churn.csv",
        ",",
        "Churn",
        "Yes",
        only=("tenure", "MonthlyCharges", "TotalCharges"),
    ),
    "german_credit": DataSet("german_credit/german.data", r"\s+", "CLASSIFICATION", "0"),
    "taiwan_default": DataSet("taiwan_default/UCI_Credit_Card.csv", ",", "default.payment.next.month", "1"),
    "bank_marketing": DataSet("bank_marketing/bank-additional-full.csv", ";", "y", "yes", ("duration",)),
}


class Outcome(NamedTuple):
    """What one method reached with one seed: means over the folds, ECE pooled."""

    auc: float
    log_loss: float
    ece: float
    ece_floor_p95: float
    fit_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outcome", description=__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS), choices=[*SETS, []], metavar="SET")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folds", type=int, default=5, help="how many of the five folds are predicted")
    parser.add_argument("--ours", action="store_true", help="only our own classifier")
    asked = parser.parse_args()
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{asked.seeds} seeds, {asked.folds} of 5 folds, load before {load}, {os.cpu_count()} cores")
    if not asked.ours:
        for absent in [name for name in ("lightgbm", "catboost") if find_spec(name) is None]:
            print(f"{absent} is not installed and therefore absent")
    shortfalls = []
    for name in asked.sets:
        found = _measure(name, asked.seeds, asked.folds, alone=asked.ours)
        for line in [*_lines(name, found), *([] if asked.ours else _verdicts(name, found))]:
            print(line, flush=True)
        if not asked.ours:
            shortfalls.append(_gaps(found, "auc").mean())
    if asked.ours:
        return
    mean = float(np.mean(shortfalls))
    print(f"\nAUC against the best of them, mean over the sets: {mean:+.4f} {mark(mean >= -MEAN_LIMIT)}")


def _measure(name: str, seeds: int, folds: int, *, alone: bool) -> dict[str, list[Outcome]]:
    frame, label = read(SETS[name])
    plain = as_plain(frame)
    found: dict[str, list[Outcome]] = {}
    for seed in range(seeds):
        splits = list(StratifiedKFold(5, shuffle=True, random_state=seed).split(frame, label))[:folds]
        by_outcome = [(train[np.argsort(label[train], kind="stable")], rest) for train, rest in splits]
        for method, make in ({} if alone else _methods(plain, seed)).items():
            found.setdefault(method, []).append(_fitted(make, plain, label, splits))
        for method, folded in ((OURS, splits), (SORTED, by_outcome)):
            found.setdefault(method, []).append(_fitted(_ours(seed), frame, label, folded))
    return found


def _ours(seed: int) -> Callable[[], Any]:
    return lambda: OutcomeClassifier(random_state=seed)


def read(data: DataSet) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    frame = pd.read_csv(DATA_DIR / data.path, sep=data.separator).drop(columns=list(data.left_out))
    frame = frame[[*data.only, data.target]] if data.only else frame
    label = (frame.pop(data.target).astype(str) == data.positive).to_numpy().astype(np.int64)
    for name in frame.columns:  # numbers as numbers for everybody, blanks as gaps
        column = find_column(frame[name])
        if column.kind == "number":
            frame[name] = column.numbers(frame[name]).tree
    return frame, label


def _methods(plain: pd.DataFrame, seed: int) -> dict[str, Callable[[], Any]]:
    found = {name: make for name, make in peers(plain, seed=seed).items() if name != "majority"}
    categories = [name for name in plain.columns if not pd.api.types.is_numeric_dtype(plain[name])]
    found["hgb_tuned"] = lambda: _Coded(
        HistGradientBoostingClassifier(
            learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=30, l2_regularization=1.0,
            max_features=0.5, early_stopping=True, random_state=seed, categorical_features="from_dtype",
        ),
        categories,
    )  # fmt: skip
    if find_spec("lightgbm"):
        from lightgbm import LGBMClassifier  # noqa: PLC0415 (may not be installed)

        found["lightgbm"] = lambda: _Coded(
            LGBMClassifier(random_state=seed, n_jobs=2, verbose=-1), categories
        )
    if find_spec("catboost"):
        from catboost import CatBoostClassifier  # noqa: PLC0415 (may not be installed)

        found["catboost"] = lambda: CatBoostClassifier(
            random_seed=seed,
            thread_count=2,
            verbose=False,
            allow_writing_files=False,
            cat_features=categories,
        )
    return found


class _Coded:
    """A method that takes categories as pandas' own type."""

    def __init__(self, model: Any, categories: list[str]) -> None:
        self.model, self.categories = model, categories

    def fit(self, X: pd.DataFrame, y: NDArray[np.int64]) -> _Coded:
        self.types = {name: pd.CategoricalDtype(sorted(X[name].unique())) for name in self.categories}
        self.model.fit(X.astype(self.types), y)
        return self

    def predict_proba(self, X: pd.DataFrame) -> FloatArray:
        return np.asarray(self.model.predict_proba(X.astype(self.types)))


def _fitted(make: Callable[[], Any], X: pd.DataFrame, label: NDArray[np.int64], splits: list[Any]) -> Outcome:
    aucs, losses, seconds, rows, unseen = [], [], [], [], []
    for train, rest in splits:
        started = time.perf_counter()
        model = make().fit(X.iloc[train], label[train])
        seconds.append(time.perf_counter() - started)
        p = np.clip(model.predict_proba(X.iloc[rest])[:, 1], 0.0, 1.0)
        aucs.append(metrics.auc(label[rest], p))
        losses.append(metrics.log_loss(label[rest], p))
        rows.append(rest)
        unseen.append(p)
    y, p = label[np.concatenate(rows)], np.concatenate(unseen)
    return Outcome(
        float(np.mean(aucs)),
        float(np.mean(losses)),
        metrics.expected_calibration_error(y, p),
        metrics.ece_floor(p)[1],
        float(np.mean(seconds)),
    )


def _gaps(found: dict[str, list[Outcome]], figure: str) -> FloatArray:
    """Return ours less the best other method's, seed by seed; the best one by its mean."""
    values = {name: np.array([getattr(one, figure) for one in each]) for name, each in found.items()}
    others = {name: value for name, value in values.items() if name not in {OURS, SORTED}}
    choose = min if figure == "log_loss" else max
    best = choose(others, key=lambda name: float(others[name].mean()))
    return np.asarray(values[OURS] - others[best])


def _lines(name: str, found: dict[str, list[Outcome]]) -> list[str]:
    rows = []
    for method, each in found.items():
        figures = np.array(each)
        mean, spread = figures.mean(axis=0), figures.std(axis=0)
        below = sum(one.ece <= one.ece_floor_p95 for one in each)
        rows.append(
            (method, f"{mean[0]:.4f} ± {spread[0]:.4f}", f"{mean[1]:.4f} ± {spread[1]:.4f}",
             f"{mean[2]:.4f} / {mean[3]:.4f}", f"{below} of {len(each)}", f"{mean[4]:.2f}")
        )  # fmt: skip
    return [
        f"\n### {name}\n",
        *table(("", "AUC", "log-loss", "ECE / floor's 95 %", "seeds below", "fit, s"), rows),
    ]


def _verdicts(name: str, found: dict[str, list[Outcome]]) -> list[str]:
    auc, loss = _gaps(found, "auc"), _gaps(found, "log_loss")
    best_loss = np.mean([one.log_loss for one in found[OURS]]) - loss.mean()
    more_loss = float(loss.mean() / best_loss)
    well = sum(one.ece <= one.ece_floor_p95 for one in found[OURS])
    limit = FAR.get(name, LIMIT)
    lines = [
        f"\n- AUC against the best: {auc.mean():+.4f} ± {auc.std():.4f} {mark(float(auc.mean()) >= -limit)}",
        f"- log-loss against the best: {more_loss:+.2%} {mark(more_loss <= LOSS_LIMIT)}",
        f"- seeds with the ECE below its floor's 95 % point: {well} {mark(well >= 0.8 * len(found[OURS]))}",
    ]
    if "catboost" in found:
        share = np.mean(
            [o.fit_seconds / c.fit_seconds for o, c in zip(found[OURS], found["catboost"], strict=True)]
        )
        lines.append(f"- fit against CatBoost's: {share:.2f} {mark(float(share) <= 0.5)}")
    return lines


if __name__ == "__main__":
    main()
