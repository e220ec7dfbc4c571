"""Purchases to come on public tables of orders: our models beside what anybody can compute.

    OMP_NUM_THREADS=1 DATA_DIR=../shared/data SECRET_KEY=x python -m benchmarks.value

Needs no database. Sets that are absent are left out, and named. Nothing here was used to choose
or tune: each run chooses its model within its own calibration.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import django
import numpy as np
import pandas as pd

from analytics.ml.value_choice import MODELS
from analytics.ml.value_histories import History
from analytics.ml.value_purchases import PurchaseModel
from analytics.pipelines.evaluation.value import evaluate_value

DATA = Path(os.environ.get("DATA_DIR", "../shared/data"))
MANY = 200_000  # simulated customers of the test of speed


class Case(NamedTuple):
    name: str
    file: str
    read: Callable[[Path], pd.DataFrame]
    ends: tuple[str, ...]  # last days of calibration; each is a run


def _cdnow(path: Path) -> pd.DataFrame:
    names = ["master", "account", "date", "discs", "amount"]
    return pd.read_csv(path, sep=r"\s+", header=None, names=names, dtype=str)


def _online_retail(path: Path) -> pd.DataFrame:
    lines = pd.read_parquet(path)
    sold = lines[lines["Customer ID"].notna() & (lines["Quantity"] > 0) & (lines["Price"] > 0)]
    amount = sold["Quantity"] * sold["Price"]
    return pd.DataFrame({"account": sold["Customer ID"], "date": sold["InvoiceDate"], "amount": amount})


def _completejourney(path: Path) -> pd.DataFrame:
    lines = pd.read_parquet(path)
    wanted = {"household_id": "account", "transaction_timestamp": "date", "sales_value": "amount"}
    return lines[list(wanted)].rename(columns=wanted)


CASES = (
    Case("cdnow", "cdnow/CDNOW_sample.txt", _cdnow, ("1997-09-30", "1997-12-31")),
    Case(
        "online_retail",
        "online_retail/online_retail_2009_2010.parquet",
        _online_retail,
        ("2010-05-31", "2010-08-31"),
    ),
    Case("completejourney", "completejourney/transactions.parquet", _completejourney, ("2017-08-31",)),
)
COLUMNS = ("mae", "median_mae", "rmse", "bias", "spearman", "top_decile_share")
WIDTHS = (34, 12, *[12] * len(COLUMNS), 10, 9)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()  # for the words of the warnings
    _line("", "model", *(name.removesuffix("_share") for name in COLUMNS), "coverage", "seconds")
    for case in CASES:
        path = DATA / case.file
        if not path.exists():
            _line(f"{case.name}: absent")
            continue
        table = case.read(path)
        for end in case.ends:
            _show(case.name, end, table)
    _speed()


def _show(name: str, end: str, table: pd.DataFrame) -> None:
    found = evaluate_value(table, account="account", date="date", amount="amount", calibration_end=end)
    rivals = found["baselines"]
    coverage, seconds = found["interval_coverage"], found["fit_seconds"]
    _line(f"{name} {end}", found["model"], *(found[each] for each in COLUMNS), coverage, seconds)
    for rival in rivals:
        _line(f"  {rival}", "", *(rivals[rival].get(each) for each in COLUMNS))
    money = [found.get(f"amount_{each}") for each in COLUMNS]
    _line("  money", "", *money, found["amount_interval_coverage"])
    for rival in rivals:
        _line(f"  money, {rival}", "", *(rivals[rival].get(f"amount_{each}") for each in COLUMNS))


def _speed() -> None:
    """Fit and forecast many simulated customers with each model."""
    for model, seconds, finite in _timed(_many(np.random.default_rng(0))):
        _line(f"{MANY:,} simulated customers", model.name, *[None] * len(COLUMNS), finite, seconds)


def _many(rng: np.random.Generator) -> History:
    age = rng.uniform(1, 104, MANY)
    life = np.minimum(rng.exponential(1 / rng.gamma(0.6, 1 / 12, MANY)), age)
    frequency = rng.poisson(rng.gamma(0.55, 1 / 10, MANY) * life).astype(float)
    recency = np.where(frequency > 0, life * rng.random(MANY) ** (1 / np.maximum(frequency, 1)), 0.0)
    return History(frequency, recency, age)


def _timed(history: History) -> Iterator[tuple[PurchaseModel, float, float]]:
    for kind in MODELS:
        started = perf_counter()
        model = kind().fit(*history)
        expected = model.expected_purchases(52, *history)
        yield model, perf_counter() - started, float(np.isfinite(expected).mean())


def _line(*cells: object) -> None:
    texts = [
        "–" if cell is None else f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in cells
    ]
    print("".join(text.ljust(width) for text, width in zip(texts, WIDTHS, strict=False)).rstrip())


if __name__ == "__main__":
    main()
