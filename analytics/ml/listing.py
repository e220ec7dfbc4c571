"""Ranked lists: the best of some scores, without too much of one kind."""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Scores = NDArray[np.float32]

Number = TypeVar("Number", bound=np.generic)
NEVER = np.float32(-np.inf)
_CELLS = 4_000_000


def blocks(users: IntArray, n_items: int) -> list[IntArray]:
    """Return users in parts whose dense rows over all items stay small; one empty part for nobody."""
    size = max(32, min(256, _CELLS // max(n_items, 1)))
    return [users[start : start + size] for start in range(0, max(users.size, 1), size)]


def recommend_top(scores: Scores, k: int) -> tuple[IntArray, Scores]:
    """Return the `k` best items of each row and their scores, each (n_rows, k), best first.

    Among those chosen equal scores are ordered by item. Where fewer
    than `k` items score above minus infinity the rest is item -1 with minus infinity.

    Examples
    --------
    >>> items, _ = recommend_top(np.float32([[0.1, 0.9, 0.9], [0.5, -np.inf, 0.2]]), 2)
    >>> items.tolist()
    [[1, 2], [0, 2]]
    """
    found = min(k, scores.shape[1])
    items = np.full((len(scores), k), -1)
    top = np.full((len(scores), k), NEVER)
    if found == 0:
        return items, top
    best = np.sort(np.argpartition(-scores, found - 1, axis=1)[:, :found], axis=1)
    values = np.take_along_axis(scores, best, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    items[:, :found] = np.take_along_axis(best, order, axis=1)
    top[:, :found] = np.take_along_axis(values, order, axis=1)
    items[top == NEVER] = -1
    return items, top


class Recommendations(NamedTuple):
    """Ranked offers as columns of one length, ordered by user as asked for, then by rank.

    Attributes
    ----------
    user, item : int arrays
        Indices.
    rank : int array
        1 is the first.
    score : float array
        For ``repeat`` and ``new`` the share (0..1) that bought such a product in the period that
        the blend was learnt from; for ``popular`` recent buyers.
    kind : str array
        ``"repeat"``, ``"new"``, ``"popular"``, or ``"alike"``: new, and bought by hardly anybody yet.
    reason_item : int array
        For ``new`` the bought item that spoke most for it, for ``alike`` the most similar, else -1.
    reason_value : float array
        For ``new`` the share of that item in all that spoke for it (0..1), for ``alike`` the cosine,
        for ``repeat`` the days on which it was bought, for ``popular`` its recent buyers.
    """

    user: IntArray
    item: IntArray
    rank: IntArray
    score: FloatArray
    kind: NDArray[np.str_]
    reason_item: IntArray
    reason_value: FloatArray


def thinned(items: IntArray, groups: IntArray | None, most: int) -> IntArray:
    """Return lists with -1 in the place of what would be more than `most` of one group.

    Items of group -1 stand for themselves and are never too many.

    Examples
    --------
    >>> thinned(np.array([[3, 0, 1, 2]]), np.array([7, 7, 5, 7]), 2).tolist()
    [[3, 0, -1, 2]]
    """
    if groups is None or items.size == 0:
        return items
    n, width = items.shape
    group = np.where(items >= 0, groups[items], -1)
    key = (np.arange(n)[:, None] * (int(groups.max(initial=0)) + 2) + group + 1).ravel()
    order = np.argsort(key, kind="stable")
    start = np.flatnonzero(np.diff(key[order], prepend=-1))
    length = np.diff(start, append=key.size)
    before = np.empty(key.size, dtype=np.int64)
    before[order] = np.arange(key.size) - np.repeat(start, length)
    too_many = (before.reshape(n, width) >= most) & (group >= 0)
    return np.where(too_many, -1, items)


def first_real(items: IntArray, k: int) -> IntArray:
    """Return the places of the first `k` entries of each list that are not -1, others after them."""
    return np.argsort(items < 0, axis=1, kind="stable")[:, :k]


def at_places(values: NDArray[Number], places: IntArray) -> NDArray[Number]:
    """Return the values at these places of each row."""
    return np.take_along_axis(values, places, axis=1)
