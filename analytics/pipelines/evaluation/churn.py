"""Who stops ordering, learnt from what was known at earlier cut-offs and held against the last one."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.ml.guards import check_table
from analytics.ml.outcome import RecencyFrequencyLogistic
from analytics.pipelines.evaluation.comparing import Compared, compare
from analytics.pipelines.evaluation.orders import Orders, churned, features_at, read_orders
from analytics.pipelines.evaluation.preparing import Case
from analytics.pipelines.evaluation.progress import Progress, quiet
from analytics.pipelines.evaluation.reading import BadInput, note

SPACING_DAYS = 30  # between cut-offs
MOST_CUTOFFS = 12  # a year of them
FEWEST_ACCOUNTS = 50  # at the test's cut-off
LEAST_HISTORY_DAYS = 30  # before the first cut-off
TWO = ("recency_days", "purchases_ever")  # what a model must beat, and leans on
OF_THE_TABLE = ("too_few_positives", "few_positives")  # our own features need no other guard


def evaluate_churn(
    table: pd.DataFrame,
    *,
    account: str,
    date: str,
    amount: str,
    horizon_days: int = 90,
    as_of: pd.Timestamp | None = None,
    seed: int = 0,
    progress: Progress = quiet,
) -> Compared:
    """Hold `OutcomeClassifier` on features of orders, and a logistic on two of them, against silence.

    The positive outcome is an account that ordered within the year before a cut-off and not within
    the horizon after it. The test's cut-off is the horizon before `as_of` (the day after the last
    order unless given); learnt is from cut-offs whose horizon had ended by then.

    :raises BadInput: when columns or options don't fit the table, or it is too short.
    """
    if horizon_days < 1:
        raise BadInput("bad_horizon", days=horizon_days)
    orders, notes, dropped = read_orders(table, account=account, date=date, amount=amount)
    if orders.day.size == 0:
        raise BadInput("no_orders", column=amount)
    end = _end(orders, as_of, notes)
    cutoffs = _cutoffs(int(orders.day.min()), end, horizon_days)
    case, is_test, who = _case(orders, cutoffs, horizon_days, notes)
    _refuse_few(case, is_test, cutoffs, horizon_days)
    split = (np.flatnonzero(~is_test), np.flatnonzero(is_test))
    case.notes.extend(_about_training(case, split[0]))
    compared = compare(
        case, [split], seed=seed, price=None, progress=progress,
        more_peers={"recency_frequency": RecencyFrequency},
    )  # fmt: skip
    about = {
        "rows": len(table), "rows_dropped": dropped, "accounts": int(is_test.sum()),
        "as_of": _written(end), "horizon_days": horizon_days, "seed": seed,
        "cutoffs": [_cutoff(cutoff, case, cutoffs[-1]) for cutoff in cutoffs],
    }  # fmt: skip
    return _named(compared, about, orders.accounts[who[split[1]]])


def _named(compared: Compared, about: dict[str, Any], accounts: NDArray[Any]) -> Compared:
    """Return the figures after what they are about, and the accounts in place of numbers of rows."""
    predictions = compared.predictions.drop(columns=["row", "fold"])
    predictions.insert(0, "account", accounts)
    return Compared(about | compared.result, predictions)


class RecencyFrequency:
    """The logistic that a model must beat: it reads two of the columns."""

    def fit(self, X: pd.DataFrame, y: NDArray[np.int64]) -> Self:
        self.model_ = RecencyFrequencyLogistic().fit(self._two(X), y)
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        return np.asarray(self.model_.predict_proba(self._two(X)), dtype=np.float64)

    def _two(self, X: pd.DataFrame) -> NDArray[np.float64]:
        return np.asarray(X[list(TWO)], dtype=np.float64)


def _end(orders: Orders, as_of: pd.Timestamp | None, notes: list[Any]) -> int:
    if as_of is None:
        return int(orders.day.max()) + 1
    end = int(np.datetime64(as_of.to_datetime64(), "D").astype(np.int64))
    if (later := int((orders.day >= end).sum())) > 0:
        notes.append(note("later_than_known", date=_written(end), rows=later))
    return end


def _cutoffs(first: int, end: int, horizon_days: int) -> list[int]:
    """Return cut-offs, oldest first, the test's last.

    :raises BadInput: when the orders are too few days for one to learn from.
    """
    if end <= first:
        raise BadInput("as_of_early", date=_written(end), first=_written(first))
    test = end - horizon_days
    latest = test - horizon_days  # of those to learn from: its horizon has ended by the test's cut-off
    history = min(horizon_days, 90) if latest - first >= min(horizon_days, 90) else LEAST_HISTORY_DAYS
    learnt = [
        cutoff
        for number in range(MOST_CUTOFFS)
        if (cutoff := latest - number * SPACING_DAYS) - first >= history
    ]
    if not learnt:
        needed = 2 * horizon_days + LEAST_HISTORY_DAYS
        raise BadInput("short_history", days=end - first, horizon=horizon_days, needed=needed)
    return [*reversed(learnt), test]


def _case(
    orders: Orders, cutoffs: list[int], horizon_days: int, notes: list[Any]
) -> tuple[Case, NDArray[np.bool_], NDArray[np.int64]]:
    """Return a row for each account active at each cut-off, which rows are the test's, and whose they are."""
    frames, labels, moments, owners = [], [], [], []
    for cutoff in cutoffs:
        accounts, frame = features_at(orders, cutoff=cutoff)
        frames.append(frame)
        labels.append(churned(orders, accounts, cutoff=cutoff, horizon_days=horizon_days))
        moments.append(np.full(accounts.size, cutoff, dtype=np.float64))
        owners.append(accounts)
    when = np.concatenate(moments)
    frame = pd.concat(frames, ignore_index=True)
    who = np.concatenate(owners)
    case = Case(frame, np.concatenate(labels), np.arange(1, when.size + 1), when, notes, 0, who, TWO)
    return case, when == cutoffs[-1], who


def _refuse_few(case: Case, is_test: NDArray[np.bool_], cutoffs: list[int], horizon_days: int) -> None:
    if is_test.sum() < FEWEST_ACCOUNTS:
        raise BadInput("few_accounts", date=_written(cutoffs[-1]), found=int(is_test.sum()))
    for part in (is_test, ~is_test):
        rarer = int(np.bincount(case.label[part], minlength=2).min())
        if rarer < 2:
            raise BadInput("one_class_orders", found=rarer, days=horizon_days)


def _about_training(case: Case, train: NDArray[np.intp]) -> list[Any]:
    found = check_table(case.frame.iloc[train][["recency_days"]], case.label[train])
    for each in found:
        if each.severity == "abstain":
            raise BadInput(each.code, **each.data)
    return [each for each in found if each.code in OF_THE_TABLE]


def _cutoff(cutoff: int, case: Case, test: int) -> dict[str, Any]:
    rows = np.asarray(case.order) == cutoff
    return {
        "date": _written(cutoff),
        "part": "test" if cutoff == test else "training",
        "accounts": int(rows.sum()),
        "base_rate": float(case.label[rows].mean()) if rows.any() else None,
    }


def _written(day: int) -> str:
    return str(np.datetime64(day, "D"))
