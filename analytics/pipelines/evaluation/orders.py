"""A bare table of orders: what each account's orders said before a moment, and what came after it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.pipelines.evaluation.cells import amounts, days_of, far_dates, moments, read_text
from analytics.pipelines.evaluation.reading import BadInput, note, require_columns

FloatArray = NDArray[np.float64]
Days = NDArray[np.int64]
WINDOWS = (30, 90, 180, 365)
ACTIVE_DAYS = 365  # churn can be said only of those who ordered within a year
NEVER = -(1 << 40)


class Orders(NamedTuple):
    """One row a purchase day of an account, sorted by account and day.

    `bought` is the sum of that day's positive amounts. Rows with an amount of zero or less are
    returns: they are no purchase; `returned` (positive) and their number stand on their own days.
    """

    accounts: NDArray[Any]
    account: Days
    day: Days
    bought: FloatArray
    return_account: Days
    return_day: Days
    returned: FloatArray


def read_orders(
    table: pd.DataFrame, *, account: str, date: str, amount: str
) -> tuple[Orders, list[Any], int]:
    """Return the purchases of a table, what is to be said about it, and how many rows were left out.

    :raises BadInput: when a column is missing or holds something else.
    """
    require_columns(table, account, date, amount)
    if len({account, date, amount}) < 3:
        raise BadInput("same_column", column=account if account in (date, amount) else date)
    names = read_text(table[account])
    instants, about_dates = moments(table, date)
    money, about_money = amounts(table, amount)
    notes: list[Any] = [*about_dates, *about_money]
    gaps = {
        "no_account": (account, names.isna().to_numpy(dtype=bool)),
        "bad_times": (date, instants.isna().to_numpy(dtype=bool)),
        "bad_amounts": (amount, np.isnan(money)),
    }
    used = np.ones(len(table), dtype=bool)
    for code, (column, missing) in gaps.items():
        if found := int((used & missing).sum()):
            notes.append(note(code, column=column, rows=found, severity="warn"))
        used &= ~missing
    far, about_far = far_dates(days_of(instants), date, used)
    notes += about_far
    used &= ~far
    if returns := int((money[used] <= 0.0).sum()):
        notes.append(note("returns", rows=returns))
    codes, accounts = pd.factorize(names[used], sort=True)
    day = instants[used].to_numpy().astype("datetime64[D]").astype(np.int64)
    orders = _by_day(np.asarray(codes, dtype=np.int64), day, money[used], np.asarray(accounts))
    return orders, notes, int((~used).sum())


def _by_day(codes: Days, day: Days, money: FloatArray, accounts: NDArray[Any]) -> Orders:
    frame = pd.DataFrame({"account": codes, "day": day, "money": money})
    sums = frame[frame["money"] > 0.0].groupby(["account", "day"], sort=True)["money"].sum().reset_index()
    back = frame[frame["money"] <= 0.0].sort_values(["account", "day"])
    return Orders(
        accounts,
        sums["account"].to_numpy(),
        sums["day"].to_numpy(),
        sums["money"].to_numpy(),
        back["account"].to_numpy(),
        back["day"].to_numpy(),
        -back["money"].to_numpy(),
    )


def churned(orders: Orders, accounts: Days, *, cutoff: int, horizon_days: int) -> Days:
    """Return 1 for each account that bought nothing from the cut-off until the horizon's end."""
    within = (orders.day >= cutoff) & (orders.day < cutoff + horizon_days)
    bought = np.bincount(orders.account[within], minlength=orders.accounts.size)
    return np.asarray(bought[accounts] == 0, dtype=np.int64)


def features_at(orders: Orders, *, cutoff: int) -> tuple[Days, pd.DataFrame]:
    """Return the accounts that bought within the year before the cut-off, and what is known of each then."""
    known = orders.day < cutoff
    account, day, bought = orders.account[known], orders.day[known], orders.bought[known]
    size = orders.accounts.size
    age = cutoff - day
    last = np.full(size, 1 << 40)
    np.minimum.at(last, account, age)
    active = np.flatnonzero(last <= ACTIVE_DAYS)
    first = np.zeros(size, dtype=np.int64)
    np.maximum.at(first, account, age)
    purchases = _sums(account, size)
    money = _sums(account, size, bought)
    columns: dict[str, FloatArray] = {
        "recency_days": last.astype(np.float64),
        "tenure_days": first.astype(np.float64),
        "purchases_ever": purchases,
        "amount_ever": money,
        "amount_mean": _share(money, purchases),
    }
    columns |= _windows(account, age, bought, size)
    columns |= _rhythm(account, day, size, last)
    columns |= _trends(columns)
    columns |= _returns(orders, cutoff, size, money, purchases)
    columns["amount_last"] = _last_amount(account, age, bought, last)
    return active, pd.DataFrame({name: values[active] for name, values in columns.items()})


def _sums(owner: Days, size: int, weights: FloatArray | None = None) -> FloatArray:
    return np.asarray(np.bincount(owner, weights=weights, minlength=size), dtype=np.float64)


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0.0))


def _windows(account: Days, age: Days, bought: FloatArray, size: int) -> dict[str, FloatArray]:
    columns: dict[str, FloatArray] = {}
    for days in WINDOWS:
        recent = age <= days
        columns[f"purchases_{days}"] = _sums(account[recent], size)
        columns[f"amount_{days}"] = _sums(account[recent], size, bought[recent])
    return columns


def _rhythm(account: Days, day: Days, size: int, last: Days) -> dict[str, FloatArray]:
    """Return the account's own gaps between purchases, and how long it has been quiet against them."""
    same = account[1:] == account[:-1]
    owner, gap = account[1:][same], np.diff(day)[same].astype(np.float64)
    count = _sums(owner, size)
    mean = _share(_sums(owner, size, gap), count)
    square = _share(_sums(owner, size, gap**2), count)
    spread = np.sqrt(np.maximum(square - mean**2, 0.0))
    usual = np.full(size, np.nan)
    medians = pd.Series(gap).groupby(owner).median()
    usual[medians.index.to_numpy(dtype=np.int64)] = medians.to_numpy()
    longest = np.full(size, np.nan)
    np.fmax.at(longest, owner, gap)
    quiet = last.astype(np.float64)
    return {
        "gap_mean_days": mean,
        "gap_usual_days": usual,
        "gap_longest_days": longest,
        "gap_variation": np.where(count >= 2, _share(spread, mean), np.nan),
        "overdue_ratio": quiet / usual,
        "overdue_days": quiet - usual,
        "quiet_against_longest": quiet / longest,
    }


def _trends(columns: dict[str, FloatArray]) -> dict[str, FloatArray]:
    typical = np.nan_to_num(columns["amount_mean"]) / 2.0 + 1e-9
    before = columns["purchases_180"] - columns["purchases_90"]
    before_money = np.maximum(columns["amount_180"] - columns["amount_90"], 0.0)
    return {
        "trend_purchases": np.log((columns["purchases_90"] + 0.5) / (before + 0.5)),
        "trend_amount": np.log((columns["amount_90"] + typical) / (before_money + typical)),
    }


def _returns(
    orders: Orders, cutoff: int, size: int, money: FloatArray, purchases: FloatArray
) -> dict[str, FloatArray]:
    known = (orders.return_day < cutoff) & (orders.return_day >= cutoff - ACTIVE_DAYS)
    owner, back = orders.return_account[known], orders.returned[known]
    return {
        "returns": _sums(owner, size),
        "returned_share": _share(_sums(owner, size, back), money),
    }


def _last_amount(account: Days, age: Days, bought: FloatArray, last: Days) -> FloatArray:
    found = np.full(last.size, np.nan)
    latest = age == last[account]
    found[account[latest]] = bought[latest]
    return found
