"""Products that might be offered, proposed by several members, with what speaks for each."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from analytics.ml.history import History, Market
from analytics.ml.items import ItemModel
from analytics.ml.listing import NEVER

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Scores = NDArray[np.float32]

MOST_AGAIN = 150
FROM_ITEMS, FROM_POPULAR, FROM_CONTENT = 100, 40, 10
YOUNG_BUYERS = 5  # below that the item model has little to say
_SHARED = (
    "item_score", "item_score_of_best", "item_rank",
    "buyers_14", "buyers_30", "buyers_90", "buyers", "trend", "on_sale_since", "bought_again",
    "days", "products", "last_visit", "first_visit",
)  # fmt: skip
AGAIN_FEATURES = (
    *_SHARED,
    "times", "times_of_days", "faded_30", "faded_120", "visits_7", "visits_9",
    "last", "first", "overdue", "visits_since", "pace",
)  # fmt: skip
NEW_FEATURES = (*_SHARED, "content")


class Block(NamedTuple):
    """Candidates of some customers, -1 where a customer has fewer.

    Attributes
    ----------
    items : int array of shape (n, width)
    features : float32 array of shape (n, width, n_features)
    """

    items: IntArray
    features: Scores


class Proposals(NamedTuple):
    """What may be bought again, and what would be new."""

    again: Block
    new: Block


class Shelf(NamedTuple):
    """What is known at one moment, of customers and of products.

    Attributes
    ----------
    content : float32 array of shape (n_items, d) or None
        Unit vectors of what products are, by category, words and price.
    """

    history: History
    market: Market
    item_model: ItemModel
    content: Scores | None

    def propose(self, users: IntArray, barred: BoolArray) -> Proposals:
        """Return candidates of these customers, without barred products."""
        row, pair = self.history.pairs_of(users)
        item = self.history.indices_[pair]
        profile = self.profile(users)
        scores = self.item_model.score(profile)
        customers = self._customers(users)
        taken = np.broadcast_to(barred, scores.shape).copy()
        sold = ~taken[row, item]
        again = self._again(users, (row[sold], pair[sold]), scores, customers)
        taken[row, item] = True
        return Proposals(again, self._new(profile, scores, customers, taken))

    def most_alike(self, users: IntArray, items: IntArray) -> tuple[IntArray, Scores]:
        """Return for each pair what of the customer's is most like the item, -1 for nothing, and how much."""
        found, closeness = np.full(items.size, -1), np.zeros(items.size, dtype=np.float32)
        row, pair = self.history.pairs_of(users)
        if self.content is None or row.size == 0:
            return found, closeness
        bought = self.history.indices_[pair]
        like = np.einsum("nd,nd->n", self.content[bought], self.content[items[row]])
        order = np.lexsort((like, row))
        last = order[np.flatnonzero(np.diff(row[order], append=-1))]
        some = last[like[last] > 0]
        found[row[some]], closeness[row[some]] = bought[some], like[some]
        return found, closeness

    def profile(self, users: IntArray) -> sp.csr_array:
        """Return what the item model reads of these customers, (n, n_items)."""
        return self.history.of_users(users, self.history.weights_)

    def _customers(self, users: IntArray) -> Scores:
        """Return logarithms of each customer's days, products, last and first visit, (n, 4)."""
        history = self.history
        products = history.indptr_[users + 1] - history.indptr_[users]
        last, first = history.user_last_[users], history.user_first_[users]
        ages = [np.log1p(np.where(np.isfinite(age), age, 999.0)) for age in (last, first)]
        counts = [np.log1p(count) for count in (history.days_[users], products)]
        return np.column_stack([*counts, *ages]).astype(np.float32)

    def _again(
        self, users: IntArray, pairs: tuple[IntArray, IntArray], scores: Scores, customers: Scores
    ) -> Block:
        row, pair = pairs
        place, width = _places(row, self.history.faded_[pair].sum(axis=1), users.size)
        kept = place < width
        row, pair, place = row[kept], pair[kept], place[kept]
        item = self.history.indices_[pair]
        items = np.full((users.size, width), -1)
        items[row, place] = item
        own = np.zeros((users.size, width, len(AGAIN_FEATURES)), dtype=np.float32)
        shared = len(_SHARED)
        own[row, place, shared:] = self._own(users[row], pair)
        own[:, :, :shared] = self._shared(items, _at(scores, items), customers)
        return Block(items, own)

    def _own(self, user: IntArray, pair: IntArray) -> Scores:
        history = self.history
        times = history.times_[pair].astype(np.float32)
        last, first = history.last_[pair] + np.float32(1), history.first_[pair] + np.float32(1)
        gap = np.maximum((first - last) / np.maximum(times - 1, 1), 1)
        overdue = np.log(last / gap) * (times > 1)
        since = np.log1p(np.maximum(last - 1 - history.user_last_[user], 0))
        pace = times / np.maximum(first / np.float32(30), 1)
        return np.column_stack(
            [
                np.log(times), times / history.days_[user], history.faded_[pair], history.visits_[pair],
                np.log(last), np.log(first), overdue, since, pace,
            ]
        )  # fmt: skip

    def _new(self, profile: sp.csr_array, scores: Scores, customers: Scores, taken: BoolArray) -> Block:
        allowed = np.where(taken | (scores <= 0), NEVER, scores)
        parts = [_best(allowed, FROM_ITEMS)]
        row, place = np.nonzero(parts[0] >= 0)
        taken[row, parts[0][row, place]] = True
        sellers = self.market.best_sellers(np.ones(taken.shape[1], dtype=bool), 2 * FROM_POPULAR)
        parts.append(np.where(taken[:, sellers], -1, sellers)[:, :FROM_POPULAR])
        closeness = None
        if self.content is not None:
            tastes = _unit(np.asarray(profile @ self.content))
            taken[:, sellers[:FROM_POPULAR]] = True
            parts.append(self._close(tastes, taken))
        items = np.hstack(parts)
        if self.content is not None:
            closeness = np.einsum("nwd,nd->nw", self.content[items], tastes)
        features = np.zeros((*items.shape, len(NEW_FEATURES)), dtype=np.float32)
        features[:, :, :-1] = self._shared(items, _at(scores, items), customers)
        if closeness is not None:
            features[:, :, -1] = closeness
        return Block(items, features)

    def _close(self, tastes: Scores, taken: BoolArray) -> IntArray:
        """Return products that few have bought yet and that are like what a customer buys."""
        assert self.content is not None  # noqa: S101  # for the types
        young = np.flatnonzero((self.market.ever_ < YOUNG_BUYERS) & self.content.any(axis=1))
        like = tastes @ self.content[young].T
        like[taken[:, young] | (like <= 0)] = NEVER
        best = _best(like, FROM_CONTENT)
        return np.where(best >= 0, young[best] if young.size else -1, -1)

    def _shared(self, items: IntArray, scores: Scores, customers: Scores) -> Scores:
        """Return what both kinds of candidates have, (n, width, 14)."""
        n, width = items.shape
        features = np.empty((n, width, len(_SHARED)), dtype=np.float32)
        scores = np.where(items >= 0, scores, NEVER)
        order = np.argsort(-scores, axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(width)[None, :], axis=1)
        best = np.take_along_axis(scores, order[:, min(9, width - 1) :][:, :1], axis=1) if width else scores
        features[:, :, 0] = np.where(items >= 0, scores, 0)
        features[:, :, 1] = features[:, :, 0] / np.maximum(best, np.float32(1e-3))
        features[:, :, 2] = np.log1p(rank)
        features[:, :, 3:10] = self.market.table_[items]
        features[:, :, 10:] = customers[:, None, :]
        return features


def _at(scores: Scores, items: IntArray) -> Scores:
    return np.take_along_axis(scores, np.maximum(items, 0), axis=1)


def _places(row: IntArray, value: Scores, n: int) -> tuple[IntArray, int]:
    """Return each entry's place in its row, best value first, and the width that is kept."""
    order = np.lexsort((-value, row))
    length = np.bincount(row, minlength=n)
    place = np.empty(row.size, dtype=np.int64)
    place[order] = np.arange(row.size) - np.repeat(np.cumsum(length) - length, length)
    return place, min(int(length.max(initial=0)), MOST_AGAIN)


def _best(scores: Scores, k: int) -> IntArray:
    """Return the `k` best columns of each row in no order, -1 in place of minus infinity."""
    k = min(k, scores.shape[1])
    if k == 0:
        return np.empty((len(scores), 0), dtype=np.int64)
    best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    return np.where(np.take_along_axis(scores, best, axis=1) > NEVER, best, -1)


def _unit(vectors: Scores) -> Scores:
    length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    unit: Scores = vectors / np.maximum(length, np.float32(1e-12))
    return unit
