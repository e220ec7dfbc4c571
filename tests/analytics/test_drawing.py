"""A large book is learnt from by some of its accounts."""

import numpy as np
import pytest

from analytics.pipelines.drawing import drawn, share_learnt_from

ACCOUNTS = np.arange(1, 200_001)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.7])
def test_about_the_share_is_drawn_and_no_run_of_numbers(share):
    kept = drawn(ACCOUNTS, share)

    assert kept.mean() == pytest.approx(share, abs=0.005)
    assert kept.reshape(200, -1).mean(axis=1) == pytest.approx(np.full(200, share), abs=0.08)


def test_the_same_accounts_are_drawn_whoever_else_is_there():
    kept, some = drawn(ACCOUNTS, 0.3), ACCOUNTS[::7]

    assert np.array_equal(drawn(some, 0.3), kept[::7])
    assert set(ACCOUNTS[drawn(ACCOUNTS, 0.2)]) < set(ACCOUNTS[kept])


def test_a_book_that_is_small_enough_is_learnt_from_whole():
    assert share_learnt_from(50_000) == share_learnt_from(0) == 1.0
    assert share_learnt_from(200_000) == 0.25
    assert drawn(ACCOUNTS, 1.0).all()
