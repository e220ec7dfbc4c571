"""Which products go with which, learnt from who bought what, in bounded memory."""

from collections.abc import Iterator
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg.lapack import spotrf, spotri
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Scores = NDArray[np.float32]

_COLUMNS = 512  # items at a time while weights are cut down
_MOST_PAIRS = 1_500_000_000  # pairs of items bought by one customer that are counted at most
_MOST_ITEMS = 20_000  # rarer ones go without weights
_TAIL_BUYERS, _TAIL_WEIGHTS = 5, 50
_SAMPLE = 64

Entries = tuple[Scores, IntArray, IntArray]  # values, rows, columns


class ItemModel(BaseEstimator):
    r"""Which products go with which: EASE, a linear autoencoder in closed form, cut to its best weights.

    .. math:: \min_B \lVert X - X B \rVert^2 + \lambda \lVert B \rVert^2
              \ \text{with}\ \mathrm{diag}(B) = 0, \qquad
              B_{ij} = -P_{ij} / P_{jj},\ P = (X^\top X + \lambda I)^{-1}

    Parameters
    ----------
    l2 : float
        :math:`\lambda`, positive; in users.
    max_items : int
        So many of the most bought items take part in the exact solution, which needs 12 bytes for
        each pair of them. Rarer ones, to the 20,000th, get the weights of regressions on one item
        alone, :math:`c_{ij} / (c_{ii} + \lambda)`, times the factor that fits the exact ones best.
    max_weights : int
        So many of the strongest weights are kept for each product; 0 keeps all.

    Attributes
    ----------
    weights_ : float32 csr array of shape (n_items, n_items)
        What having bought the row's item adds to the column's.
    n_items_ : int
        All items.

    References
    ----------
    .. [1] Steck (2019), "Embarrassingly shallow autoencoders for sparse data", WWW.
    """

    def __init__(self, *, l2: float = 300.0, max_items: int = 6_000, max_weights: int = 200) -> None:
        self.l2 = l2
        self.max_items = max_items
        self.max_weights = max_weights

    def fit(self, X: sp.csr_array) -> Self:
        """Learn from `X` of shape (n_users, n_items); whatever is not 0 counts as bought.

        Raises
        ------
        ValueError
            If `l2` is not positive.
        """
        if self.l2 <= 0.0:
            raise ValueError("l2 must be positive")
        self.n_items_ = int(X.shape[1])
        ones = np.ones(X.nnz, dtype=np.float32)
        bought = bounded(sp.csr_array((ones, X.indices, X.indptr), shape=X.shape))
        buyers = np.bincount(bought.indices, minlength=self.n_items_)
        most = np.argsort(-buyers, kind="stable")
        most = most[buyers[most] > 0]
        head = np.sort(most[: self.max_items])
        gram = _gram(bought[:, head])
        tail = most[self.max_items : _MOST_ITEMS]
        tail = np.sort(tail[buyers[tail] >= _TAIL_BUYERS])
        sample = np.arange(0, head.size, max(head.size // _SAMPLE, 1)) if tail.size else head[:0]
        alone = _alone(gram[:, sample], gram.diagonal(), self.l2)
        inverse = _inverse(gram, self.l2)  # in the place of gram
        parts = [_exact_weights(inverse, head, self.max_weights or head.size)]
        if tail.size:
            exact = -_columns(inverse, sample) / inverse[sample, sample]
            exact[sample, np.arange(sample.size)] = 0.0
            alone[sample, np.arange(sample.size)] = 0.0
            factor = float((exact * alone).sum() / max(float((alone**2).sum()), 1e-12))
            parts.append(_tail_weights(bought, tail, buyers, self.l2, factor))
        data, row, column = _joined(parts)
        self.weights_ = sp.csr_array((data, (row, column)), shape=(self.n_items_, self.n_items_))
        return self

    def score(self, X: sp.csr_array) -> Scores:
        """Return scores of all items for profiles `X`, dense (n, n_items); 0 says nothing.

        Values of `X` weigh the items of a profile; 1 is a full purchase, less an old one.
        """
        check_is_fitted(self)
        return np.asarray((X.astype(np.float32) @ self.weights_).toarray())

    def explain(self, X: sp.csr_array, rows: IntArray, items: IntArray) -> tuple[IntArray, FloatArray]:
        """Return for each pair of row and item what spoke most for it, and its share.

        Parameters
        ----------
        X : sparse array of shape (n, n_items)
            Profiles as in `score`.
        rows, items : int arrays of shape (pairs,)
            Any pairs.

        Returns
        -------
        tuple of arrays of shape (pairs,)
            The profile's item that added most, and its part of all that was added, in (0, 1]; -1
            and 0 where nothing speaks for the item.
        """
        reason, share = np.full(rows.size, -1), np.zeros(rows.size)
        if rows.size == 0 or X.nnz == 0:
            return reason, share
        towards = self.weights_.tocsc()[:, items].T.tocsr()
        added = sp.csr_array(X[rows].multiply(towards))
        added.data = np.maximum(added.data, 0.0)
        added.eliminate_zeros()
        some = np.flatnonzero(np.diff(added.indptr))
        if some.size == 0:
            return reason, share
        starts = added.indptr[some]
        best = np.maximum.reduceat(added.data, starts)
        pair = np.repeat(np.arange(some.size), np.diff(added.indptr)[some])
        at_best = np.flatnonzero(added.data == best[pair])
        _, first = np.unique(pair[at_best], return_index=True)
        reason[some] = added.indices[at_best[first]]
        share[some] = best / np.add.reduceat(added.data, starts)
        return reason, share


def bounded(bought: sp.csr_array) -> sp.csr_array:
    """Leave out customers, always the same ones, where counting all pairs would take too long."""
    pairs = np.diff(bought.indptr).astype(np.int64) ** 2
    if pairs.sum() <= _MOST_PAIRS:
        return bought
    order = np.random.default_rng(0).permutation(pairs.size)
    return bought[np.sort(order[np.cumsum(pairs[order]) <= _MOST_PAIRS])]


def _gram(bought: sp.csr_array) -> Scores:
    """Return how many customers bought both of two items, in Fortran order."""
    n = bought.shape[1]
    gram = np.empty((n, n), dtype=np.float32, order="F")
    transposed = bought.T.tocsr()
    by_column = bought.tocsc()
    for columns in _blocks(n):
        gram[:, columns] = (transposed @ by_column[:, columns].tocsr()).toarray()
    return gram


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + _COLUMNS, n)) for start in range(0, n, _COLUMNS))


def exact_weights(X: sp.csr_array, *, l2: float, max_items: int) -> tuple[IntArray, Scores]:
    """Return all weights of the most bought items, uncut: the items, ascending, and weights (m, m)."""
    ones = np.ones(X.nnz, dtype=np.float32)
    bought = bounded(sp.csr_array((ones, X.indices, X.indptr), shape=X.shape))
    buyers = np.bincount(bought.indices, minlength=X.shape[1])
    most = np.argsort(-buyers, kind="stable")[:max_items]
    head = np.sort(most[buyers[most] > 0])
    upper = np.triu(_inverse(_gram(bought[:, head]), l2))
    diagonal = upper.diagonal().copy()
    weights: Scores = -(upper + upper.T) / diagonal
    np.fill_diagonal(weights, 0.0)
    return head, weights


def _alone(together: Scores, buyers: Scores, l2: float) -> Scores:
    """Return the weights of regressions on one item, given counts of pairs (sources, targets)."""
    weights: Scores = together / (buyers[:, None] + np.float32(l2))
    return weights


def _inverse(gram: Scores, l2: float) -> Scores:
    """Return the upper triangle of the inverse, in the place of the counts."""
    if gram.size == 0:
        return gram
    gram[np.diag_indices_from(gram)] += np.float32(l2)
    factor, failed = spotrf(gram, lower=False, overwrite_a=True)
    inverse, failed_too = spotri(factor, lower=False, overwrite_c=True)
    if failed or failed_too:
        raise FloatingPointError("the item counts could not be inverted")
    return np.asarray(inverse, dtype=np.float32)


def _columns(upper: Scores, columns: IntArray) -> Scores:
    """Return these columns of a symmetric matrix of which only the upper triangle is right."""
    above = np.arange(len(upper))[:, None] <= columns[None, :]
    return np.where(above, upper[:, columns], upper[columns].T)


def _exact_weights(inverse: Scores, head: IntArray, kept: int) -> Entries:
    """Return the strongest weights towards each item of the head."""
    parts: list[Entries] = []
    for columns in _blocks(len(inverse)):
        at = np.arange(columns.start, columns.stop)
        weights: Scores = -_columns(inverse, at) / inverse[at, at]
        weights[at, np.arange(at.size)] = 0.0
        value, place = strongest(weights, kept)
        target = np.broadcast_to(head[at][:, None], place.shape)
        parts.append((value.ravel(), head[place].ravel(), target.ravel()))
    return _joined(parts)


def strongest(weights: Scores, kept: int) -> tuple[Scores, IntArray]:
    """Return the largest values of each column by size, and their rows, both (columns, kept)."""
    towards = np.ascontiguousarray(weights.T)
    if kept >= towards.shape[1]:
        return towards, np.broadcast_to(np.arange(towards.shape[1]), towards.shape)
    rows = np.argpartition(-np.abs(towards), kept - 1, axis=1)[:, :kept]
    return np.take_along_axis(towards, rows, axis=1), rows


def _tail_weights(
    bought: sp.csr_array, tail: IntArray, buyers: IntArray, l2: float, factor: float
) -> Entries:
    """Return weights towards rare items from any other, each learnt from that pair alone."""
    parts: list[Entries] = []
    transposed, by_column = bought.T.tocsr(), bought.tocsc()
    for columns in _blocks(tail.size):
        targets = tail[columns]
        together = (transposed @ by_column[:, targets].tocsr()).tocoo()
        often = together.data > 1.0  # one customer in common says nothing
        together = sp.coo_array(
            (together.data[often], tuple(part[often] for part in together.coords)), shape=together.shape
        )
        source, target = together.coords[0].astype(np.int64), targets[together.coords[1]]
        value = (together.data / (buyers[source] + l2)).astype(np.float32) * np.float32(factor)
        value[source == target] = 0.0
        order = np.lexsort((-value, target))
        first = np.searchsorted(target[order], targets)
        rank = np.arange(order.size) - first[np.searchsorted(targets, target[order])]
        order = order[(rank < _TAIL_WEIGHTS) & (value[order] > 0.0)]
        parts.append((value[order], source[order], target[order]))
    return _joined(parts)


def _joined(parts: list[Entries]) -> Entries:
    if not parts:
        return np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    values, rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    return values, rows, columns
