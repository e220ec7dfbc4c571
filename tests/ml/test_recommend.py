import time

import numpy as np
import pytest
import scipy.sparse as sp

from analytics.ml.history import History
from analytics.ml.recommend import Recommender
from tests.ml.persistence import stored_and_loaded

N_USERS, N_ITEMS = 300, 60


@pytest.fixture(scope="module")
def lines():
    """Return order lines of two tastes: even users buy items 0-29, odd users 30-59.

    The last 20 users bought nothing; item 59 was never bought; item 0 sells most of late.
    """
    rng = np.random.default_rng(0)
    user = rng.integers(0, N_USERS - 20, 6_000)
    item = np.where(user % 2, 30, 0) + np.minimum(rng.geometric(0.12, 6_000) - 1, 28)
    age = rng.uniform(0, 300, 6_000)
    age[item == 0] /= 10
    return user, item, age, np.ones(6_000)


@pytest.fixture(scope="module")
def model(lines):
    return Recommender(l2=20.0, label_days=30).fit(*lines, N_USERS, N_ITEMS)


def bought(lines):
    matrix = np.zeros((N_USERS, N_ITEMS), bool)
    matrix[lines[0], lines[1]] = True
    return matrix


def times_of(model):
    history = model.shelf_.history
    return history.matrix(history.times_).toarray()


def test_everybody_gets_a_full_list_without_doubles(model):
    result = model.recommend(np.arange(N_USERS), k=10)

    assert np.array_equal(np.bincount(result.user), np.full(N_USERS, 10))
    assert np.array_equal(result.rank.reshape(-1, 10), np.tile(np.arange(1, 11), (N_USERS, 1)))
    assert np.unique(result.user * N_ITEMS + result.item).size == result.item.size
    assert np.isfinite(result.score).all()


def test_kinds_say_the_truth(model, lines):
    owned = bought(lines)

    result = model.recommend(np.arange(N_USERS), k=10)
    had = owned[result.user, result.item]

    assert had[result.kind == "repeat"].all()
    assert not had[result.kind == "new"].any()
    assert set(result.kind[result.user >= N_USERS - 20]) == {"popular"}


def test_new_offers_follow_the_customers_taste(model):
    result = model.recommend(np.arange(N_USERS - 20), k=10)
    new = result.kind == "new"

    same_taste = (result.item[new] >= 30) == (result.user[new] % 2 == 1)

    assert same_taste.mean() > 0.9


def test_reasons_can_be_checked_against_the_purchases(model, lines):
    owned = bought(lines)
    result = model.recommend(np.arange(N_USERS), k=10)
    new, repeat, popular = (result.kind == kind for kind in ("new", "repeat", "popular"))

    assert owned[result.user[new], result.reason_item[new]].all()
    assert np.all((result.reason_value[new] > 0) & (result.reason_value[new] <= 1 + 1e-6))
    assert np.all(result.reason_item[~new] == -1)
    assert np.array_equal(
        result.reason_value[repeat],
        times_of(model)[result.user[repeat], result.item[repeat]],
    )
    assert np.array_equal(result.reason_value[popular], model.shelf_.market.buyers_[result.item[popular]])


def test_items_that_are_not_sold_never_appear(model):
    barred = np.zeros(N_ITEMS, bool)
    barred[:25] = True

    result = model.recommend(np.arange(N_USERS), k=10, exclude=barred)

    assert result.item.min() == 25
    assert np.array_equal(np.bincount(result.user), np.full(N_USERS, 10))


def test_lists_are_short_only_when_too_little_is_sold(model):
    barred = np.ones(N_ITEMS, bool)
    barred[[3, 40, 59]] = False

    result = model.recommend([0, 1, N_USERS - 1], k=10, exclude=barred)

    assert np.array_equal(np.bincount(result.user)[[0, 1, N_USERS - 1]], [3, 3, 3])
    assert model.recommend([0], exclude=np.ones(N_ITEMS, bool)).item.size == 0


@pytest.mark.parametrize(
    ("new", "repeat", "k", "repeats"), [(5, 5, 10, 5), (5, 5, 4, 2), (10, 0, 10, 0), (0, 10, 10, 10)]
)
def test_slots_are_shared_out_in_proportion(lines, new, repeat, k, repeats):
    model = Recommender(l2=20.0, new_slots=new, repeat_slots=repeat).fit(*lines, N_USERS, N_ITEMS)
    frequent = np.flatnonzero(bought(lines).sum(axis=1) >= 12)

    result = model.recommend(frequent, k=k)

    assert (result.kind == "repeat").sum() == repeats * frequent.size


def test_asking_for_one_user_gives_the_same_as_asking_for_all(model):
    everybody = model.recommend(np.arange(N_USERS))

    alone = model.recommend([123])

    assert np.array_equal(alone.item, everybody.item[everybody.user == 123])


def test_returns_are_no_purchases(lines):
    user, item, age, quantity = (column.copy() for column in lines)
    quantity[item == 5] = -1

    model = Recommender().fit(user, item, age, quantity, N_USERS, N_ITEMS)

    assert model.shelf_.market.buyers_[5] == 0
    assert not times_of(model)[:, 5].any()


def test_book_without_purchases_still_fills_its_lists():
    model = Recommender().fit([], [], [], [], 3, 20)

    result = model.recommend([0, 1, 2], k=5)

    assert result.item.size == 15
    assert set(result.kind) == {"popular"}
    assert model.recommend([]).item.size == 0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([3], [0], [1], [1]), "out of range"),
        (([0], [5], [1], [1]), "out of range"),
        (([0], [0], [-1], [1]), "not negative"),
        (([0], [0, 1], [1], [1]), "one length"),
        (([0], [0], [1], [1, 2]), "one entry"),
    ],
)
def test_refuses_impossible_lines(columns, message):
    with pytest.raises(ValueError, match=message):
        Recommender().fit(*columns, 3, 5)


def test_refuses_impossible_questions(model):
    with pytest.raises(ValueError, match="user index"):
        model.recommend([N_USERS])
    with pytest.raises(ValueError, match="k must"):
        model.recommend([0], k=0)
    with pytest.raises(ValueError, match="exclude"):
        model.recommend([0], exclude=[True])


def test_the_blend_is_stored_without_what_is_known_of_customers(model, lines):
    blend = Recommender(l2=20.0, label_days=30).with_blend_of(model)

    again = stored_and_loaded(blend).stock(*lines, N_USERS, N_ITEMS)

    before, after = (each.recommend(np.arange(N_USERS)) for each in (model, again))
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


def test_a_first_order_changes_the_list_without_learning_again(model, lines):
    stranger = N_USERS - 1
    user, item, age, _ = lines
    seen = History().fit(
        np.append(user, stranger), np.append(item, 41), np.append(age, 0.0), n_users=N_USERS, n_items=N_ITEMS
    )

    before = model.recommend([stranger])
    after = model.for_users(seen).recommend([stranger])

    assert set(before.kind) == {"popular"}
    assert after.item[after.kind == "repeat"].tolist() == [41]
    assert (after.item[after.kind == "new"] >= 30).mean() > 0.8
    assert set(after.reason_item[after.kind == "new"]) == {41}


def test_what_is_hidden_for_one_customer_is_shown_to_others(model):
    usual = model.recommend([0, 1, 2])
    hidden = sp.csr_array(([1.0] * 3, ([1] * 3, usual.item[usual.user == 1][:3])), shape=(N_USERS, N_ITEMS))

    found = model.recommend([0, 1, 2], hidden=hidden)

    assert not set(usual.item[usual.user == 1][:3]) & set(found.item[found.user == 1])
    for user in (0, 2):
        assert np.array_equal(found.item[found.user == user], usual.item[usual.user == user])


def test_what_nobody_has_bought_yet_is_offered_for_what_it_is(lines):
    taste = np.repeat(np.float32([[1, 0], [0, 1]]), 30, axis=0)
    content = np.vstack([taste, np.float32([[1, 0], [0, 1]])])  # two newcomers, one of each taste
    model = Recommender(l2=20.0, label_days=30).fit(*lines, N_USERS, N_ITEMS + 2, content=content)
    everything_else = np.ones(N_ITEMS + 2, bool)
    everything_else[[N_ITEMS, N_ITEMS + 1]] = False

    found = model.recommend([0, 1], k=2, exclude=everything_else)

    best = found.rank == 1
    assert found.kind[best].tolist() == ["alike"] * 2
    assert found.item[best].tolist() == [N_ITEMS, N_ITEMS + 1]
    assert bought(lines)[found.user[best], found.reason_item[best]].all()
    assert found.reason_value[best] == pytest.approx([1.0, 1.0])


def test_no_list_holds_more_than_three_of_a_category(model):
    groups = np.arange(N_ITEMS) % 6
    groups[groups > 3] = -1  # no category

    found = model.recommend(np.arange(N_USERS), k=10, groups=groups)

    counts = np.zeros((N_USERS, 5), int)
    np.add.at(counts, (found.user, groups[found.item]), 1)
    assert counts[:, :4].max() == 3
    assert counts[:, 4].max() > 3
    assert np.array_equal(np.bincount(found.user), np.full(N_USERS, 10))
    assert np.unique(found.user * N_ITEMS + found.item).size == found.item.size


def test_one_category_for_everything_does_not_make_lists_short(model):
    usual = model.recommend(np.arange(N_USERS), k=10)

    found = model.recommend(np.arange(N_USERS), k=10, groups=np.zeros(N_ITEMS, dtype=int))

    assert np.array_equal(np.bincount(found.user), np.full(N_USERS, 10))
    assert np.array_equal(found.item[found.rank == 1], usual.item[usual.rank == 1])


def test_lists_of_all_kinds_come_from_one_pass(model, lines):
    owned = bought(lines)
    users = np.arange(N_USERS)

    found = model.lists(users, 10, np.zeros(N_ITEMS, bool))

    real = found["repeat"] >= 0
    assert owned[np.repeat(users, real.sum(axis=1)), found["repeat"][real]].all()
    assert not owned[users[:, None], found["new"]].any()
    assert all(len(set(row)) == 10 for name in ("all", "new") for row in found[name].tolist())


@pytest.mark.long
def test_two_thousand_customers_a_second_in_all_modes_at_four_thousand_items():
    rng = np.random.default_rng(0)
    n_users, n_items, n = 3_000, 4_000, 150_000
    item = (n_items * rng.random(n) ** 2).astype(int)
    model = Recommender().fit(
        rng.integers(0, n_users, n), item, rng.uniform(0, 365, n), np.ones(n), n_users, n_items
    )

    began = time.process_time()
    for start in range(0, n_users, 250):
        model.lists(np.arange(start, start + 250), 10, np.zeros(n_items, bool))

    assert n_users / (time.process_time() - began) > 2_000
