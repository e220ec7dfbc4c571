"""Expected value: what customers will order without a contract, and what contracts will still pay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from django.db import transaction
from numpy.typing import NDArray
from scipy.stats import spearmanr

from analytics import features
from analytics.artifacts import pack, unpack
from analytics.lake import Lake
from analytics.ml.value import CustomerValue, Earlier, checked_history
from analytics.ml.value_book import BookValue
from analytics.ml.value_checks import (
    Warned,
    check_counts,
    check_left_censoring,
    check_seasons,
    expected_repeats,
    months_of,
)
from analytics.ml.value_contract import ContractSurvival
from analytics.models import ModelVersion
from analytics.pipelines.contracts import Owed, learn_contracts, load_contracts, still_to_pay
from analytics.pipelines.editions import edition_of, live_version
from analytics.pipelines.runs import timed_run
from analytics.services.model_versions import Training, admit
from crm.models import Book, Organisation, Value
from crm.services.job_runs import RunningJob
from crm.services.publish import NewValue, publish_values

KIND = ModelVersion.Kind.CUSTOMER_VALUE
HORIZON_DAYS = 365
TEST_DAYS = 90
LEAST_CUSTOMERS = 200
GREEK = {"alpha": "α", "beta": "β", "gamma": "γ"}
COLUMNS = ("frequency", "recency_days", "t_days", "mean_order_amount")


class Buyers(NamedTuple):
    """Accounts that have ordered: ids, and (frequency, recency, tenure in days, mean amount an order)."""

    ids: NDArray[np.int64]
    history: NDArray[np.float64]


def train(lake: Lake, book: Book, as_of: datetime, job: RunningJob | None = None) -> ModelVersion | None:
    """Fit on everything known at `as_of`; the error is that of a fit 90 days earlier.

    Returns None where too few customers have ordered and too few contracts have ended: then nobody
    is given a value.
    """
    contracts = load_contracts(lake, book, as_of)
    survival = learn_contracts(contracts)
    orders, metrics, passed = _orders(lake, book, as_of)
    if orders is None and survival is None:
        return None
    if survival is not None:
        metrics["contracts"] = {
            "n": int(contracts.ended.size),
            "ended": int(contracts.ended.sum()),
            "monthly_rate": float(survival.k_ / (survival.beta_ + contracts.months.mean())),
        }
    return admit(
        training=Training(
            book=book,
            kind=KIND,
            horizon_days=HORIZON_DAYS,
            as_of=as_of,
            artifact=pack(BookValue(orders=orders, contracts=survival)),
            feature_names=list(COLUMNS),
            metrics={**metrics, "parameters": _parameters(orders, survival)},
        ),
        passed=passed,
        reasons=[] if passed else [{"code": "not_better"}],
        job=job,
    )


def _orders(lake: Lake, book: Book, as_of: datetime) -> tuple[CustomerValue | None, dict[str, Any], bool]:
    """Return the model of orders, what is known of it, and whether it may go live.

    It must foresee orders at least as well as each account's own rate, by squared error: that is
    the error that an expectation makes smallest, as the median does the absolute one.
    """
    if _buyers(lake, book, as_of - timedelta(days=TEST_DAYS)).ids.size < LEAST_CUSTOMERS:
        return None, {}, True
    model, buyers = _fitted(lake, book, as_of)
    test = _test(lake, book, as_of)
    metrics = {
        "value": test,
        "protocol": "orders",
        "model": model.model_,
        "choice": model.choice_,
        "warnings": [*_warnings(lake, book, as_of, model, buyers), *model.warnings_],
    }
    return model, metrics, bool(test["rmse"] <= test["mean_rmse"])


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
    model = BookValue.of(unpack(version, feature_names=list(COLUMNS)))
    owed: dict[int, Owed] = {}
    if model.contracts is not None:
        contracts = load_contracts(lake, book, as_of, account_ids)
        owed = still_to_pay(model.contracts, contracts, version.horizon_days)
    buyers = _buyers(lake, book, as_of, account_ids)
    values = list(_new_values(model.orders, buyers, owed, version.horizon_days))
    if not values:
        return {}
    edition = edition_of(version, as_of)
    with timed_run("value", edition, job) as timed, transaction.atomic():
        timed.accounts = publish_values(
            kind=Value.Kind.CUSTOMER_VALUE,
            values=values,
            currency=Organisation.objects.get().reporting_currency,
            edition=edition,
            job=job,
        )
    return {str(KIND): timed.accounts}


def _new_values(
    orders: CustomerValue | None, buyers: Buyers, owed: dict[int, Owed], horizon: int
) -> Iterator[NewValue]:
    """Return each account's orders to come plus what its contracts will pay."""
    ids: list[int] = []
    if orders is not None and buyers.ids.size:
        ids = buyers.ids.tolist()
        forecast = orders.forecast(*buyers.history.T, horizon=float(horizon))
        for i, account_id in enumerate(ids):
            more = owed.get(account_id, Owed())
            details = {"probability_alive": float(forecast.alive[i]), "orders": float(forecast.purchases[i])}
            yield NewValue(
                account_id,
                float(forecast.expected[i]) + more.expected,
                float(forecast.low[i]) + more.low,
                float(forecast.high[i]) + more.high,
                {**details, "contracts": more.expected} if account_id in owed else details,
            )
    for account_id in owed.keys() - set(ids):
        pays = owed[account_id]
        yield NewValue(account_id, pays.expected, pays.low, pays.high, {"contracts": pays.expected})


def _buyers(lake: Lake, book: Book, as_of: datetime, account_ids: Sequence[int] | None = None) -> Buyers:
    expression = features.repeat_summary(lake.tables, book_id=book.pk, as_of=as_of, account_ids=account_ids)
    table = features.collect(expression)
    columns = [table[name].to_numpy().astype(float) for name in COLUMNS]
    return Buyers(table["account_id"].to_numpy(), np.column_stack(columns))


def _fitted(lake: Lake, book: Book, as_of: datetime) -> tuple[CustomerValue, Buyers]:
    """Return the model of what is known at `as_of`, chosen by its last 90 days, and the buyers."""
    buyers = _buyers(lake, book, as_of)
    earlier = _buyers(lake, book, as_of - timedelta(days=TEST_DAYS))
    _both, there, then = np.intersect1d(buyers.ids, earlier.ids, assume_unique=True, return_indices=True)
    past = checked_history(*earlier.history[then].T[:3])
    return CustomerValue().fit(*buyers.history.T, earlier=Earlier(past, there)), buyers


def _test(lake: Lake, book: Book, as_of: datetime) -> dict[str, Any]:
    """Fit 90 days earlier and hold the expected number of orders against the real one.

    `mean_mae` and `mean_rmse` are the errors of giving everybody his own rate so far.
    """
    model, before = _fitted(lake, book, as_of - timedelta(days=TEST_DAYS))
    after = _buyers(lake, book, as_of)
    frequency, recency, tenure, _amount = before.history.T
    _both, here, there = np.intersect1d(before.ids, after.ids, assume_unique=True, return_indices=True)
    expected = model.expected_purchases(TEST_DAYS, frequency, recency, tenure)[here]
    real = after.history[there, 0] - frequency[here]
    naive = (frequency / np.maximum(tenure, 1.0) * TEST_DAYS)[here]
    rank_correlation = float(spearmanr(expected, real).statistic)
    return {
        "mae": float(np.abs(expected - real).mean()),
        "mean_mae": float(np.abs(naive - real).mean()),
        "rmse": float(np.sqrt(((expected - real) ** 2).mean())),
        "mean_rmse": float(np.sqrt(((naive - real) ** 2).mean())),
        "bias": float((expected - real).mean()),
        "spearman": rank_correlation if np.isfinite(rank_correlation) else None,
        "n": int(here.size),
    }


def _warnings(lake: Lake, book: Book, as_of: datetime, model: CustomerValue, buyers: Buyers) -> list[Warned]:
    """Say what speaks against taking the forecasts at their word; each with its figures."""
    table = features.daily_purchases(lake.tables, book_id=book.pk, as_of=as_of).to_pyarrow()
    days, purchases, newcomers = (
        table[name].to_numpy().astype(np.int64) for name in ("day", "purchases", "newcomers")
    )
    repeats = (purchases - newcomers).astype(np.float64)
    first, span = int(days[0]), int(days[-1] - days[0]) + 1
    came = np.repeat(days - first, newcomers)
    observed = np.zeros(span)
    observed[days - first] = repeats
    expected = expected_repeats(model.purchases_, came, span, days_a_unit=1.0)
    return [
        *check_counts(checked_history(*buyers.history.T[:3])),
        *check_left_censoring(came, span),
        *check_seasons(*months_of(first, observed, expected)),
    ]


def _parameters(orders: CustomerValue | None, contracts: ContractSurvival | None) -> dict[str, float]:
    found: dict[str, float] = {}
    if orders is not None and orders.spend_ is not None:
        found = {**orders.purchases_.parameters_, **orders.spend_.parameters_}
    if contracts is not None:
        found |= {f"contracts {name}": value for name, value in contracts.parameters_.items()}
    return {GREEK.get(name, name): value for name, value in found.items()}
