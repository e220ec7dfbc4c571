"""How well purchases and money to come are foreseen from a table of orders, beside simple rivals."""

from __future__ import annotations

from datetime import date, datetime
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from analytics.ml.value import CustomerValue, Earlier
from analytics.ml.value_checks import (
    check_counts,
    check_left_censoring,
    check_seasons,
    expected_repeats,
    months_of,
)
from analytics.ml.value_choice import MODELS
from analytics.ml.value_histories import FloatArray
from analytics.pipelines.evaluation.reading import BadInput, Note, note
from analytics.pipelines.evaluation.value_table import (
    DAYS_A_WEEK,
    Book,
    book_at,
    day_number,
    day_of,
    read_purchases,
)

TOP_SHARE = 0.1
MOST_SIMULATED = 5_000  # accounts whose intervals are held against what came
INNER_SHARE = 3  # the last third of the calibration, at most the horizon, chooses the model


class Window(NamedTuple):
    """Days since 1970: the first of the table, the last of calibration and of hold-out."""

    first: int
    end: int
    last: int

    @property
    def horizon_weeks(self) -> float:
        return (self.last - self.end) / DAYS_A_WEEK


def evaluate_value(
    table: pd.DataFrame,
    *,
    account: str,
    date: str,
    amount: str | None = None,
    calibration_end: date | str | None,
) -> dict[str, Any]:
    """Fit on purchases until `calibration_end`, that day included, and hold what followed against it.

    Purchases of an account on one day are one. What is scored is the expected number of purchases
    until the last day of the table; with `amount` the expected money too.

    :raises BadInput: when columns or the day don't fit the table.
    """
    days, notes = read_purchases(table, account=account, date=date, amount=amount)
    window = _window(days, calibration_end)
    accounts, book = book_at(days, window.end, until=window.last, with_money=amount is not None)
    new = int(days["account"].nunique()) - len(accounts)
    if new:
        notes.append(note("value_new_accounts", accounts=new, date=day_of(window.end)))
    _refuse_unusable(book, window)
    started = perf_counter()
    model = _fit(days, accounts, book, window)
    seconds = perf_counter() - started
    expected = model.expected_purchases(window.horizon_weeks, *book.history)
    alive = model.purchases_.probability_alive(*book.history)
    result: dict[str, Any] = {
        "customers": len(accounts),
        "customers_after_calibration": new,
        "purchases": len(days),
        "calibration": [day_of(window.first), day_of(window.end)],
        "holdout": [day_of(window.end + 1), day_of(window.last)],
        "horizon_days": window.last - window.end,
        "model": model.model_,
        "choice": model.choice_,
        "parameters": _parameters(model, book),
        **_figures(expected, book.later),
        "fit_seconds": seconds,
        "non_finite": int((~np.isfinite(expected) | ~np.isfinite(alive)).sum()),
        "expected_purchases": float(expected.sum()),
        "actual_purchases": float(book.later.sum()),
        "mean_probability_alive": float(alive.mean()),
        "baselines": _rivals(book, window),
    }
    result |= _ranges(model, book, window)
    if book.money is not None:
        result |= _money(model, book, window)
        result["non_finite"] = max(result["non_finite"], result.pop("amount_non_finite"))
    notes += _warnings(days, model, book, window)
    return {**result, **_said(notes)}


def _window(days: pd.DataFrame, calibration_end: date | str | None) -> Window:
    end = _day(calibration_end)
    if days.empty:
        raise BadInput("value_no_purchases")
    window = Window(int(days["day"].min()), end, int(days["day"].max()))
    if window.end < window.first:
        raise BadInput("value_no_calibration", date=day_of(end), first=day_of(window.first))
    if window.last <= window.end:
        raise BadInput("value_no_holdout", date=day_of(end), last=day_of(window.last))
    return window


def _day(value: date | str | None) -> int:
    if isinstance(value, datetime):
        return day_number(value.date())
    if isinstance(value, date):
        return day_number(value)
    try:
        return day_number(date.fromisoformat(str(value).strip()[:10]))
    except ValueError as error:
        raise BadInput("bad_date", value=value) from error


def _refuse_unusable(book: Book, window: Window) -> None:
    if book.history.T.max(initial=0.0) <= 0.0:
        raise BadInput("value_no_calibration", date=day_of(window.end), first=day_of(window.first))
    if book.money is not None and not np.isfinite(book.money).all():
        raise BadInput("value_no_money", date=day_of(window.end))


def _fit(days: pd.DataFrame, accounts: pd.Index[Any], book: Book, window: Window) -> CustomerValue:
    """Choose on the last part of the calibration, then fit to all of it."""
    span = window.end - window.first
    held_out = max(min(window.last - window.end, span // INNER_SHARE), 1)
    cut = window.end - held_out
    then, past = book_at(days, cut, until=window.end, with_money=False)
    earlier = Earlier(past.history, accounts.get_indexer(then))
    return CustomerValue().fit(*book.history, book.money, earlier=earlier)


def _parameters(model: CustomerValue, book: Book) -> dict[str, Any]:
    """Return the fitted parameters of all three models, for comparison with what is published."""
    found: dict[str, Any] = {"unit_of_time": "week"}
    for kind in MODELS:
        chosen = model.purchases_
        fitted = chosen if kind.name == chosen.name else kind().fit(*book.history)
        found[kind.name] = {**fitted.parameters_, "log_likelihood": fitted.log_likelihood_}
    if model.spend_ is not None:
        found[model.spend_.name] = model.spend_.parameters_
    return found


def _figures(expected: FloatArray, actual: FloatArray) -> dict[str, Any]:
    error = expected - actual
    rank = np.nan
    if np.ptp(expected) > 0.0 and np.ptp(actual) > 0.0:
        rank = float(spearmanr(expected, actual).statistic)
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "bias": float(error.mean()),
        "spearman": rank if np.isfinite(rank) else None,
        "top_decile_share": _top_share(expected, actual),
    }


def _top_share(expected: FloatArray, actual: FloatArray) -> float | None:
    """Return the share of what came that the tenth with the highest expectations brought.

    Those who share the last place share it evenly, so that the order of the file doesn't matter.
    """
    total = float(actual.sum())
    if total <= 0.0:
        return None
    places = TOP_SHARE * expected.size
    line = np.sort(expected)[::-1][int(np.ceil(places)) - 1]
    above, at = expected > line, expected == line
    share = (places - above.sum()) / at.sum()
    return float((actual[above].sum() + share * actual[at].sum()) / total)


def _rivals(book: Book, window: Window) -> dict[str, Any]:
    """Return the same figures for what anybody can compute: each account's own rate, and one for all."""
    own = book.history.frequency / np.maximum(book.history.T, 1.0 / DAYS_A_WEEK) * window.horizon_weeks
    same = np.full_like(own, own.mean())
    guesses = {"own_rate": own, "everybodys_mean": same}
    found = {name: _figures(guess, book.later) for name, guess in guesses.items()}
    if book.money is None or book.later_money is None:
        return found
    money = {"own_rate": own * book.money, "everybodys_mean": np.full_like(own, (own * book.money).mean())}
    for name, guess in money.items():
        found[name] |= _with_prefix(_figures(guess, book.later_money))
    return found


def _with_prefix(figures: dict[str, Any]) -> dict[str, Any]:
    return {f"amount_{name}": value for name, value in figures.items()}


def _ranges(model: CustomerValue, book: Book, window: Window) -> dict[str, Any]:
    """Return how many accounts fell within their 90 % intervals, and the error of their medians."""
    rows = _sample(book)
    found = model.purchase_range(window.horizon_weeks, *book.history.take(rows))
    later = book.later[rows]
    return {
        "median_mae": float(np.abs(found.median - later).mean()),
        "interval_coverage": _coverage(found.least, found.most, later),
    }


def _money(model: CustomerValue, book: Book, window: Window) -> dict[str, Any]:
    assert book.money is not None  # noqa: S101  # the caller has looked
    assert book.later_money is not None  # noqa: S101  # both or neither
    expected = model.expected_value(window.horizon_weeks, *book.history, book.money)
    rows = _sample(book)
    found = model.forecast(*book.history.take(rows), book.money[rows], horizon=window.horizon_weeks)
    broken = ~np.isfinite(expected)
    broken[rows] |= ~np.logical_and.reduce([np.isfinite(column) for column in found])
    return {
        **_with_prefix(_figures(expected, book.later_money)),
        "amount_expected": float(expected.sum()),
        "amount_actual": float(book.later_money.sum()),
        "amount_interval_coverage": _coverage(found.low, found.high, book.later_money[rows]),
        "amount_non_finite": int(broken.sum()),
    }


def _sample(book: Book) -> NDArray[np.intp]:
    """Return the accounts whose futures are simulated: all of them, or a seeded sample of many."""
    count = book.later.size
    if count <= MOST_SIMULATED:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, MOST_SIMULATED, replace=False))


def _coverage(low: FloatArray, high: FloatArray, actual: FloatArray) -> float:
    return float(((actual >= low) & (actual <= high)).mean())


def _warnings(days: pd.DataFrame, model: CustomerValue, book: Book, window: Window) -> list[Note]:
    first_days = book.first_day - window.first
    span = window.end - window.first + 1
    found = [
        *check_counts(book.history),
        *check_left_censoring(first_days, span),
        *_seasons(days, model, first_days, window),
        *model.warnings_,
    ]
    return [
        note(f"value_{each['code']}", severity="warn", **{k: v for k, v in each.items() if k != "code"})
        for each in found
    ]


def _seasons(
    days: pd.DataFrame, model: CustomerValue, first_days: NDArray[np.int64], window: Window
) -> list[Any]:
    """Hold the repeat purchases of each whole month against what the model expects of its newcomers."""
    span = window.end - window.first + 1
    before = days[days["day"] <= window.end]
    repeats = before["day"][before.duplicated("account").to_numpy()].to_numpy() - window.first
    observed = np.bincount(repeats, minlength=span).astype(np.float64)
    expected = expected_repeats(model.purchases_, first_days, span)
    return list(check_seasons(*months_of(window.first, observed, expected)))


def _said(notes: list[Note]) -> dict[str, Any]:
    findings = [
        {"code": each.code, "column": each.column, "severity": each.severity, "sentence": each.sentence,
         "data": dict(each.data)}
        for each in notes
    ]  # fmt: skip
    return {"warnings": [each["sentence"] for each in findings], "findings": findings}
