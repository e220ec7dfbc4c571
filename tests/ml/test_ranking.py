import numpy as np
import pytest
import scipy.sparse as sp

from analytics.ml.ranking import ndcg_and_recall


def test_a_list_of_everything_bought_is_perfect():
    bought = sp.csr_array([[1, 1, 0]])

    assert ndcg_and_recall([0, 0], [1, 0], [1, 2], bought) == pytest.approx((1.0, 1.0))


def test_a_hit_on_the_second_place_counts_less_than_on_the_first():
    bought = sp.csr_array([[0, 1]])

    ndcg, recall = ndcg_and_recall([0, 0], [0, 1], [1, 2], bought)

    assert (ndcg, recall) == pytest.approx((1 / np.log2(3), 1.0))


def test_those_who_bought_nothing_do_not_count():
    bought = sp.csr_array([[1, 0], [0, 0]])

    assert ndcg_and_recall([0, 1], [0, 1], [1, 1], bought) == pytest.approx((1.0, 1.0))


def test_refuses_a_test_period_without_purchases():
    with pytest.raises(ValueError, match="nobody bought"):
        ndcg_and_recall([0], [0], [1], sp.csr_array((1, 2)))
