"""`OMP_NUM_THREADS=1 DATA_DIR=../shared/data SECRET_KEY=x python -m benchmarks.explaining [SET …]`

How fast scores are explained: accounts a second when a whole book is, and milliseconds for one account
that somebody looks at, beside what the scores alone take. Reasons are made as for publishing: summed over
groups, sorted, with the values that their words need. Needs no database.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import django
import numpy as np
import pandas as pd

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from analytics.features import group_of, reason_values  # noqa: E402 - what follows needs Django's apps
from analytics.ml.classifier import OutcomeClassifier  # noqa: E402 (needs Django)
from analytics.ml.outcome import add_up  # noqa: E402 (needs Django)
from analytics.pipelines.reasons import build_reasons, group_contributions  # noqa: E402 (needs Django)
from benchmarks.outcome import SETS, read  # noqa: E402 (needs Django)
from benchmarks.report import mark, table  # noqa: E402 (needs Django)

ROWS = 25_000  # what a range of a large book has
SINGLE = 100
BATCH_GOAL, SINGLE_GOAL = 5_000, 50.0  # accounts a second; milliseconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explaining", description=__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS), choices=[*SETS, []], metavar="SET")
    asked = parser.parse_args()
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{ROWS:,} accounts at once, the median of three; {SINGLE} single ones; load before {load}")
    head = ("set", "features", "scores alone, accounts/s", "with reasons, accounts/s", "one account, ms")
    for line in table(head, [_measure(name) for name in asked.sets]):
        print(line)


def _measure(name: str) -> tuple[str, ...]:
    frame, label = read(SETS[name])
    model = OutcomeClassifier(random_state=0).fit(frame, label)
    chosen = np.random.default_rng(0).choice(len(frame), ROWS)
    many = frame.iloc[chosen].reset_index(drop=True)
    alone = ROWS / median(_seconds(lambda: model.predict_proba(many)) for _ in range(3))
    explained = ROWS / median(_seconds(lambda: _explain(model, many)) for _ in range(3))
    single_rows = [frame.iloc[[i]] for i in chosen[:SINGLE]]
    single = 1_000 * median(_seconds(partial(_explain, model, row)) for row in single_rows)
    return (
        name, str(frame.shape[1]), f"{alone:,.0f}", f"{explained:,.0f} {mark(explained >= BATCH_GOAL)}",
        f"{single:.1f} {mark(single <= SINGLE_GOAL)}",
    )  # fmt: skip


def _explain(model: OutcomeClassifier, rows: pd.DataFrame) -> list[list[dict[str, Any]]]:
    contributions = model.contributions(rows)
    add_up(model.base_log_odds_, contributions)
    names = [f"attr_{name}" for name in rows.columns]
    codes, points = group_contributions(contributions, names, {name: group_of(name) for name in names})
    known = [
        dict(zip(names, row, strict=True))
        for row in rows.apply(pd.to_numeric, errors="coerce").to_numpy().tolist()
    ]
    return [
        build_reasons(each, codes, row, reason_values)
        for each, row in zip(points.tolist(), known, strict=True)
    ]


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
