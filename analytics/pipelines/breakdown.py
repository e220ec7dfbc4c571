"""How predictions came true for parts of a book, and beside what people made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.ml.metrics import brier, wilson_interval
from analytics.ml.monitoring import FEWEST_OF_A_CLASS
from analytics.pipelines.settled import Settled
from crm.models import Account, AttributeDefinition, Book, ScoreFeedback

FEWEST_ACCOUNTS = 30  # of a part; with fewer the error is chance, and the accounts can be guessed
MOST_ACCOUNTS = 20_000  # looked at, at equal steps through the book
MOST_PARTS = 12  # of one attribute, the largest
CONFIDENCE = 0.99
SPLIT_BY_TYPES = (AttributeDefinition.Type.CHOICE, AttributeDefinition.Type.BOOLEAN)


def error_by_part(
    book: Book,
    account_ids: NDArray[np.int64],
    happened: NDArray[np.int64],
    predicted: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """Return the error by country, industry and every attribute that an administrator let in.

    Rows are of a test period, or of predictions that came due and on which nobody acted.
    """
    if not account_ids.size:
        return []
    step = -(-account_ids.size // MOST_ACCOUNTS)
    ids, y, p = account_ids[::step], happened[::step], predicted[::step]
    found = []
    for attribute, label, values in _attributes(book, ids):
        parts = [_part(value, y[rows], p[rows]) for value, rows in _largest(values)]
        if len(parts) > 1:
            found.append({"attribute": attribute, "label": label, "parts": parts})
    return found


def _attributes(book: Book, ids: NDArray[np.int64]) -> Iterator[tuple[str, str, NDArray[np.object_]]]:
    """Yield code, label and the accounts' values of each attribute to split by, None where unknown."""
    definitions = AttributeDefinition.objects.filter(
        is_known_before=True, is_sensitive=False, type__in=SPLIT_BY_TYPES
    ).order_by("label")
    place = {account: at for at, account in enumerate(ids.tolist())}
    rows = list(
        Account.objects.filter(book=book, pk__in=list(place)).values_list(
            "pk", "country", "industry", "attributes"
        )
    )
    yield "country", "", _column(place, [(row[0], row[1] or None) for row in rows])
    yield "industry", "", _column(place, [(row[0], row[2] or None) for row in rows])
    for definition in definitions:
        values = [(row[0], _choice(definition, row[3].get(definition.key))) for row in rows]
        yield f"attribute:{definition.key}", definition.label, _column(place, values)


def _choice(definition: AttributeDefinition, value: Any) -> str | None:
    return None if value is None else str(definition.choices.get(str(value), value))


def _column(place: dict[int, int], values: Iterable[tuple[int, str | None]]) -> NDArray[np.object_]:
    column = np.full(len(place), None, dtype=object)
    for account, value in values:
        column[place[account]] = value
    return column


def _largest(values: NDArray[np.object_]) -> list[tuple[str, NDArray[np.bool_]]]:
    known = [value for value in values if value is not None]
    names, counts = np.unique(np.array(known, dtype=str), return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MOST_PARTS]
    return [(str(names[i]), values == names[i]) for i in order if counts[i] >= FEWEST_ACCOUNTS]


def _part(value: str, happened: NDArray[np.int64], predicted: NDArray[np.float64]) -> dict[str, Any]:
    """Return one part's figures; `is_off` when its mean prediction can't be chance."""
    n, positives = len(happened), int(happened.sum())
    low, high = wilson_interval(positives, n, CONFIDENCE)
    mean = float(predicted.mean())
    return {
        "value": value,
        "n": n,
        "happened": positives,
        "observed": positives / n,
        "low": low,
        "high": high,
        "mean_predicted": mean,
        "brier": brier(happened, predicted),
        "is_off": not low <= mean <= high and min(positives, n - positives) >= FEWEST_OF_A_CLASS // 3,
    }


def opinions(book: Book, kind: str, settled: Settled) -> dict[str, dict[str, int]]:
    """Return, for each answer to scores of that time, how many there were and to how many it happened."""
    said = ScoreFeedback.objects.filter(
        account__book=book, kind=kind, at__gte=settled.as_of, at__lt=settled.until
    ).values_list("account_id", "answer")
    outcome = dict(zip(settled.account_ids.tolist(), settled.happened.tolist(), strict=True))
    found: dict[str, dict[str, int]] = {}
    for account, answer in sorted(set(said)):
        if account in outcome:
            counts = found.setdefault(answer, {"n": 0, "happened": 0})
            counts["n"] += 1
            counts["happened"] += outcome[account]
    return found
