"""A stranger's table of purchases as histories before a day, and what came after it."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.ml.value_histories import FloatArray, History
from analytics.pipelines.evaluation.cells import amounts, days_of, far_dates, moments, read_text
from analytics.pipelines.evaluation.reading import BadInput, Note, note, require_columns

DAYS_A_WEEK = 7.0  # times are in weeks, as in the publications


class Purchases(NamedTuple):
    """One row for each account and day on which it bought; `days` has account, day and money."""

    days: pd.DataFrame
    notes: list[Note]


class Book(NamedTuple):
    """Accounts with a purchase until the end of the calibration, row by row.

    `money` is the mean of their paid purchases, `later` and `later_money` what came afterwards.
    """

    history: History
    first_day: NDArray[np.int64]
    money: FloatArray | None
    later: FloatArray
    later_money: FloatArray | None


def read_purchases(table: pd.DataFrame, *, account: str, date: str, amount: str | None) -> Purchases:
    """Return purchases; those of one account on one day are one.

    :raises BadInput: when a column is missing or holds something else.
    """
    names = [account, date, *([amount] if amount else [])]
    require_columns(table, *names)
    for name in names:
        if names.count(name) > 1:
            raise BadInput("same_column", column=name)
    accounts = read_text(table[account])
    instants, notes = moments(table, date)
    kept = accounts.notna().to_numpy(dtype=bool, copy=True)
    notes += _dropped("no_account", account, ~kept)
    dated = instants.notna().to_numpy(dtype=bool)
    notes += _dropped("bad_times", date, kept & ~dated)
    kept &= dated
    far, about_dates = far_dates(days_of(instants), date, kept)
    notes += about_dates
    kept &= ~far
    money = np.zeros(len(table))
    if amount:
        kept, money, about_money = _read_money(table, amount, kept)
        notes += about_money
    rows = pd.DataFrame({
        "account": pd.factorize(accounts[kept])[0],
        "day": instants[kept].to_numpy().astype("datetime64[D]").astype(np.int64),
        "money": money[kept],
    })  # fmt: skip
    return Purchases(rows.groupby(["account", "day"], as_index=False, sort=True)["money"].sum(), notes)


def _read_money(
    table: pd.DataFrame, amount: str, kept: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], FloatArray, list[Note]]:
    money, notes = amounts(table, amount)
    read = np.isfinite(money)
    notes += _dropped("bad_amounts", amount, kept & ~read)
    kept = kept & read
    returned = kept & (money < 0.0)
    notes += _dropped("value_returns", amount, returned)
    kept &= ~returned
    if free := int((kept & (money == 0.0)).sum()):
        notes.append(note("value_free", column=amount, rows=free))
    return kept, np.where(read, money, 0.0), notes


def _dropped(code: str, column: str, rows: NDArray[np.bool_]) -> list[Note]:
    count = int(rows.sum())
    return [note(code, column=column, rows=count, severity="warn")] if count else []


def day_number(day: date) -> int:
    return int(np.datetime64(day, "D").astype(np.int64))


def day_of(number: int) -> str:
    return str(np.datetime64(number, "D"))


def book_at(days: pd.DataFrame, end: int, *, until: int, with_money: bool) -> tuple[pd.Index[Any], Book]:
    """Return accounts with a purchase until `end`, their histories, and what came until `until`."""
    before = days[days["day"] <= end]
    paid = before["money"].where(before["money"] > 0.0)
    each = before.assign(paid=paid).groupby("account").agg(
        first=("day", "min"), last=("day", "max"), times=("day", "size"), mean=("paid", "mean")
    )  # fmt: skip
    history = History(
        (each["times"] - 1).to_numpy(dtype=np.float64),
        (each["last"] - each["first"]).to_numpy(dtype=np.float64) / DAYS_A_WEEK,
        (end - each["first"]).to_numpy(dtype=np.float64) / DAYS_A_WEEK,
    )
    after = days[(days["day"] > end) & (days["day"] <= until)]
    later = after.groupby("account")["money"].agg(["size", "sum"]).reindex(each.index, fill_value=0)
    # Who has only had things for nothing is taken for an average buyer.
    money = each["mean"].fillna(paid.mean()).to_numpy(dtype=np.float64)
    return each.index, Book(
        history,
        each["first"].to_numpy(dtype=np.int64),
        money if with_money else None,
        later["size"].to_numpy(dtype=np.float64),
        later["sum"].to_numpy(dtype=np.float64) if with_money else None,
    )
