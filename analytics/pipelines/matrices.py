"""Rows for models: features as of a moment, beside what happened afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from analytics import features
from analytics.artifacts import ArtifactMismatchError
from analytics.features.support import TICKETS
from analytics.lake import Lake
from crm.models import Book

MAY_BE_ABSENT = ("attr_", TICKETS)  # columns only where a book has such a thing


@dataclass(frozen=True, slots=True)
class Matrix:
    """Features of accounts as of one moment: values of shape (accounts, names), NaN unknown."""

    account_ids: NDArray[np.int64]
    names: list[str]
    values: NDArray[np.float64]

    def columns(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return these columns; what nobody has any more, such as a choice, is unknown for everybody.

        :raises ArtifactMismatchError: for any other name that we don't compute: the model that asks for
            it was trained on other features.
        """
        place = {name: i for i, name in enumerate(self.names)}
        strangers = [name for name in names if name not in place and not name.startswith(MAY_BE_ABSENT)]
        if strangers:
            raise ArtifactMismatchError(f"No such features any more: {', '.join(strangers)}. Train anew.")
        absent = np.full(len(self.account_ids), np.nan)
        return np.column_stack([self.values[:, place[name]] if name in place else absent for name in names])

    def rows_of(self, account_ids: NDArray[np.int64]) -> Matrix:
        """Return the rows of these accounts, in their order. Unknown accounts raise KeyError."""
        place = np.searchsorted(self.account_ids, account_ids)
        found = np.take(self.account_ids, place, mode="clip")
        if not np.array_equal(found, account_ids):
            raise KeyError(f"No features for accounts {np.setdiff1d(account_ids, self.account_ids)}.")
        return Matrix(account_ids, self.names, self.values[place])

    def row(self, i: int) -> Mapping[str, float]:
        return dict(zip(self.names, self.values[i].tolist(), strict=True))


def load_matrix(
    lake: Lake,
    *,
    book: Book,
    as_of: datetime,
    account_ids: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
) -> Matrix:
    """Compute features; with `names`, those of a model, a choice it knows is 0 and not unknown."""
    if lake.connection.name == "duckdb":
        table = features.collect_features(
            lake.connection,
            lake.tables,
            book_id=book.pk,
            as_of=as_of,
            account_ids=account_ids,
            names=names,
        )
    else:
        expression = features.compute(
            lake.tables, book_id=book.pk, as_of=as_of, account_ids=account_ids, names=names
        )
        table = features.collect(expression)
    found = features.to_matrix(table)
    return Matrix(found.account_ids, found.names, found.values)


@dataclass(frozen=True, slots=True)
class Examples:
    """Features as of a cut-off, and the outcome that followed (0 or 1)."""

    cutoff: datetime
    account_ids: NDArray[np.int64]
    X: NDArray[np.float64]
    y: NDArray[np.int64]


def stack(parts: Sequence[Examples]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return np.vstack([part.X for part in parts]), np.concatenate([part.y for part in parts])
