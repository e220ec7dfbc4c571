"""Candidates with what came of them: what the blend and the item model's penalty are learnt from."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from analytics.ml.candidates import Block
from analytics.ml.history import History
from analytics.ml.items import ItemModel
from analytics.ml.listing import NEVER, recommend_top

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Scores = NDArray[np.float32]

_MOST_ROWS = 40_000  # candidates not bought that are learnt from
_PENALTIES = (100.0, 300.0, 1_000.0)
_TRIAL_ITEMS = 2_500


class Lessons(NamedTuple):
    """Candidates of one kind and which of them were bought afterwards.

    Attributes
    ----------
    features : float32 array of shape (n, width, k)
    real : bool array of shape (n, width)
        False where a customer had fewer candidates.
    bought : bool array of shape (n, width)
    wanted : int array of shape (n,)
        Everything of this kind that the customer bought, candidates or not.
    """

    features: Scores
    real: BoolArray
    bought: BoolArray
    wanted: IntArray

    def rows(self, users: BoolArray) -> tuple[Scores, BoolArray, FloatArray]:
        """Return columns, outcomes and weights of some users, a sample of what was not bought."""
        user, place = np.nonzero(self.real & users[:, None])
        bought = self.bought[user, place]
        others = np.flatnonzero(~bought)
        share = min(1.0, _MOST_ROWS / max(others.size, 1))
        drawn = np.random.default_rng(0).random(others.size) < share
        kept = np.sort(np.concatenate([np.flatnonzero(bought), others[drawn]]))
        weights = np.where(bought[kept], 1.0, 1.0 / share)
        return self.features[user[kept], place[kept]], bought[kept], weights

    def ndcg(self, scores: Scores) -> float:
        """Return the mean NDCG@10 of ordering each user's candidates by these scores."""
        some = self.wanted > 0
        if not some.any():
            return 0.0
        placed = np.where(self.real, scores, -np.inf)[some]
        k = min(10, placed.shape[1])
        order = np.argsort(-placed, axis=1, kind="stable")[:, :k]
        discount = 1.0 / np.log2(np.arange(2, 12))
        gain = np.take_along_axis(self.bought[some], order, axis=1) @ discount[:k]
        ideal = np.cumsum(discount)[np.minimum(self.wanted[some], 10) - 1]
        return float((gain / ideal).mean())


def ndcg_of_both(again: Lessons, new: Lessons, scores: Scores) -> float:
    """Return the mean NDCG@10 of lists that hold both kinds, by scores of (n, both widths)."""
    both = Lessons(
        np.empty((0, 0, 0), dtype=np.float32),
        np.hstack([again.real, new.real]),
        np.hstack([again.bought, new.bought]),
        again.wanted + new.wanted,
    )
    return both.ndcg(scores)


def lesson(block: Block, after: BoolArray, wanted: IntArray) -> Lessons:
    """Hold a block of candidates against what was bought afterwards, bool of shape (n, n_items)."""
    real = block.items >= 0
    bought = real & np.take_along_axis(after, np.maximum(block.items, 0), axis=1)
    return Lessons(block.features, real, bought, wanted)


def all_lessons(parts: list[Lessons]) -> Lessons:
    """Put blocks of different widths below each other."""
    width = max(part.real.shape[1] for part in parts)
    wide = []
    for part in parts:
        more = width - part.real.shape[1]
        padding = ((0, 0), (0, more))
        wide.append(
            Lessons(
                np.pad(part.features, (*padding, (0, 0))),
                np.pad(part.real, padding),
                np.pad(part.bought, padding),
                part.wanted,
            )
        )
    return Lessons(*(np.concatenate(columns) for columns in zip(*wide, strict=True)))


def best_penalty(history: History, bought: sp.csr_array, users: IntArray, max_weights: int) -> float:
    """Return the penalty whose item model finds new products best, tried on the most bought items."""
    buyers = np.bincount(history.indices_, minlength=history.n_items_)
    head = np.sort(np.argsort(-buyers, kind="stable")[:_TRIAL_ITEMS])
    profiles = history.profiles()[:, head]
    owned, after = profiles[users].toarray() > 0, bought[users][:, head].toarray() > 0
    fresh = after & ~owned
    discount = 1.0 / np.log2(np.arange(2, 12))
    ideal = np.cumsum(discount)[np.clip(fresh.sum(axis=1), 1, 10) - 1]
    found = []
    for l2 in _PENALTIES:
        model = ItemModel(l2=l2, max_weights=max_weights).fit(profiles)
        scores = model.score(profiles[users])
        scores[owned] = NEVER
        items, _ = recommend_top(scores, 10)
        hits = np.take_along_axis(fresh, np.maximum(items, 0), axis=1) & (items >= 0)
        found.append(float((hits @ discount / ideal).sum()))
    return _PENALTIES[int(np.argmax(found))]
