"""The well-known recommenders that ours is held against, each at its usual settings."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from analytics.ml.history import History, Market
from analytics.ml.items import exact_weights, strongest

Ints = NDArray[np.int64]
Scores = NDArray[np.float32]
NEIGHBOURS = 100
MOST_NEIGHBOURS = 20_000  # products
FACTORS = 64
MOST_ITEMS = 6_000  # of the exact solution of EASE, as in ours
_COLUMNS = 512


class Rival(Protocol):
    def fit(self, history: History, market: Market) -> None: ...

    def score(self, users: Ints) -> Scores: ...


class Popularity:
    """What most customers bought in the last 30 days."""

    def fit(self, history: History, market: Market) -> None:
        self.scores = market.scores_

    def score(self, users: Ints) -> Scores:
        return np.tile(self.scores, (users.size, 1))


class PersonalFrequency:
    """What the customer itself bought on most days; equals by what sells."""

    def fit(self, history: History, market: Market) -> None:
        self.times = history.matrix(history.times_.astype(np.float32))
        self.sells = market.scores_ / (market.scores_.max(initial=0.0) + np.float32(1))

    def score(self, users: Ints) -> Scores:
        return np.asarray(self.times[users].toarray() + self.sells)


class ItemNeighbours:
    """Cosine between the buyers of two products, the 100 nearest of each of the most bought."""

    def fit(self, history: History, market: Market) -> None:
        self.bought = _bought(history)
        items = np.sort(np.argsort(-market.ever_, kind="stable")[:MOST_NEIGHBOURS])
        length = np.sqrt(np.maximum(market.ever_[items], 1))
        unit = self.bought[:, items] @ sp.diags_array((1.0 / length).astype(np.float32))
        transposed, by_column = unit.T.tocsr(), unit.tocsc()
        parts = []
        for start in range(0, items.size, _COLUMNS):
            near = (transposed @ by_column[:, start : start + _COLUMNS].tocsr()).toarray()
            targets = np.arange(start, start + near.shape[1])
            near[targets, targets - start] = 0.0
            value, source = strongest(near, NEIGHBOURS)
            target = np.broadcast_to(items[targets][:, None], source.shape)
            parts.append((value.ravel(), items[source].ravel(), target.ravel()))
        data, row, column = (np.concatenate(part) for part in zip(*parts, strict=True))
        shape = (history.n_items_, history.n_items_)
        self.weights = sp.csr_array((data, (row, column)), shape=shape)

    def score(self, users: Ints) -> Scores:
        return np.asarray((self.bought[users] @ self.weights).toarray())


class TruncatedSvd:
    """64 factors of who bought what."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit(self, history: History, market: Market) -> None:
        self.bought = _bought(history)
        factors = min(FACTORS, min(self.bought.shape) - 1)
        if factors < 1:
            self.items = np.zeros((1, history.n_items_), dtype=np.float32)
            return
        _, _, items = randomized_svd(sp.csr_matrix(self.bought), factors, random_state=self.seed)
        self.items = items.astype(np.float32)

    def score(self, users: Ints) -> Scores:
        return np.asarray((self.bought[users] @ self.items.T) @ self.items)


class Ease:
    """EASE with all its weights, on unweighted purchases."""

    def __init__(self, l2: float) -> None:
        self.l2 = l2

    def fit(self, history: History, market: Market) -> None:
        self.bought = _bought(history)
        self.head, self.weights = exact_weights(self.bought, l2=self.l2, max_items=MOST_ITEMS)

    def score(self, users: Ints) -> Scores:
        scores = np.zeros((users.size, self.bought.shape[1]), dtype=np.float32)
        scores[:, self.head] = self.bought[users][:, self.head] @ self.weights
        return scores


def rivals(*, seed: int, l2: float) -> dict[str, Rival]:
    return {
        "popularity": Popularity(),
        "item_neighbours": ItemNeighbours(),
        "truncated_svd": TruncatedSvd(seed),
        "ease": Ease(l2),
        "personal_frequency": PersonalFrequency(),
    }


def _bought(history: History) -> sp.csr_array:
    return history.matrix(np.ones(history.indices_.size, dtype=np.float32))
