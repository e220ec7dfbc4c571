"""What each customer has bought and how each product sells, counted from purchases before a moment."""

from typing import NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Scores = NDArray[np.float32]

HALF_LIVES = (30.0, 120.0)
KEEP_OF_VISITS = (0.7, 0.9)
WINDOWS = (14.0, 30.0, 90.0, np.inf)


class Purchases(NamedTuple):
    """Checked order lines by position of user and item, with ages in days before a moment."""

    user: IntArray
    item: IntArray
    age: FloatArray
    n_users: int
    n_items: int

    def until(self, days: float) -> "Purchases":
        """Return what was bought at least so many days ago, with ages counted from then."""
        kept = self.age >= days
        return self._replace(user=self.user[kept], item=self.item[kept], age=self.age[kept] - days)

    def since(self, days: float) -> sp.csr_array:
        """Return 1 where a user bought an item less than so many days ago."""
        kept = self.age < days
        shape = (self.n_users, self.n_items)
        bought = sp.csr_array((np.ones(int(kept.sum())), (self.user[kept], self.item[kept])), shape=shape)
        bought.data[:] = 1.0
        return bought


class History(BaseEstimator):
    r"""Each customer's own purchases: how often, how lately, how regularly.

    Several purchases of a product on one day count once; a customer's days are its visits.

    Parameters
    ----------
    half_life_days : float
        Age at which a purchase speaks half as loud in the profile that the item model reads.

    Attributes
    ----------
    indptr_, indices_ : arrays
        Items of user ``u``: ``indices_[indptr_[u]:indptr_[u + 1]]``, ascending. One such entry is
        a pair.
    times_, last_, first_ : arrays of shape (n_pairs,)
        Days on which the pair was bought; age in days of the last and of the first purchase.
    faded_ : float32 array of shape (n_pairs, 2)
        Purchases that fade with age, :math:`\\sum 2^{-\\text{age} / h}` for h of 30 and 120 days.
    visits_ : float32 array of shape (n_pairs, 2)
        Purchases that fade with the customer's visits since, :math:`\\sum r^{\\text{visits}}` for
        r of .7 and .9.
    weights_ : float32 array of shape (n_pairs,)
        The profile: purchases faded with the half-life, at most 1.
    days_, user_last_, user_first_ : arrays of shape (n_users,)
        Days with purchases; ages of the last and the first one.
    n_items_ : int
        All items.
    """

    def __init__(self, *, half_life_days: float = 180.0) -> None:
        self.half_life_days = half_life_days

    def fit(
        self, user_idx: ArrayLike, item_idx: ArrayLike, age_days: ArrayLike, *, n_users: int, n_items: int
    ) -> Self:
        """Learn from purchases, one entry each.

        Raises
        ------
        ValueError
            If an index is out of range, an age negative, or the half-life not positive.
        """
        if self.half_life_days <= 0.0:
            raise ValueError("half_life_days must be positive")
        user, item, age = checked_purchases(user_idx, item_idx, age_days, n_users, n_items)
        span = int(age.max(initial=0.0)) + 1
        keys = np.unique((user * n_items + item) * span + np.floor(age).astype(np.int64))
        pair, day = np.divmod(keys, span)  # by user, item, and age from the newest
        starts = np.flatnonzero(np.diff(pair, prepend=-1))
        user, item = np.divmod(pair[starts], n_items) if n_items else (pair, pair)
        self.n_items_ = n_items
        self.indptr_ = np.searchsorted(user, np.arange(n_users + 1)).astype(np.int64)
        self.indices_ = item
        self.times_ = np.diff(starts, append=keys.size)
        self.last_ = day[starts].astype(np.float32)
        self.first_ = day[starts + self.times_ - 1].astype(np.float32)
        self._fade(np.repeat(user, self.times_), day, starts, span, n_users)
        return self

    def _fade(self, user: IntArray, day: IntArray, starts: IntArray, span: int, n_users: int) -> None:
        """Count what fades, given each purchase's user and day and where pairs start."""
        visits, visit = np.unique(user * span + day, return_inverse=True)  # newest first
        of_user = visits // span
        begin = np.searchsorted(of_user, np.arange(n_users))
        since = (visit - begin[user]).astype(np.float64)
        self.days_ = np.bincount(of_user, minlength=n_users)
        ages = np.append(visits % span if span else visits, 0).astype(np.float32)
        some = self.days_ > 0
        self.user_last_ = np.where(some, ages[begin], np.inf).astype(np.float32)
        self.user_first_ = np.where(some, ages[begin + self.days_ - 1], np.inf).astype(np.float32)
        self.faded_ = _summed([0.5 ** (day / h) for h in HALF_LIVES], starts)
        self.visits_ = _summed([r**since for r in KEEP_OF_VISITS], starts)
        profile = _summed([0.5 ** (day / self.half_life_days)], starts)[:, 0]
        self.weights_ = np.clip(profile, np.float32(1e-6), np.float32(1.0))  # bought is never 0

    def profiles(self) -> sp.csr_array:
        """Return what the item model reads, sparse of shape (n_users, n_items)."""
        return self.matrix(self.weights_)

    def matrix(self, data: NDArray[np.generic]) -> sp.csr_array:
        """Return values of pairs as a sparse matrix of shape (n_users, n_items)."""
        check_is_fitted(self)
        shape = (self.indptr_.size - 1, self.n_items_)
        return sp.csr_array((data, self.indices_, self.indptr_), shape=shape)

    def of_users(self, users: IntArray, data: NDArray[np.generic]) -> sp.csr_array:
        """Return values of the pairs of these users, sparse of shape (n, n_items)."""
        row, pair = self.pairs_of(users)
        indptr = np.searchsorted(row, np.arange(users.size + 1))
        return sp.csr_array((data[pair], self.indices_[pair], indptr), shape=(users.size, self.n_items_))

    def pairs_of(self, users: IntArray) -> tuple[IntArray, IntArray]:
        """Return the row (0 for the first of `users`) and the place of each of their pairs."""
        length = self.indptr_[users + 1] - self.indptr_[users]
        row = np.repeat(np.arange(users.size), length)
        within = np.arange(row.size) - np.repeat(np.cumsum(length) - length, length)
        return row, self.indptr_[users][row] + within


def _summed(values: list[FloatArray], starts: IntArray) -> Scores:
    if starts.size == 0:
        return np.zeros((0, len(values)), dtype=np.float32)
    return np.column_stack([np.add.reduceat(value, starts) for value in values]).astype(np.float32)


def checked_purchases(
    user_idx: ArrayLike, item_idx: ArrayLike, age_days: ArrayLike, n_users: int, n_items: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return columns of shape (n,).

    Raises
    ------
    ValueError
        If an index is out of range, an age negative, or lengths differ.
    """
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


def bought_lines(
    user_idx: ArrayLike, item_idx: ArrayLike, age_days: ArrayLike, quantity: ArrayLike, *sizes: int
) -> Purchases:
    """Return checked purchases without returns."""
    user, item, age = checked_purchases(user_idx, item_idx, age_days, *sizes)
    kept = np.asarray(quantity, dtype=np.float64) > 0
    if kept.shape != user.shape:
        raise ValueError("quantity must have one entry for each purchase")
    return Purchases(user[kept], item[kept], age[kept], *sizes)


class Market(BaseEstimator):
    """How products sell: to how many customers, how lately, how often again.

    Attributes
    ----------
    buyers_ : int array of shape (n_items,)
        Different customers who bought an item within the last 30 days.
    scores_ : float32 array of shape (n_items,)
        Those, plus a fraction below 1 that orders equals by their buyers of all time.
    ever_ : int array of shape (n_items,)
        Different buyers of all time.
    table_ : float32 array of shape (n_items, 7)
        Logarithms: share of the buyers of 14, 30, 90 and all days who bought the item, its trend,
        the age of its first sale, and the share of its buyers who bought it again.
    """

    def fit(self, history: History) -> Self:
        """Count the pairs of a history."""
        item, n = history.indices_, history.n_items_
        counts = [np.bincount(item[history.last_ <= window], minlength=n) for window in WINDOWS]
        active = [max(int((history.user_last_ <= window).sum()), 1) for window in WINDOWS]
        self.buyers_, self.ever_ = counts[1], counts[3]
        self.scores_ = (self.buyers_ + self.ever_ / (self.ever_.max(initial=0) + 1.0)).astype(np.float32)
        again = np.bincount(item[history.times_ > 1], minlength=n)
        first = np.zeros(n)
        np.maximum.at(first, item, history.first_)
        shares = [np.log((count + 0.3) / total) for count, total in zip(counts, active, strict=True)]
        trend = np.log((counts[1] + 1.0) / (counts[2] + 3.0))
        repeated = np.log((again + 1.0) / (self.ever_ + 10.0))
        self.table_ = np.column_stack([*shares, trend, np.log1p(first), repeated]).astype(np.float32)
        return self

    def best_sellers(self, allowed: NDArray[np.bool_], n: int) -> IntArray:
        """Return up to `n` allowed items that sold at all, best first."""
        check_is_fitted(self)
        order = np.argsort(-self.scores_, kind="stable")
        return order[allowed[order] & (self.ever_[order] > 0)][:n]
