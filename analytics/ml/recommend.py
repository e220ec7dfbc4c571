"""What to offer each customer: something it buys again, something new to it, or what sells."""

from typing import NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from analytics.ml.blending import QuadraticLogistic, by_hand, choose, decide
from analytics.ml.candidates import AGAIN_FEATURES, NEW_FEATURES, YOUNG_BUYERS, Shelf
from analytics.ml.history import History, Market, Purchases, bought_lines
from analytics.ml.items import ItemModel
from analytics.ml.lessons import Lessons, all_lessons, best_penalty, lesson, ndcg_of_both
from analytics.ml.listing import NEVER, Recommendations, at_places, blocks, first_real, recommend_top, thinned

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Scores = NDArray[np.float32]

_MOST_PUPILS = 3_000  # customers whose last purchases the blend is learnt from
_ITEM, _SELLS = (NEW_FEATURES.index(name) for name in ("item_score", "buyers_30"))  # same in both
_RANK = NEW_FEATURES.index("item_rank")
_TIMES = AGAIN_FEATURES.index("times")
_KINDS = np.array(["repeat", "new", "popular", "alike"])


class Ranked(NamedTuple):
    """Best candidates of some users, (n, k) each, -1 and minus infinity where there are fewer."""

    every: IntArray
    again: IntArray
    again_odds: Scores
    new: IntArray
    new_odds: Scores


class Recommender(BaseEstimator):
    """Offers for every customer: members propose candidates, a learnt blend ranks them.

    Candidates are what the customer has bought (at most 150) and what would be new to it (at most
    150, from the item model, from what sells, and from what products are like). What the members
    say of a candidate is blended separately for the two, as learnt from the last purchases before
    the cut-off; then everything is learnt again up to the cut-off.

    Parameters
    ----------
    half_life_days : float
        Age at which a purchase speaks half as loud for the item model.
    l2 : float or None
        Penalty of the item model; None tries 100, 300 and 1,000 on the last purchases.
    new_slots, repeat_slots : int
        How a list is shared out between products new to the customer and repeats; a list of other
        length is shared in the same proportion. Slots that repeats leave empty go to new
        products, and what those leave empty goes to popular ones.
    label_days : float
        The blend is learnt from so many days before the cut-off.
    max_items, max_weights : int
        Bounds of the item model.

    Attributes
    ----------
    again_model_, new_model_ : QuadraticLogistic
        The blend.
    order_ : str
        What orders lists of both kinds: ``"blend"``, or ``"items"`` or ``"own"`` where the item model
        or the customer's own frequency alone did better on customers unseen by the blend.
    l2_ : float
        The penalty that was chosen.
    shelf_ : Shelf
        What is known of customers and products.
    n_users_, n_items_ : int
    """

    def __init__(
        self,
        *,
        half_life_days: float = 180.0,
        l2: float | None = None,
        new_slots: int = 5,
        repeat_slots: int = 5,
        label_days: float = 60.0,
        max_items: int = 6_000,
        max_weights: int = 200,
    ) -> None:
        self.half_life_days = half_life_days
        self.l2 = l2
        self.new_slots = new_slots
        self.repeat_slots = repeat_slots
        self.label_days = label_days
        self.max_items = max_items
        self.max_weights = max_weights

    def fit(  # noqa: PLR0917  # four columns of order lines and the two sizes
        self,
        user_idx: ArrayLike,
        item_idx: ArrayLike,
        age_days: ArrayLike,
        quantity: ArrayLike,
        n_users: int,
        n_items: int,
        *,
        content: Scores | None = None,
    ) -> Self:
        """Learn the blend from the last purchases, then everything else from all of them.

        Parameters
        ----------
        user_idx, item_idx : int arrays of shape (n,)
            Who bought what, 0-based.
        age_days : array of shape (n,)
            Days from the purchase to the cut-off, not negative.
        quantity : array of shape (n,)
            Lines that are not positive are returns, and left out.
        n_users, n_items : int
            Everybody and everything, with and without purchases.
        content : float32 array of shape (n_items, d), optional
            Unit vectors of what products are.

        Raises
        ------
        ValueError
            If an index is out of range, an age negative, or lengths differ.
        """
        purchases = bought_lines(user_idx, item_idx, age_days, quantity, n_users, n_items)
        days = min(self.label_days, float(purchases.age.max(initial=0.0)) / 3.0)
        self.learn_blend(purchases.until(days), purchases.since(days), content)
        return self._stock(purchases, content)

    def learn_blend(self, before: Purchases, bought: sp.csr_array, content: Scores | None = None) -> Self:
        """Learn how to weigh the members from what was bought after these purchases."""
        history = self._history(before)
        users = np.flatnonzero((np.diff(bought.indptr) > 0) & (np.diff(history.indptr_) > 0))
        users = np.sort(np.random.default_rng(0).permutation(users)[:_MOST_PUPILS])
        self.l2_ = self.l2 or best_penalty(history, bought, users, self.max_weights)
        again, new = self._lessons(Shelf(history, *self._learn_items(history), content), users, bought)
        whole = [QuadraticLogistic(), QuadraticLogistic(squares=False)]
        alone = [QuadraticLogistic(columns=(_ITEM,), squares=False)]
        own = [QuadraticLogistic(columns=(_TIMES, _SELLS), squares=False)]
        few = [QuadraticLogistic(columns=(_ITEM, _RANK, _SELLS), squares=False)]
        chosen_again = choose(again, [*whole, *few, *own, *alone])
        chosen_new = choose(new, [*whole, *few, *alone])
        self.again_model_ = chosen_again.model if chosen_again else by_hand([_TIMES, _SELLS], [1.0, 0.1], 0.0)
        self.new_model_ = chosen_new.model if chosen_new else by_hand([_ITEM, _SELLS], [1.0, 1e-3], -5.0)
        self.order_ = "blend"
        if chosen_again and chosen_new:
            found = {"blend": np.hstack([chosen_again.unseen, chosen_new.unseen])}
            found |= {order: _simple_order(order, again.features, new.features) for order in ("items", "own")}
            self.order_ = max(found, key=lambda order: ndcg_of_both(again, new, found[order]))
        return self

    def with_blend_of(self, other: "Recommender") -> Self:
        """Take over what another has learnt to weigh, without what it knows of customers and products."""
        self.again_model_, self.new_model_ = other.again_model_, other.new_model_
        self.l2_, self.order_ = other.l2_, other.order_
        return self

    def stock(  # noqa: PLR0917  # as `fit`
        self,
        user_idx: ArrayLike,
        item_idx: ArrayLike,
        age_days: ArrayLike,
        quantity: ArrayLike,
        n_users: int,
        n_items: int,
        *,
        content: Scores | None = None,
    ) -> Self:
        """Learn about customers and products and keep the blend; arguments and errors as in `fit`."""
        check_is_fitted(self, "again_model_")
        return self._stock(bought_lines(user_idx, item_idx, age_days, quantity, n_users, n_items), content)

    def for_users(self, history: History) -> Self:
        """Return a recommender for the users of `history`, with the items as learnt here."""
        check_is_fitted(self, "shelf_")
        other: Self = clone(self).with_blend_of(self)
        other.shelf_ = self.shelf_._replace(history=history)
        other.n_users_, other.n_items_ = history.indptr_.size - 1, self.n_items_
        return other

    def _stock(self, purchases: Purchases, content: Scores | None) -> Self:
        history = self._history(purchases)
        self.shelf_ = Shelf(history, *self._learn_items(history), content)
        self.n_users_, self.n_items_ = purchases.n_users, purchases.n_items
        return self

    def _history(self, purchases: Purchases) -> History:
        user, item, age, n_users, n_items = purchases
        return History(half_life_days=self.half_life_days).fit(
            user, item, age, n_users=n_users, n_items=n_items
        )

    def _learn_items(self, history: History) -> tuple[Market, ItemModel]:
        model = ItemModel(l2=self.l2_, max_items=self.max_items, max_weights=self.max_weights)
        return Market().fit(history), model.fit(history.profiles())

    def _lessons(self, shelf: Shelf, users: IntArray, bought: sp.csr_array) -> tuple[Lessons, Lessons]:
        known = shelf.market.ever_ > 0
        again, new = [], []
        for block in blocks(users, known.size):
            proposals = shelf.propose(block, np.zeros(known.size, dtype=bool))
            after = bought[block].toarray() > 0
            owned = np.zeros_like(after)
            row, pair = shelf.history.pairs_of(block)
            owned[row, shelf.history.indices_[pair]] = True
            again.append(lesson(proposals.again, after, (after & owned).sum(axis=1)))
            new.append(lesson(proposals.new, after, (after & ~owned & known).sum(axis=1)))
        return all_lessons(again), all_lessons(new)

    def rank(self, users: IntArray, k: int, barred: BoolArray) -> Ranked:
        """Return the `k` best candidates of each kind for these users.

        `barred` says what must not appear: (n_items,), or (n, n_items) for each user by itself.
        """
        proposals = self.shelf_.propose(users, barred)
        odds = [
            decide(model, block.features)
            for model, block in ((self.again_model_, proposals.again), (self.new_model_, proposals.new))
        ]
        history = self.shelf_.history
        strangers = history.indptr_[users] == history.indptr_[users + 1]
        odds[1][strangers] = self.shelf_.market.scores_[proposals.new.items[strangers]]
        odds = [np.where(block.items >= 0, each, NEVER) for block, each in zip(proposals, odds, strict=True)]
        every = np.hstack(odds)
        if self.order_ != "blend":
            simple = _simple_order(self.order_, proposals.again.features, proposals.new.features)
            every = np.where(every > NEVER, simple, NEVER)
            every[strangers] = np.hstack(odds)[strangers]
        both = np.hstack([block.items for block in proposals])
        again, again_odds = recommend_top(odds[0], k)
        new, new_odds = recommend_top(odds[1], k)
        return Ranked(
            _picked(both, recommend_top(every, k)[0]),
            _picked(proposals.again.items, again),
            again_odds,
            _picked(proposals.new.items, new),
            new_odds,
        )

    def lists(self, users: IntArray, k: int, barred: BoolArray) -> dict[str, IntArray]:
        """Return lists of items for each mode, (n, k), in one go: all, repeat and new.

        What is missing in the lists of all and of new is filled with what sells.
        """
        ranked = self.rank(users, k, barred)
        filled = {}
        for mode, items in (("all", ranked.every), ("new", ranked.new)):
            filled[mode] = items.copy()
            short = np.flatnonzero((items < 0).any(axis=1))
            if short.size:
                mine = barred if barred.ndim == 1 else barred[short]
                more = np.hstack([items[short], self._popular(users[short], items[short], mine, k)])
                filled[mode][short] = at_places(more, first_real(more, k))
        return {**filled, "repeat": ranked.again}

    def recommend(  # columns of one table
        self,
        user_rows: ArrayLike,
        *,
        k: int = 10,
        exclude: ArrayLike | None = None,
        hidden: sp.csr_array | None = None,
        groups: IntArray | None = None,
        most_of_group: int = 3,
    ) -> Recommendations:
        """Return `k` offers for each of these users, fewer only when fewer items are sold.

        Parameters
        ----------
        user_rows : int array of shape (n,)
            Indices of users; those without purchases get what is popular.
        k : int
            Length of each list, at least 1.
        exclude : bool array of shape (n_items,), optional
            True for items that are not sold and must not appear.
        hidden : sparse array of shape (n_users, n_items), optional
            What must not appear for single users.
        groups : int array of shape (n_items,), optional
            The category of each item, -1 for none; more than `most_of_group` of one stand in a list
            only when it would be short otherwise.

        Raises
        ------
        ValueError
            If an index is out of range, `k` below 1, or `exclude` has another length.
        """
        check_is_fitted(self, "shelf_")
        users = np.asarray(user_rows, dtype=np.int64)
        barred = np.zeros(self.n_items_, bool) if exclude is None else np.asarray(exclude, dtype=bool)
        if k < 1 or barred.shape != (self.n_items_,):
            raise ValueError("k must be at least 1 and exclude have one entry for each item")
        if ((users < 0) | (users >= self.n_users_)).any():
            raise ValueError("a user index is out of range")
        parts = []
        for block in blocks(users, self.n_items_):
            mine = barred if hidden is None else barred | (hidden[block].toarray() != 0)
            parts.append(self._recommend_block(block, k, mine, groups, most_of_group))
        return Recommendations(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _recommend_block(
        self, users: IntArray, k: int, barred: BoolArray, groups: IntArray | None, most: int
    ) -> Recommendations:
        deep = k if groups is None else 3 * k
        ranked = self.rank(users, deep, barred)
        slots = self.new_slots + self.repeat_slots
        quota = k * self.repeat_slots // slots if slots else 0
        again = thinned(ranked.again, groups, most)
        place = first_real(again, quota)
        again, again_odds = at_places(again, place), at_places(ranked.again_odds, place)
        new = ranked.new if self.new_slots else np.full_like(ranked.new, -1)
        items = np.hstack([again, new])
        few = thinned(items, groups, most)
        popular = np.full((users.size, deep), -1)
        if (short := np.flatnonzero((few >= 0).sum(axis=1) < k)).size:
            mine = barred if barred.ndim == 1 else barred[short]
            popular[short] = self._popular(users[short], items[short], mine, deep)
        items = np.hstack([items, popular])
        few = thinned(items, groups, most)
        odds = np.hstack([again_odds, ranked.new_odds, np.full(popular.shape, NEVER)])
        kinds = np.repeat([0, 1, 2], [again.shape[1], new.shape[1], popular.shape[1]])
        first = np.argsort(np.where(few >= 0, 0, np.where(items >= 0, 1, 2)), axis=1, kind="stable")[:, :k]
        row, column = np.nonzero(at_places(items, first) >= 0)
        place = first[row, column]
        offers = _Offers(row, items[row, place], kinds[place], odds[row, place])
        found = self._explained(users, offers)
        return found._replace(rank=column + 1)

    def _explained(self, users: IntArray, offers: "_Offers") -> Recommendations:
        """Add to each offer what speaks for it."""
        row, item, kind, odds = offers
        shelf = self.shelf_
        profile, times = shelf.profile(users), shelf.history.of_users(users, shelf.history.times_)
        new = np.flatnonzero(kind == 1)
        source, share = shelf.item_model.explain(profile, row[new], item[new])
        kind[new[source < 0]] = 2  # nothing that the customer bought speaks for it, only that it sells
        unsold = np.flatnonzero((kind == 2) & (shelf.market.ever_[item] < YOUNG_BUYERS))
        like, closeness = shelf.most_alike(users[row[unsold]], item[unsold])
        kind[unsold[like >= 0]] = 3
        reason_item = np.full(item.size, -1)
        reason_item[new], reason_item[unsold] = source, like
        buyers = shelf.market.buyers_[item].astype(np.float64)
        value = np.where(kind == 0, np.asarray(times[row, item]).ravel(), buyers)
        value[new[source >= 0]] = share[source >= 0]
        value[unsold[like >= 0]] = closeness[like >= 0]
        score = np.where(kind == 2, buyers, expit(odds.astype(np.float64)))
        return Recommendations(users[row], item, np.zeros_like(item), score, _KINDS[kind], reason_item, value)

    def _popular(self, users: IntArray, chosen: IntArray, barred: BoolArray, k: int) -> IntArray:
        """Return items that sell and are not chosen, what the customer has bought last, (n, k)."""
        selling = np.full((users.size, self.n_items_ + 1), NEVER)  # the last column takes the -1
        selling[:, :-1] = np.where(barred, NEVER, self.shelf_.market.scores_)
        row, pair = self.shelf_.history.pairs_of(users)
        selling[row, self.shelf_.history.indices_[pair]] -= np.float32(1e6)
        np.put_along_axis(selling, chosen, NEVER, axis=1)
        return recommend_top(selling, k)[0]


class _Offers(NamedTuple):
    """Offers as columns: the user's row in the block, item, place among the kinds, log-odds."""

    row: IntArray
    item: IntArray
    kind: IntArray
    odds: Scores


def _picked(items: IntArray, place: IntArray) -> IntArray:
    """Return the items at these places, -1 where there is no place."""
    if items.shape[1] == 0:
        return np.full(place.shape, -1)
    return np.where(place >= 0, np.take_along_axis(items, np.maximum(place, 0), axis=1), -1)


def _simple_order(order: str, again: Scores, new: Scores) -> Scores:
    """Return scores of both kinds of candidates by one member alone, given their columns."""
    if order == "items":
        return np.hstack([again[:, :, _ITEM], new[:, :, _ITEM]])
    sells = np.float32(1e-3)
    owned = again[:, :, _TIMES] + np.float32(1) + sells * again[:, :, _SELLS]
    return np.hstack([owned, sells * new[:, :, _SELLS]])
