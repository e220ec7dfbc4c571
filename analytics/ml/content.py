"""What products are, as vectors: for those that nobody has bought yet."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import randomized_svd

Scores = NDArray[np.float32]

_LENGTH = 64
_PRICE_BANDS = 8
_CATEGORY_WEIGHT, _PRICE_WEIGHT = 1.0, 0.5  # beside words, whose weight is 1


def content_vectors(names: Sequence[str], categories: Sequence[str], prices: ArrayLike) -> Scores:
    """Return unit vectors of words, category and price band, shape (n_items, up to 64).

    Words are pieces of two to four characters, so that a language without blanks works too. Products
    of which nothing is known get zeros.

    Parameters
    ----------
    names, categories : sequences of str
        "" where there is none.
    prices : array of shape (n_items,)
        NaN where there is none.
    """
    parts = [part for part in (_words(names), _categories(categories), _price_bands(prices)) if part.shape[1]]
    if not parts:
        return np.zeros((len(names), 1), dtype=np.float32)
    whole = sp.csr_matrix(sp.hstack(parts))
    length = min(_LENGTH, min(whole.shape) - 1)
    if length < 1:
        return np.asarray(normalize(whole).toarray(), dtype=np.float32)
    left, size, _ = randomized_svd(whole, length, random_state=0)
    vectors = left * size
    vectors[np.diff(whole.indptr) == 0] = 0.0
    return np.asarray(normalize(vectors), dtype=np.float32)


def _words(names: Sequence[str]) -> sp.csr_array:
    if not any(len(name.strip()) > 1 for name in names):
        return sp.csr_array((len(names), 0))
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, max_features=20_000)
    return sp.csr_array(pieces.fit_transform(names))


def _categories(categories: Sequence[str]) -> sp.csr_array:
    different, code = np.unique(np.array(categories, dtype=object).astype(str), return_inverse=True)
    return _one_hot(np.where(different == "", -1, np.arange(different.size))[code], _CATEGORY_WEIGHT)


def _price_bands(prices: ArrayLike) -> sp.csr_array:
    price = np.asarray(prices, dtype=np.float64)
    known = np.isfinite(price) & (price > 0.0)
    if not known.any():
        return sp.csr_array((price.size, 0))
    edges = np.unique(np.quantile(price[known], np.linspace(0, 1, _PRICE_BANDS + 1)[1:-1]))
    return _one_hot(np.where(known, np.searchsorted(edges, price), -1), _PRICE_WEIGHT)


def _one_hot(code: NDArray[np.int64], weight: float) -> sp.csr_array:
    row = np.flatnonzero(code >= 0)
    width = int(code.max(initial=-1)) + 1
    return sp.csr_array((np.full(row.size, weight), (row, code[row])), shape=(code.size, width))
