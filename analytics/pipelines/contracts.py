"""Subscriptions as the value model wants them: how long they run, and what they will still pay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics import features
from analytics.lake import Lake
from analytics.ml.value_contract import DAYS_A_MONTH, ContractSurvival
from crm.models import Book

FloatArray = NDArray[np.float64]
LEAST_CONTRACTS = 50
LEAST_ENDED = 20  # below that nobody can say how fast contracts end


class Contracts(NamedTuple):
    """One row a subscription; `monthly` in the reporting currency."""

    account_ids: NDArray[np.int64]
    monthly: FloatArray
    months: FloatArray
    ended: NDArray[np.bool_]


class Owed(NamedTuple):
    """What the running subscriptions of one account will still pay within the horizon."""

    expected: float = 0.0
    low: float = 0.0
    high: float = 0.0


def load_contracts(
    lake: Lake, book: Book, as_of: datetime, account_ids: Sequence[int] | None = None
) -> Contracts:
    expression = features.contracts(lake.tables, book_id=book.pk, as_of=as_of, account_ids=account_ids)
    table = features.collect(expression)
    amount, days, ended = (
        table[name].to_numpy().astype(np.float64) for name in ("amount_30", "run_days", "ended")
    )
    ids = table["account_id"].to_numpy().astype(np.int64)
    monthly = np.maximum(amount, 0.0) * DAYS_A_MONTH / 30.0
    return Contracts(ids, monthly, np.maximum(days, 0.0) / DAYS_A_MONTH, ended > 0.0)


def learn_contracts(contracts: Contracts) -> ContractSurvival | None:
    """Return how long subscriptions run; None where too few are known, or too few have ended."""
    if contracts.ended.size < LEAST_CONTRACTS or contracts.ended.sum() < LEAST_ENDED:
        return None
    return ContractSurvival().fit(contracts.months, contracts.ended)


def still_to_pay(model: ContractSurvival, contracts: Contracts, horizon_days: int) -> dict[int, Owed]:
    """Return what the running subscriptions bring, by account.

    Bounds of several subscriptions are added, which is wide where they end apart from each other.
    """
    running = ~contracts.ended
    if not running.any():
        return {}
    forecast = model.forecast(
        contracts.monthly[running], contracts.months[running], months=horizon_days / DAYS_A_MONTH
    )
    ids, of_id = np.unique(contracts.account_ids[running], return_inverse=True)
    sums = [
        np.bincount(of_id, weights=column, minlength=ids.size)
        for column in (forecast.expected, forecast.low, forecast.high)
    ]
    return {account: Owed(*map(float, row)) for account, *row in zip(ids.tolist(), *sums, strict=True)}
