"""What drives the scores of a whole book, summed by segment while they are made.

The pages keep the strongest reasons of each account only, and reading those of a million accounts
would take minutes. The sums are exact, of every reason of every account, and cost one pass over
numbers that are in memory anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from django.db.models import Count
from numpy.typing import NDArray

from analytics.models import ReasonTotals
from crm.models import Account, Book

MOST_SEGMENTS = 8  # of one split; the others are one
Split = ReasonTotals.Split
EVERYBODY = str(Split.EVERYBODY)
COLUMNS = {str(split): split.value for split in Split if split != Split.EVERYBODY}  # of accounts
Floats = NDArray[np.float64]


class Part(NamedTuple):
    """Which part of a book is scored, and which segments all of its parts tell apart."""

    number: int
    of: int
    segments: Mapping[str, Sequence[str]]


class Explained(NamedTuple):
    """The scores of some accounts and what moved them; points of shape (accounts, codes), log-odds."""

    base: float
    probability: Floats
    codes: list[str]
    points: Floats


def largest_segments(book: Book) -> dict[str, list[str]]:
    """Return the values that most accounts of the book have, by split. "" is what is not known."""
    accounts = Account.objects.filter(book=book).order_by()
    found = {}
    for split, column in COLUMNS.items():
        counted = accounts.values(column).annotate(n=Count("pk")).order_by("-n", column)
        found[split] = [row[column] for row in counted[:MOST_SEGMENTS]]
    return found


def sum_reasons(
    account_ids: NDArray[np.int64], explained: Explained, segments: Mapping[str, Sequence[str]]
) -> dict[str, list[dict[str, Any]]]:
    """Return by split, for each segment, accounts, sum of scores and sums of points and of their sizes."""
    everybody = np.ones(account_ids.size, dtype=bool)
    found = {EVERYBODY: [_segment(None, everybody, explained)]}
    rows = Account.objects.filter(pk__in=account_ids.tolist()).values_list("pk", *COLUMNS.values())
    values = {row[0]: row[1:] for row in rows}
    for place, split in enumerate(COLUMNS):
        names = list(segments[split])
        code_of = {name: code for code, name in enumerate(names)}
        unknown = (None,) * len(COLUMNS)  # of accounts deleted meanwhile: they are among the others
        codes = np.array(
            [code_of.get(values.get(pk, unknown)[place], len(names)) for pk in account_ids.tolist()],
            dtype=int,
        )
        cells: list[str | None] = [*names, None]
        found[split] = [
            _segment(name, codes == code, explained)
            for code, name in enumerate(cells)
            if (codes == code).any()
        ]
    return found


def _segment(value: str | None, rows: NDArray[np.bool_], explained: Explained) -> dict[str, Any]:
    points = explained.points[rows]
    signed, size = points.sum(axis=0).tolist(), np.abs(points).sum(axis=0).tolist()
    return {
        "value": value,
        "accounts": int(rows.sum()),
        "score": float(explained.probability[rows].sum()),
        "reasons": {code: [signed[i], size[i]] for i, code in enumerate(explained.codes)},
    }
