"""Expected value of customers without a contract: how often they will buy, and for how much."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray
from scipy.stats import spearmanr

from analytics import features
from analytics.artifacts import pack, unpack
from analytics.lake import Lake
from analytics.ml.value import CustomerValue, Earlier, checked_history
from analytics.ml.value_checks import check_counts
from analytics.models import ModelVersion
from analytics.pipelines.editions import edition_of, live_version
from analytics.pipelines.runs import timed_run
from analytics.services.model_versions import Training, judge, store_version
from crm.models import Book, Organisation, Value
from crm.services.job_runs import RunningJob
from crm.services.publish import NewValue, publish_values

KIND = ModelVersion.Kind.CUSTOMER_VALUE
HORIZON_DAYS = 365
TEST_DAYS = 90
LEAST_CUSTOMERS = 200
GREEK = {"alpha": "α", "beta": "β", "gamma": "γ"}
COLUMNS = ("frequency", "recency_days", "t_days", "mean_order_amount")


def train(lake: Lake, book: Book, as_of: datetime) -> ModelVersion | None:
    """Fit on everything known at `as_of`; the error is that of a fit 90 days earlier.

    Returns None where too few customers have ordered: then nobody is given a value.
    """
    if len(_histories(lake, book, as_of - timedelta(days=TEST_DAYS))[0]) < LEAST_CUSTOMERS:
        return None
    model, history = _fitted(lake, book, as_of)
    test = _test(lake, book, as_of)
    version = store_version(
        training=Training(
            book=book,
            kind=KIND,
            horizon_days=HORIZON_DAYS,
            as_of=as_of,
            artifact=pack(model),
            feature_names=list(COLUMNS),
            metrics={
                "value": test,
                "protocol": "orders",
                "model": model.model_,
                "choice": model.choice_,
                "parameters": _parameters(model),
                "warnings": [*check_counts(checked_history(*history.T[:3])), *model.warnings_],
            },
        )
    )
    passed = test["mae"] <= test["mean_mae"]
    judge(version=version, passed=passed, reasons=[] if passed else [{"code": "not_better"}])
    return version


def publish(
    lake: Lake,
    book: Book,
    as_of: datetime,
    *,
    account_ids: Sequence[int] | None = None,
    job: RunningJob | None = None,
) -> dict[str, int]:
    version = live_version(book, KIND)
    if version is None:
        return {}
    model: CustomerValue = unpack(version, feature_names=list(COLUMNS))
    ids, history = _histories(lake, book, as_of, account_ids)
    if ids.size == 0:
        return {}
    edition = edition_of(version, as_of)
    with timed_run("value", edition, job) as timed, transaction.atomic():
        timed.accounts = publish_values(
            kind=Value.Kind.CUSTOMER_VALUE,
            values=_new_values(model, ids, history, version.horizon_days),
            currency=Organisation.objects.get().reporting_currency,
            edition=edition,
            job=job,
        )
    return {str(KIND): timed.accounts}


def _new_values(
    model: CustomerValue, ids: NDArray[np.int64], history: NDArray[np.float64], horizon: int
) -> list[NewValue]:
    forecast = model.forecast(*history.T, horizon=float(horizon))
    return [
        NewValue(
            account_id,
            float(forecast.expected[i]),
            float(forecast.low[i]),
            float(forecast.high[i]),
            {
                "probability_alive": float(forecast.alive[i]),
                "orders": float(forecast.purchases[i]),
            },
        )
        for i, account_id in enumerate(ids.tolist())
    ]


def _histories(
    lake: Lake, book: Book, as_of: datetime, account_ids: Sequence[int] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return account ids and their (frequency, recency, tenure in days, mean amount an order)."""
    expression = features.repeat_summary(lake.tables, book_id=book.pk, as_of=as_of, account_ids=account_ids)
    table = features.collect(expression)
    ids = table["account_id"].to_numpy()
    return ids, np.column_stack([table[name].to_numpy().astype(float) for name in COLUMNS])


def _test(lake: Lake, book: Book, as_of: datetime) -> dict[str, Any]:
    """Fit 90 days earlier and hold the expected number of orders against the real one.

    `mean_mae` is the error of giving everybody his own rate so far, the simple rival.
    """
    cutoff = as_of - timedelta(days=TEST_DAYS)
    ids, _before = _histories(lake, book, cutoff)
    later_ids, later = _histories(lake, book, as_of)
    model, before = _fitted(lake, book, cutoff)
    frequency, recency, tenure, _amount = before.T
    _both, here, there = np.intersect1d(ids, later_ids, assume_unique=True, return_indices=True)
    expected = model.expected_purchases(TEST_DAYS, frequency, recency, tenure)[here]
    real = later[there, 0] - frequency[here]
    naive = (frequency / np.maximum(tenure, 1.0) * TEST_DAYS)[here]
    rank_correlation = float(spearmanr(expected, real).statistic)
    return {
        "mae": float(np.abs(expected - real).mean()),
        "mean_mae": float(np.abs(naive - real).mean()),
        "bias": float((expected - real).mean()),
        "spearman": rank_correlation if np.isfinite(rank_correlation) else None,
        "n": int(here.size),
    }


def _fitted(lake: Lake, book: Book, as_of: datetime) -> tuple[CustomerValue, NDArray[np.float64]]:
    """Return the model of what is known at `as_of`, chosen by its last 90 days, and the histories."""
    ids, history = _histories(lake, book, as_of)
    earlier_ids, earlier = _histories(lake, book, as_of - timedelta(days=TEST_DAYS))
    _both, there, then = np.intersect1d(ids, earlier_ids, assume_unique=True, return_indices=True)
    past = checked_history(*earlier[then].T[:3])
    return CustomerValue().fit(*history.T, earlier=Earlier(past, there)), history


def _parameters(model: CustomerValue) -> dict[str, float]:
    found = dict(model.purchases_.parameters_)
    if model.spend_ is not None:
        found |= model.spend_.parameters_
    return {GREEK.get(name, name): value for name, value in found.items()}
