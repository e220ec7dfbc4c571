"""What to offer each customer: something new to it, something it buys again, or what sells."""

from typing import NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.linalg.lapack import dpotrf, dpotri
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Scores = NDArray[np.float32]

_BLOCK = 256  # users at a time: a few dense rows over all items that stay in the cache
_NEVER = np.float32(-np.inf)
_KINDS = np.array(["repeat", "new", "popular"])


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
    top = np.full((len(scores), k), _NEVER)
    if found == 0:
        return items, top
    best = np.sort(np.argpartition(-scores, found - 1, axis=1)[:, :found], axis=1)
    values = np.take_along_axis(scores, best, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    items[:, :found] = np.take_along_axis(best, order, axis=1)
    top[:, :found] = np.take_along_axis(values, order, axis=1)
    items[top == _NEVER] = -1
    return items, top


class ItemModel(BaseEstimator):
    r"""Which products go with which: EASE, a linear autoencoder in closed form.

    .. math:: \min_B \lVert X - X B \rVert^2 + \lambda \lVert B \rVert^2
              \ \text{with}\ \mathrm{diag}(B) = 0, \qquad
              B_{ij} = -P_{ij} / P_{jj},\ P = (X^\top X + \lambda I)^{-1}

    Parameters
    ----------
    l2 : float
        :math:`\lambda`, positive; in users.
    max_items : int
        The most bought items take part; the fit needs 12 bytes for each pair of them.

    Attributes
    ----------
    items_ : array of shape (m,)
        Indices of the items that take part, ascending.
    weights_ : float32 array of shape (m, m)
        :math:`B`: what having bought the row's item adds to the column's.
    n_items_ : int
        All items.

    References
    ----------
    .. [1] Steck (2019), "Embarrassingly shallow autoencoders for sparse data", WWW.
    """

    def __init__(self, *, l2: float = 500.0, max_items: int = 5_000) -> None:
        self.l2 = l2
        self.max_items = max_items

    def fit(self, X: sp.csr_array) -> Self:
        """Learn from `X` of shape (n_users, n_items); whatever is not 0 counts as bought.

        Raises
        ------
        ValueError
            If `l2` is not positive.
        """
        if self.l2 <= 0.0:
            raise ValueError("l2 must be positive")
        bought = sp.csr_array((np.ones(X.nnz), X.indices, X.indptr), shape=X.shape)
        buyers = np.bincount(X.indices, minlength=X.shape[1])
        most = np.argsort(-buyers, kind="stable")[: self.max_items]
        self.items_ = np.sort(most[buyers[most] > 0])
        self.n_items_ = int(X.shape[1])
        bought = bought[:, self.items_]
        self.weights_ = _ease((bought.T @ bought).toarray(), self.l2)
        return self

    def score(self, X: sp.csr_array) -> Scores:
        """Return scores of all items for profiles `X`, dense (n, n_items); 0 says nothing.

        Values of `X` weigh the items of a profile; 1 is a full purchase, less an old one.
        """
        check_is_fitted(self)
        part = X[:, self.items_].astype(np.float32) @ self.weights_
        if self.items_.size == self.n_items_:
            return np.asarray(part)
        scores = np.zeros((X.shape[0], self.n_items_), dtype=np.float32)
        scores[:, self.items_] = part
        return scores

    def explain(self, X: sp.csr_array, rows: IntArray, items: IntArray) -> tuple[IntArray, FloatArray]:
        """Return for each pair of row and scored item what spoke most for it, and its share.

        Parameters
        ----------
        X : sparse array of shape (n, n_items)
            Profiles as in `score`.
        rows, items : int arrays of shape (pairs,)
            Pairs whose score is positive.

        Returns
        -------
        tuple of arrays of shape (pairs,)
            The profile's item that added most, and its part of all that was added, in (0, 1].
        """
        if rows.size == 0:
            return np.empty(0, dtype=np.int64), np.empty(0)
        place = np.zeros(self.n_items_, dtype=np.int64)
        place[self.items_] = np.arange(self.items_.size)
        known = np.isin(np.arange(self.n_items_), self.items_)
        length = np.diff(X.indptr)[rows]
        start = np.cumsum(length) - length
        pair = np.repeat(np.arange(rows.size), length)
        at = np.arange(pair.size) - start[pair] + X.indptr[rows][pair]
        bought = X.indices[at]
        added = X.data[at] * self.weights_[place[bought], place[items][pair]] * known[bought]
        most = np.maximum.reduceat(added, start)
        _, first = np.unique(pair[added == most[pair]], return_index=True)
        total = np.add.reduceat(np.maximum(added, 0.0), start)
        return bought[added == most[pair]][first].astype(np.int64), most / total


def _ease(gram: FloatArray, l2: float) -> Scores:
    """Return EASE's weights from the item-item counts, which are overwritten."""
    if gram.size == 0:
        return np.zeros(gram.shape, dtype=np.float32)
    gram[np.diag_indices_from(gram)] += l2
    factor, failed = dpotrf(gram.T, lower=False, overwrite_a=True)  # Fortran order, for no copy
    inverse, failed_too = dpotri(factor, lower=False, overwrite_c=True)
    if failed or failed_too:
        raise FloatingPointError("the item counts could not be inverted")
    upper = np.triu(inverse).astype(np.float32)
    diagonal = np.diag(upper).copy()
    weights: Scores = -(upper + upper.T) / diagonal
    np.fill_diagonal(weights, 0.0)
    return weights


class RepeatModel(BaseEstimator):
    r"""What a customer keeps buying: its own purchases, fading with age.

    .. math:: s_{ui} = \sum_{\text{days on which } u \text{ bought } i} 2^{-\text{age} / h}

    Parameters
    ----------
    half_life_days : float
        :math:`h`, positive.

    Attributes
    ----------
    indptr_, indices_ : arrays
        Items of user ``u``: ``indices_[indptr_[u]:indptr_[u + 1]]``, ascending.
    scores_ : array
        :math:`s` of each of those items.
    times_ : int array
        On how many days each was bought.
    n_items_ : int
        All items.
    """

    def __init__(self, *, half_life_days: float = 120.0) -> None:
        self.half_life_days = half_life_days

    def fit(
        self, user_idx: ArrayLike, item_idx: ArrayLike, age_days: ArrayLike, *, n_users: int, n_items: int
    ) -> Self:
        """Learn from purchases, one entry each; several of an item on one day count once.

        Raises
        ------
        ValueError
            If an index is out of range, an age negative, or the half-life not positive.
        """
        if self.half_life_days <= 0.0:
            raise ValueError("half_life_days must be positive")
        user, item, age = _purchases(user_idx, item_idx, age_days, n_users, n_items)
        days = int(age.max(initial=0.0)) + 1
        keys = np.unique((user * n_items + item) * days + np.floor(age).astype(np.int64))
        pair, day = np.divmod(keys, days)
        user, item = np.divmod(pair, n_items) if n_items else (pair, pair)
        faded = sp.csr_array((0.5 ** (day / self.half_life_days), (user, item)), shape=(n_users, n_items))
        times = sp.csr_array((np.ones(day.size, dtype=np.int64), (user, item)), shape=(n_users, n_items))
        for matrix in (faded, times):
            matrix.sum_duplicates()
        self.indptr_, self.indices_ = faded.indptr.astype(np.int64), faded.indices.astype(np.int64)
        self.scores_ = np.maximum(faded.data, np.finfo(np.float32).tiny)  # bought is never 0
        self.times_ = times.data
        self.n_items_ = n_items
        return self

    def matrix(self) -> sp.csr_array:
        """Return :math:`s` as a sparse matrix of shape (n_users, n_items)."""
        return self._as_matrix(self.scores_)

    def times(self) -> sp.csr_array:
        """Return the days of purchase as a sparse matrix of shape (n_users, n_items)."""
        return self._as_matrix(self.times_)

    def _as_matrix(self, data: NDArray[np.float64] | IntArray) -> sp.csr_array:
        check_is_fitted(self)
        shape = (self.indptr_.size - 1, self.n_items_)
        return sp.csr_array((data, self.indices_, self.indptr_), shape=shape)


def _purchases(
    user_idx: ArrayLike, item_idx: ArrayLike, age_days: ArrayLike, n_users: int, n_items: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return checked columns of shape (n,)."""
    user = np.asarray(user_idx, dtype=np.int64)
    item = np.asarray(item_idx, dtype=np.int64)
    age = np.asarray(age_days, dtype=np.float64)
    if not (user.ndim == 1 and user.shape == item.shape == age.shape):
        raise ValueError(f"purchases must be vectors of one length: {user.shape}, {item.shape}, {age.shape}")
    if ((user < 0) | (user >= n_users)).any() or ((item < 0) | (item >= n_items)).any():
        raise ValueError("a user or item index is out of range")
    if not (np.isfinite(age) & (age >= 0)).all():
        raise ValueError("ages must be finite and not negative: purchases lie before the cut-off")
    return user, item, age


class PopularityModel(BaseEstimator):
    """What sells now: customers who bought an item lately.

    Parameters
    ----------
    recent_days : float
        What "lately" means.

    Attributes
    ----------
    buyers_ : int array of shape (n_items,)
        Different recent buyers of each item.
    scores_ : float32 array of shape (n_items,)
        Those, plus a fraction below 1 that orders equals by their buyers of all time.
    """

    def __init__(self, *, recent_days: float = 30.0) -> None:
        self.recent_days = recent_days

    def fit(self, user_idx: ArrayLike, item_idx: ArrayLike, age_days: ArrayLike, *, n_items: int) -> Self:
        """Count buyers; arguments and errors as in `RepeatModel.fit`."""
        highest = int(np.max(user_idx, initial=-1)) if np.size(user_idx) else -1
        user, item, age = _purchases(user_idx, item_idx, age_days, highest + 1, n_items)
        recent = age <= self.recent_days
        self.buyers_ = _different_buyers(user[recent], item[recent], n_items)
        ever = _different_buyers(user, item, n_items)
        self.scores_ = (self.buyers_ + ever / (ever.max(initial=0) + 1.0)).astype(np.float32)
        return self

    def shares(self) -> Scores:
        """Return each item's score as a share of the best-seller's, shape (n_items,)."""
        check_is_fitted(self)
        best: np.float32 = self.scores_.max(initial=np.finfo(np.float32).tiny)
        return np.asarray(self.scores_ / best, dtype=np.float32)


def _different_buyers(user: IntArray, item: IntArray, n_items: int) -> IntArray:
    users = int(user.max(initial=0)) + 1
    return np.bincount(np.unique(item * users + user) // users, minlength=n_items)


class Recommendations(NamedTuple):
    """Ranked offers as columns of one length, ordered by user as asked for, then by rank.

    Attributes
    ----------
    user, item : int arrays
        Indices.
    rank : int array
        1 is the first.
    score : float array
        Comparable within a kind only: the item model's score, faded days of purchase plus the
        item's popularity against the best-seller's (0..1), or recent buyers.
    kind : str array
        ``"repeat"``, ``"new"`` or ``"popular"``.
    reason_item : int array
        For ``new`` the bought item that spoke most for it, else -1.
    reason_value : float array
        For ``new`` the share of that item in all that spoke for it (0..1), for ``repeat`` the days
        on which it was bought, for ``popular`` its recent buyers.
    """

    user: IntArray
    item: IntArray
    rank: IntArray
    score: FloatArray
    kind: NDArray[np.str_]
    reason_item: IntArray
    reason_value: FloatArray


class Recommender(BaseEstimator):
    """Offers for every customer: repeats first, then new products, then what sells.

    Parameters
    ----------
    half_life_days : float
        Age at which a purchase speaks half as loud, for repeats and for the item model.
    l2 : float
        Penalty of the item model.
    new_slots, repeat_slots : int
        How a list is shared out between products new to the customer and repeats; a list of other
        length is shared in the same proportion. Slots that repeats leave empty go to new
        products, and what those leave empty goes to popular ones.
    recent_days : float
        Window of popularity.

    Attributes
    ----------
    item_model_ : ItemModel
    repeat_model_ : RepeatModel
    popularity_model_ : PopularityModel
    n_users_, n_items_ : int
    """

    def __init__(
        self,
        *,
        half_life_days: float = 120.0,
        l2: float = 500.0,
        new_slots: int = 5,
        repeat_slots: int = 5,
        recent_days: float = 30.0,
    ) -> None:
        self.half_life_days = half_life_days
        self.l2 = l2
        self.new_slots = new_slots
        self.repeat_slots = repeat_slots
        self.recent_days = recent_days

    def fit(  # noqa: PLR0917  # four columns of order lines and the two sizes
        self,
        user_idx: ArrayLike,
        item_idx: ArrayLike,
        age_days: ArrayLike,
        quantity: ArrayLike,
        n_users: int,
        n_items: int,
    ) -> Self:
        """Learn from order lines.

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

        Raises
        ------
        ValueError
            If an index is out of range, an age negative, or lengths differ.
        """
        user, item, age = _purchases(user_idx, item_idx, age_days, n_users, n_items)
        kept = np.asarray(quantity, dtype=np.float64) > 0
        if kept.shape != user.shape:
            raise ValueError("quantity must have one entry for each purchase")
        user, item, age = user[kept], item[kept], age[kept]
        self.repeat_model_ = RepeatModel(half_life_days=self.half_life_days)
        self.repeat_model_.fit(user, item, age, n_users=n_users, n_items=n_items)
        self.popularity_model_ = PopularityModel(recent_days=self.recent_days)
        self.popularity_model_.fit(user, item, age, n_items=n_items)
        self.item_model_ = ItemModel(l2=self.l2).fit(self.repeat_model_.matrix())
        self.n_users_, self.n_items_ = n_users, n_items
        return self

    def for_users(self, repeat_model: RepeatModel) -> Self:
        """Return a recommender for the users of `repeat_model`, with the items as learnt here."""
        check_is_fitted(self)
        other: Self = clone(self)
        other.repeat_model_ = repeat_model
        other.popularity_model_, other.item_model_ = self.popularity_model_, self.item_model_
        other.n_users_, other.n_items_ = repeat_model.indptr_.size - 1, self.n_items_
        return other

    def recommend(
        self, user_rows: ArrayLike, *, k: int = 10, exclude: ArrayLike | None = None
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

        Raises
        ------
        ValueError
            If an index is out of range, `k` below 1, or `exclude` has another length.
        """
        check_is_fitted(self)
        users = np.asarray(user_rows, dtype=np.int64)
        barred = np.zeros(self.n_items_, bool) if exclude is None else np.asarray(exclude, dtype=bool)
        if k < 1 or barred.shape != (self.n_items_,):
            raise ValueError("k must be at least 1 and exclude have one entry for each item")
        if ((users < 0) | (users >= self.n_users_)).any():
            raise ValueError("a user index is out of range")
        faded, times = self.repeat_model_.matrix(), self.repeat_model_.times()
        parts = []
        for start in range(0, max(users.size, 1), _BLOCK):
            block = users[start : start + _BLOCK]
            parts.append(self._recommend_block(block, faded[block], times[block], k, barred))
        return Recommendations(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _recommend_block(
        self, users: IntArray, faded: sp.csr_array, times: sp.csr_array, k: int, barred: BoolArray
    ) -> Recommendations:
        profile = faded.copy()
        profile.data = np.minimum(profile.data, 1.0)  # ten purchases are one liking, not ten
        again: Scores = faded.toarray().astype(np.float32)
        owned = again > 0.0
        again += self.popularity_model_.shares()  # most items were bought once, equally long ago
        again[~owned | barred] = _NEVER
        repeats = recommend_top(again, self._repeat_quota(k))
        fresh = recommend_top(self._score_new(profile, owned | barred), k if self.new_slots else 0)
        popular = self._fill(np.hstack([repeats[0], fresh[0]]), owned, barred, k)

        items = np.hstack([repeats[0], fresh[0], popular[0]])
        scores = np.hstack([repeats[1], fresh[1], popular[1]])
        kinds = np.repeat(_KINDS, [repeats[0].shape[1], fresh[0].shape[1], k])
        first = np.argsort(items < 0, axis=1, kind="stable")[:, :k]  # the first k that are items
        items = np.take_along_axis(items, first, axis=1)
        scores = np.take_along_axis(scores, first, axis=1)
        row, place = np.nonzero(items >= 0)
        item, kind = items[row, place], kinds[first][row, place]
        reason_item, reason_value = self._reasons(row, item, kind, profile, times)
        score = scores[row, place].astype(np.float64)
        return Recommendations(users[row], item, place + 1, score, kind, reason_item, reason_value)

    def _repeat_quota(self, k: int) -> int:
        slots = self.new_slots + self.repeat_slots
        return k * self.repeat_slots // slots if slots else 0

    def _score_new(self, profile: sp.csr_array, taken: BoolArray) -> Scores:
        scores = self.item_model_.score(profile)
        scores[taken | (scores <= 0.0)] = _NEVER
        return scores

    def _fill(self, chosen: IntArray, owned: BoolArray, barred: BoolArray, k: int) -> tuple[IntArray, Scores]:
        """Return popular items that are not chosen yet for the rows that lack some, else -1.

        What the customer has bought comes last: it is offered only when nothing else is sold.
        """
        items = np.full((len(chosen), k), -1)
        short = (chosen >= 0).sum(axis=1) < k
        selling = np.full((int(short.sum()), barred.size + 1), _NEVER)  # the last column takes the -1
        selling[:, :-1] = np.where(barred, _NEVER, self.popularity_model_.scores_)
        selling[:, :-1] -= owned[short] * np.float32(1e6)
        np.put_along_axis(selling, chosen[short], _NEVER, axis=1)
        items[short], _ = recommend_top(selling, k)
        return items, self.popularity_model_.buyers_[items].astype(np.float32)

    def _reasons(
        self,
        row: IntArray,
        item: IntArray,
        kind: NDArray[np.str_],
        profile: sp.csr_array,
        times: sp.csr_array,
    ) -> tuple[IntArray, FloatArray]:
        """Return reason item and reason value of each offer, given its row in the block."""
        reason_item = np.full(item.size, -1)
        reason_value = self.popularity_model_.buyers_[item].astype(np.float64)
        repeat, new = kind == "repeat", kind == "new"
        reason_value[repeat] = times.toarray()[row[repeat], item[repeat]]
        reason_item[new], reason_value[new] = self.item_model_.explain(profile, row[new], item[new])
        return reason_item, reason_value
