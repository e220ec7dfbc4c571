"""Which products the same customers buy, as far as that is more than chance."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv

from analytics.ml.items import bounded

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_COLUMNS = 512  # products at a time, so that their pairs fit into memory


class Together(NamedTuple):
    """Pairs of products as columns of one length, by item and rank.

    Attributes
    ----------
    item, other : int arrays
        Indices; whoever bought `item` bought `other` as well.
    rank : int array
        1 is the first of an item.
    both, buyers : int arrays
        Customers who bought both, and who bought `item`.
    share, lift : float arrays
        both / buyers, and that divided by the share of `other`'s buyers among all customers.
    """

    item: IntArray
    other: IntArray
    rank: IntArray
    both: IntArray
    buyers: IntArray
    share: FloatArray
    lift: FloatArray


def bought_together(
    bought: sp.csr_array, *, allowed: BoolArray | None = None, k: int = 8, least: int = 5, error: float = 0.05
) -> tuple[Together, int]:
    r"""Return for each product up to `k` others that its buyers also buy, and the customers counted.

    Of :math:`n_i` buyers of a product, :math:`k_{ij}` bought another one too. Large baskets alone
    bring products together: were each customer's basket of size :math:`s_u` filled without regard
    to what else is in it, then :math:`q_j = n_j \sum s_u^2 / (\sum s_u)^2` of the buyers would have
    the other one. A pair counts only when the exact (Clopper-Pearson) lower bound of
    :math:`k_{ij} / n_i` lies above that, at a level that errs for one product with probability
    `error` however many others it is compared with. The order is by how far the bound lies above:
    the extra share that is certain.

    Parameters
    ----------
    bought : sparse array of shape (n_customers, n_items)
        Whatever is not 0 counts as bought. Where counting all pairs would take too long, some
        customers, always the same ones, are left out.
    allowed : bool array of shape (n_items,), optional
        What may stand as the other product.
    k, least : int
        Length of a product's list, and the customers that must have bought both.
    error : float
        Of the lists, the share that holds a pair by chance, at most.

    Returns
    -------
    tuple of Together and int
        The customers counted are those who bought anything.
    """
    ones = np.ones(bought.nnz, dtype=np.float64)
    counted = bounded(sp.csr_array((ones, bought.indices, bought.indptr), shape=bought.shape))
    sizes = np.diff(counted.indptr).astype(np.float64)
    customers = int((sizes > 0).sum())
    n_items = counted.shape[1]
    buyers = np.bincount(counted.indices, minlength=n_items)
    by_chance = np.minimum(buyers * ((sizes**2).sum() / max(sizes.sum(), 1.0) ** 2), 1.0)
    level = error / max(int((buyers >= least).sum()), 1)
    transposed, by_column = counted.T.tocsr(), counted.tocsc()
    parts = [_no_pairs()]
    for start in range(0, n_items, _COLUMNS):
        block = by_column[:, start : start + _COLUMNS].tocsr()
        together = (transposed @ block).tocoo()
        other, item = (place.astype(np.int64) for place in together.coords)
        item, both = item + start, together.data.astype(np.int64)
        kept = (both >= least) & (item != other) & (both > buyers[item] * by_chance[other])
        kept &= allowed is None or allowed[other]
        item, other, both = item[kept], other[kept], both[kept]
        # So many or more by chance: dearer than a comparison, and cheaper than the bound.
        kept = betainc(both, buyers[item] - both + 1.0, by_chance[other]) < level
        item, other, both = item[kept], other[kept], both[kept]
        certain = lowest_share(both, buyers[item], level) - by_chance[other]
        parts.append(_best(item, other, both, certain, k))
    item, other, rank, both = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    share = both / np.maximum(buyers[item], 1)
    lift = share * customers / np.maximum(buyers[other], 1)
    return Together(item, other, rank, both, buyers[item], share, lift), customers


def lowest_share(successes: IntArray, trials: IntArray, level: float) -> FloatArray:
    """Return the exact lower bound of a share: a smaller one gives so many with probability `level`.

    A normal approximation would not do: far out in the tail, and for the few buyers of rare
    products, it lets through what is chance.

    Examples
    --------
    >>> lowest_share(np.array([8, 80]), np.array([10, 100]), 0.025).round(3).tolist()
    [0.444, 0.708]
    """
    return np.asarray(betaincinv(successes, trials - successes + 1.0, level), dtype=np.float64)


def _best(
    item: IntArray, other: IntArray, both: IntArray, certain: FloatArray, k: int
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return item, other, rank and count of the `k` most certain pairs of each item."""
    above = np.flatnonzero(certain > 0.0)
    order = above[np.lexsort((other[above], -certain[above], item[above]))]
    first = np.searchsorted(item[order], item[order])
    rank = np.arange(order.size) - first + 1
    order, rank = order[rank <= k], rank[rank <= k]
    return item[order], other[order], rank, both[order]


def _no_pairs() -> tuple[IntArray, IntArray, IntArray, IntArray]:
    nothing = np.empty(0, dtype=np.int64)
    return nothing, nothing, nothing, nothing
