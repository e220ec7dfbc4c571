"""How good ranked lists are, held against what was really bought."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike


def ndcg_and_recall(
    user: ArrayLike, item: ArrayLike, rank: ArrayLike, bought: sp.csr_array, k: int = 10
) -> tuple[float, float]:
    r"""Mean NDCG@k and recall@k over the users who bought something.

    .. math:: \mathrm{NDCG@k} = \frac{\sum_{r \le k} \mathrm{hit}_r / \log_2(r + 1)}
              {\sum_{r \le \min(k, n)} 1 / \log_2(r + 1)}

    Parameters
    ----------
    user, item, rank : int arrays of shape (n,)
        The lists; ranks start at 1.
    bought : csr array of shape (n_users, n_items)
        Stored entries are what each user bought in the test period.
    k : int
        Length of the lists that counts.

    Raises
    ------
    ValueError
        If nobody bought anything: there is no truth to hold the lists against.

    References
    ----------
    .. [1] Järvelin and Kekäläinen (2002), "Cumulated gain-based evaluation of IR techniques",
           ACM TOIS 20, 422-446.

    Examples
    --------
    >>> bought = sp.csr_array([[1, 0, 1]])
    >>> ndcg_and_recall([0, 0], [0, 1], [1, 2], bought, k=2)
    (0.6131..., 0.5)
    """
    users, items, ranks = (np.asarray(column) for column in (user, item, rank))
    truth = bought.astype(bool).tocsr()
    wanted = np.diff(truth.indptr)
    buyers = np.flatnonzero(wanted)
    if buyers.size == 0:
        raise ValueError("nobody bought anything in the test period")
    top = ranks <= k
    users, items, ranks = users[top], items[top], ranks[top]
    hit = np.asarray(truth[users, items]).ravel()
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    gain = np.bincount(users, weights=hit * discount[ranks - 1], minlength=truth.shape[0])
    hits = np.bincount(users, weights=hit, minlength=truth.shape[0])
    ideal = np.cumsum(discount)[np.minimum(wanted[buyers], k) - 1]
    return float((gain[buyers] / ideal).mean()), float((hits[buyers] / wanted[buyers]).mean())
