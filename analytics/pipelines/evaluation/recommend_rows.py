"""Order lines of a stranger's table as positions, with every row that is left out counted by its rule."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.pipelines.evaluation.cells import amounts, far_dates, moments, read_text
from analytics.pipelines.evaluation.reading import BadInput, Note, note, require_columns

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Postage, fees, samples, gift vouchers, tests and corrections of web shops, besides codes without any digit.
NO_PRODUCTS = r"POST(?:AGE)?|DOT|M|D|S|C2|BANK CHARGES|AMAZONFEE|ADJUST\d*|CRUK|(?:GIFT|TEST).*"
CODES_HAVE_DIGITS = 0.8  # share of the codes from which on one without a digit is no product


class Lines(NamedTuple):
    """Order lines that count, one entry each.

    Attributes
    ----------
    account, product : int arrays
        Positions in the names in the order of the alphabet, so that the order of rows says nothing.
    days : float array or None
        Days since the first line that counts.
    dropped : dict
        Rows by the first rule that they fell under.
    """

    account: Ints
    product: Ints
    days: NDArray[np.float64] | None
    n_accounts: int
    n_products: int
    dropped: dict[str, int]
    notes: list[Note]


class Columns(NamedTuple):
    account: str
    product: str
    date: str | None
    quantity: str | None
    price: str | None
    invoice: str | None
    cancel_prefix: str | None

    def check(self, table: pd.DataFrame) -> None:
        """Refuse columns that the table doesn't have, and a prefix of nothing."""
        named = [self.account, self.product, self.date, self.quantity, self.price, self.invoice]
        require_columns(table, *(name for name in named if name is not None))
        if self.account == self.product:
            raise BadInput("same_column", column=self.account)
        if self.cancel_prefix and self.invoice is None:
            raise BadInput("recommend_no_invoice")


def read_lines(table: pd.DataFrame, columns: Columns) -> Lines:
    """Return the order lines that count.

    :raises BadInput: when columns don't fit the table, or no line is left.
    """
    columns.check(table)
    account, accounts = _names(table, columns.account)
    product, products = _names(table, columns.product, upper=True)
    rules: dict[str, Bools] = {"without_account": account < 0, "without_product": product < 0}
    notes: list[Note] = []
    days = None
    if columns.date is not None:
        days, said = _days(table, columns.date)
        notes += said
        rules["without_date"] = np.isnan(days)
    rules["cancelled"] = _cancelled(table, columns)
    for kind, name in (("quantity", columns.quantity), ("price", columns.price)):
        if name is not None:
            values, said = amounts(table, name)
            notes += said
            rules[f"{kind}_not_positive"] = ~(values > 0.0)
    no_product = _no_products(products)
    if no_product is None:
        notes.append(note("recommend_names", column=columns.product))
    else:
        rules["not_a_product"] = no_product[product] & (product >= 0)
    kept, dropped = _apply(rules, len(table))
    if not kept.any():
        raise BadInput("recommend_no_lines", dropped=_in_words(dropped))
    account, n_accounts = _ranked(account[kept], accounts)
    product, n_products = _ranked(product[kept], products)
    if days is not None:
        days = days[kept] - days[kept].min()
    return Lines(account, product, days, n_accounts, n_products, dropped, notes)


def _names(table: pd.DataFrame, column: str, *, upper: bool = False) -> tuple[Ints, pd.Series[Any]]:
    """Return each row's place in the different names, -1 where there is none, and those names."""
    codes, different = pd.factorize(table[column], use_na_sentinel=True)
    text = read_text(pd.Series(different))
    text = text.str.upper() if upper else text
    merged, names = pd.factorize(text, use_na_sentinel=True)
    places = np.append(merged, -1)[codes].astype(np.int64)
    return places, pd.Series(names, dtype="string")


def _days(table: pd.DataFrame, column: str) -> tuple[NDArray[np.float64], list[Note]]:
    codes, different = pd.factorize(table[column], use_na_sentinel=True)
    found, notes = moments(pd.DataFrame({column: pd.Series(different)}), column)
    seconds = found.astype("datetime64[s]").astype("int64").to_numpy().astype(np.float64)
    days = np.append(np.where(found.isna(), np.nan, seconds / 86_400.0), np.nan)
    days = days[codes]
    far, about_far = far_dates(np.floor(days), column, ~np.isnan(days))
    return np.where(far, np.nan, days), notes + about_far


def _cancelled(table: pd.DataFrame, columns: Columns) -> Bools:
    if columns.invoice is None or not columns.cancel_prefix:
        return np.zeros(len(table), dtype=bool)
    codes, different = pd.factorize(table[columns.invoice], use_na_sentinel=True)
    text = read_text(pd.Series(different)).str.upper()
    begins = text.str.startswith(columns.cancel_prefix.strip().upper()).fillna(value=False)
    found: Bools = np.append(begins.to_numpy(dtype=bool), False)[codes]
    return found


def _no_products(products: pd.Series[Any]) -> Bools | None:
    """Return which codes stand for no product; None where products go by names, not by codes."""
    digits: Bools = products.str.contains(r"\d", regex=True).fillna(value=False).to_numpy(dtype=bool)
    if digits.size == 0 or digits.mean() < CODES_HAVE_DIGITS:
        return None
    listed: Bools = products.str.fullmatch(NO_PRODUCTS).fillna(value=False).to_numpy(dtype=bool)
    return listed | ~digits


def _apply(rules: dict[str, Bools], rows: int) -> tuple[Bools, dict[str, int]]:
    kept, dropped = np.ones(rows, dtype=bool), {}
    for name, hit in rules.items():
        dropped[name] = int((kept & hit).sum())
        kept &= ~hit
    return kept, dropped


def _ranked(places: Ints, names: pd.Series[Any]) -> tuple[Ints, int]:
    """Return places among the names that are left, by the alphabet."""
    used = np.unique(places)
    order = names.iloc[used].argsort().to_numpy()
    rank = np.full(len(names), -1, dtype=np.int64)
    rank[used[order]] = np.arange(used.size)
    return rank[places], int(used.size)


def _in_words(dropped: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in dropped.items() if count) or "0"
