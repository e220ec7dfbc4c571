"""Which accounts of a large book are learnt from: more would say the same, and would not fit into memory."""

import numpy as np
from numpy.typing import NDArray

MOST_LEARNT_FROM = 50_000  # accounts at each cut-off, of which there are five
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def share_learnt_from(accounts: int) -> float:
    """Return the share of so many accounts, 0..1, that is learnt from."""
    return min(1.0, MOST_LEARNT_FROM / accounts) if accounts else 1.0


def drawn(account_ids: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Say which accounts are among the share: the same ones at every moment and in every process.

    By a hash of the number (the finaliser of SplitMix64; Steele, Lea & Flood 2014), so that an account that
    is gone or has come changes nothing for the others.
    """
    if share >= 1.0:
        return np.ones(account_ids.shape, dtype=bool)
    with np.errstate(over="ignore"):  # it lives from running over
        mixed = account_ids.astype(np.uint64)
        for shift, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(multiplier)
        mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)) < np.uint64(share * 2**53)
