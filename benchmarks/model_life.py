"""What recalibration and money make of public data, as docs/models.md reports it.

    python -m benchmarks.model_life [drift|money]

Files are read from `DATA_DIR`. Both take minutes on one core.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.model_selection import StratifiedKFold

from analytics.ml.classifier import OutcomeClassifier
from analytics.ml.metrics import auc, expected_calibration_error
from analytics.ml.money import expected_loss, share_found
from analytics.ml.outcome import AdditiveClassifier
from analytics.ml.recalibration import recalibrate, recalibrate_as_labels_arrive

FloatArray = NDArray[np.float64]
Labels = NDArray[np.int64]

DATA = Path(os.environ.get("DATA_DIR", "../shared/data"))
TRAINED_SHARE = 0.7
LABELS = 500
DRAWS = 20
REVIEWED = 0.2


def drift() -> dict[str, dict[str, float]]:
    """Train on the first 70 % of bank_marketing, recalibrate on labels of the rest."""
    table = pd.read_csv(DATA / "bank_marketing/bank-additional-full.csv", sep=";").drop(columns="duration")
    y = (table.pop("y") == "yes").to_numpy().astype(int)
    start = int(TRAINED_SHARE * len(y))
    found = {}
    for name, estimator, X in _models(table):
        eta = estimator.fit(X[:start], y[:start]).decision_function(X[start:])
        found[name] = _mended(eta, y[start:])
    return found


def _models(table: pd.DataFrame) -> list[tuple[str, Any, Any]]:
    numbers = pd.get_dummies(table).to_numpy(dtype=float)
    return [
        ("AdditiveClassifier", AdditiveClassifier(), numbers),
        ("OutcomeClassifier", OutcomeClassifier(), table),
    ]


def _mended(eta: FloatArray, y: Labels) -> dict[str, float]:
    later = y[LABELS:]
    drawn = [_from_a_draw(eta, y, seed) for seed in range(DRAWS)]
    return {
        "auc": auc(y, expit(eta)),
        "ece_as_trained": expected_calibration_error(later, expit(eta[LABELS:])),
        "ece_rolling": expected_calibration_error(later, recalibrate_as_labels_arrive(eta, y)[LABELS:]),
        "ece_drawn_mean": float(np.mean(drawn)),
        "ece_drawn_worst": float(np.max(drawn)),
        "ece_first_labels_only": _from(eta, y, np.arange(LABELS), np.arange(LABELS, y.size)),
    }


def _from_a_draw(eta: FloatArray, y: Labels, seed: int) -> float:
    order = np.random.default_rng(seed).permutation(y.size)
    return _from(eta, y, order[:LABELS], order[LABELS:])


def _from(eta: FloatArray, y: Labels, known: Labels, rest: Labels) -> float:
    line = recalibrate(eta[known], y[known])
    return expected_calibration_error(y[rest], expit(line.intercept + line.slope * eta[rest]))


def money() -> dict[str, dict[str, float]]:
    """Return the share of the defaulted balance that a review of a fifth leaves, by what ranks it."""
    table = pd.read_csv(DATA / "taiwan_default/UCI_Credit_Card.csv")
    y = table.pop("default.payment.next.month").to_numpy()
    stake = table["BILL_AMT1"].clip(lower=0).to_numpy(dtype=float)
    found = {"exposure alone": {"left": _left(y, stake, stake)}}
    for name, estimator in (
        ("AdditiveClassifier", AdditiveClassifier()),
        ("OutcomeClassifier", OutcomeClassifier()),
    ):
        p = np.empty(y.size)
        for train, rest in StratifiedKFold(5, shuffle=True, random_state=0).split(table, y):
            part = table.astype(float)
            p[rest] = estimator.fit(part.iloc[train], y[train]).predict_proba(part.iloc[rest])[:, 1]
        by_loss = _left(y, stake, expected_loss(p, stake))
        found[name] = {"left_by_probability": _left(y, stake, p), "left_by_expected_loss": by_loss}
    return found


def _left(y: Labels, stake: FloatArray, rank: FloatArray) -> float:
    return 1.0 - share_found(y * stake, rank, REVIEWED)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_life", description=__doc__)
    parts = {"drift": drift, "money": money}
    parser.add_argument("part", nargs="?", choices=tuple(parts), help="without it both")
    chosen = parser.parse_args().part
    for name in [chosen] if chosen else parts:
        print(json.dumps({name: parts[name]()}, indent=2))


if __name__ == "__main__":
    main()
