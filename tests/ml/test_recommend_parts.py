"""The parts of the recommender: weights between products, histories, the market, lists."""

import numpy as np
import pytest
import scipy.sparse as sp

from analytics.ml.blending import QuadraticLogistic
from analytics.ml.content import content_vectors
from analytics.ml.history import History, Market
from analytics.ml.items import ItemModel, exact_weights
from analytics.ml.listing import recommend_top


def test_top_items_are_ordered_and_missing_ones_marked():
    items, scores = recommend_top(np.float32([[0.2, -np.inf, 0.7]]), 4)

    assert items.tolist() == [[2, 0, -1, -1]]
    assert scores[0, 2] == -np.inf


def test_item_weights_solve_the_constrained_problem():
    x = (np.random.default_rng(0).random((200, 12)) < 0.3).astype(float)
    model = ItemModel(l2=5.0).fit(sp.csr_array(x))
    weights = model.weights_.toarray().astype(float)

    gradient = x.T @ (x @ weights - x) + 5.0 * weights  # 0 wherever the weight is free

    assert np.abs(gradient[~np.eye(12, dtype=bool)]).max() < 1e-4
    assert np.all(np.diag(weights) == 0)


def test_the_uncut_weights_are_those_of_the_model():
    x = sp.csr_array((np.random.default_rng(0).random((200, 12)) < 0.3).astype(float))

    items, weights = exact_weights(x, l2=5.0, max_items=8)
    model = ItemModel(l2=5.0, max_items=8).fit(x)

    assert items.size == 8
    assert np.allclose(model.weights_.toarray()[np.ix_(items, items)], weights, atol=1e-6)


def test_only_the_strongest_weights_towards_a_product_are_kept():
    x = sp.csr_array((np.random.default_rng(0).random((200, 12)) < 0.3).astype(float))
    every = ItemModel(l2=5.0).fit(x).weights_.toarray()

    kept = ItemModel(l2=5.0, max_weights=4).fit(x).weights_.toarray()

    assert np.all((kept != 0).sum(axis=0) == 4)
    for column in range(12):
        strongest = np.argsort(-np.abs(every[:, column]))[:4]
        assert set(strongest) == set(np.flatnonzero(kept[:, column]))


def test_rare_items_get_weights_too_when_there_are_too_many():
    rng = np.random.default_rng(0)
    taste = rng.random(400) < 0.5
    likely = np.where(taste[:, None], np.repeat([0.5, 0.02], 20), np.repeat([0.02, 0.5], 20))
    likely[:, [19, 39]] *= 0.2  # rare ones, one of each taste
    x = sp.csr_array((rng.random((400, 40)) < likely).astype(float))

    model = ItemModel(l2=5.0, max_items=38).fit(x)
    scores = model.score(x)

    assert model.weights_.shape == (40, 40)
    assert scores[taste][:, 19].mean() > 2 * scores[~taste][:, 19].mean()
    assert scores[~taste][:, 39].mean() > 2 * scores[taste][:, 39].mean()
    head = np.setdiff1d(np.arange(40), np.flatnonzero(np.diff(model.weights_.tocsc().indptr) == 0))
    assert head.size == 40


def test_reason_is_the_item_that_added_most():
    x = sp.csr_array((np.random.default_rng(0).random((50, 8)) < 0.4).astype(float))
    model = ItemModel(l2=2.0).fit(x)
    rows, items = np.nonzero((model.score(x) > 0) & (x.toarray() == 0))

    reason, share = model.explain(x, rows, items)

    for row, item, found, part in zip(rows, items, reason, share, strict=True):
        added = x.toarray()[row] * model.weights_.toarray()[:, item]
        assert found == added.argmax()
        assert part == pytest.approx(added.max() / added[added > 0].sum(), rel=1e-5)


def test_nothing_is_explained_where_nothing_speaks_for_an_item():
    x = sp.csr_array(np.eye(4))
    model = ItemModel(l2=1.0).fit(x)

    reason, share = model.explain(x, np.array([0, 1]), np.array([2, 3]))

    assert reason.tolist() == [-1, -1]
    assert share.tolist() == [0, 0]


def history():
    user = [0, 0, 0, 0, 1, 2]
    item = [1, 1, 1, 0, 1, 2]
    age = [0, 0.5, 30, 60, 90, 400]
    return History(half_life_days=30).fit(user, item, age, n_users=4, n_items=4)


def test_purchases_fade_with_age_and_visits_and_a_day_counts_once():
    found = history()

    assert found.matrix(found.times_).toarray().tolist() == [
        [1, 2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0],
    ]  # fmt: skip
    faded = found.matrix(found.faded_[:, 0]).toarray()
    assert faded[0, :2] == pytest.approx([0.25, 1.5])
    assert found.matrix(found.visits_[:, 1]).toarray()[0, :2] == pytest.approx([0.81, 1.9])
    assert found.profiles().toarray()[0, :2] == pytest.approx([0.25, 1.0])  # at most one liking
    assert found.last_.tolist() == [60, 0, 90, 400]
    assert found.first_.tolist() == [60, 30, 90, 400]


def test_customers_have_days_and_ages():
    found = history()

    assert found.days_.tolist() == [3, 1, 1, 0]
    assert found.user_last_.tolist() == [0, 90, 400, np.inf]
    assert found.user_first_.tolist() == [60, 90, 400, np.inf]
    row, pair = found.pairs_of(np.array([3, 2, 0]))
    assert row.tolist() == [1, 2, 2]
    assert found.indices_[pair].tolist() == [2, 0, 1]


def test_market_counts_recent_buyers_and_falls_back_on_all_time():
    seen = History().fit([0, 0, 1, 0, 1], [0, 0, 0, 1, 2], [1, 2, 3, 90, 10], n_users=2, n_items=4)

    market = Market().fit(seen)

    assert market.buyers_.tolist() == [2, 0, 1, 0]
    assert market.ever_.tolist() == [2, 1, 1, 0]
    assert np.argsort(-market.scores_).tolist() == [0, 2, 1, 3]
    assert market.best_sellers(np.array([False, True, True, True]), 5).tolist() == [2, 1]
    assert np.isfinite(market.table_).all()


def test_the_blend_finds_products_of_columns():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 3)).astype(np.float32)
    odds = -1.0 + x[:, 0] + 1.5 * x[:, 1] * x[:, 2]
    y = rng.random(20_000) < 1 / (1 + np.exp(-odds))

    found = QuadraticLogistic(ridge=1e-3).fit(x, y).decision_function(x)
    straight = QuadraticLogistic(ridge=1e-3, squares=False).fit(x, y).decision_function(x)

    inside = (np.abs(x) < 2.5).all(axis=1)
    assert np.abs(found - odds)[inside].mean() < 0.15
    assert np.corrcoef(straight, odds)[0, 1] < 0.7


def test_weights_of_a_sample_undo_the_sampling():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40_000, 1)).astype(np.float32)
    y = rng.random(40_000) < 1 / (1 + np.exp(3 - x[:, 0]))
    kept = y | (rng.random(40_000) < 0.2)

    model = QuadraticLogistic(squares=False, ridge=1e-3)
    model.fit(x[kept], y[kept], np.where(y, 1.0, 5.0)[kept])

    assert model.decision_function(np.float32([[0.0]]))[0] == pytest.approx(-3.0, abs=0.15)


def test_refuses_to_learn_where_all_outcomes_are_alike():
    with pytest.raises(ValueError, match="alike"):
        QuadraticLogistic().fit([[1.0], [2.0]], [0, 0])


def test_products_are_alike_by_words_category_and_price():
    names = ["red tea lamp", "blue tea lamp", "garden spade", "garden rake", "红色茶杯", "蓝色茶杯", ""]
    categories = ["light", "light", "garden", "garden", "cup", "cup", ""]
    prices = [10.0, 11.0, 30.0, 31.0, 5.0, 5.0, np.nan]

    vectors = content_vectors(names, categories, prices)
    like = vectors @ vectors.T
    np.fill_diagonal(like, -1)

    assert like[:6].argmax(axis=1).tolist() == [1, 0, 3, 2, 5, 4]
    assert np.allclose((vectors[:6] ** 2).sum(axis=1), 1, atol=1e-5)
    assert not vectors[6].any()
    assert not content_vectors(["", ""], ["", ""], [np.nan, np.nan]).any()
