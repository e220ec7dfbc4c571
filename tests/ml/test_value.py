import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.ml.value import BetaGeoNBD, CustomerValue, Earlier, GammaGammaSpend, History, ParetoNBD
from tests.ml.persistence import stored_and_loaded


@pytest.fixture(scope="module")
def simulated():
    """Return histories of 2,000 customers drawn from the model, with amounts."""
    rng = np.random.default_rng(0)
    n = 2_000
    age = rng.uniform(10, 100, n)
    rate, leaving = rng.gamma(0.8, 1 / 8, n), rng.beta(1.0, 3.0, n)
    frequency, recency = np.zeros(n), np.zeros(n)
    for i in range(n):
        at = rng.exponential(1 / rate[i])
        while at < age[i]:
            frequency[i], recency[i] = frequency[i] + 1, at
            if rng.random() < leaving[i]:
                break
            at += rng.exponential(1 / rate[i])
    spread = rng.gamma(4, 1 / 15, n)
    amount = rng.gamma(6 * (frequency + 1)) / spread / (frequency + 1)
    return frequency, recency, age, amount


@pytest.fixture(scope="module")
def fitted(simulated):
    return CustomerValue(model="bg_nbd").fit(*simulated)


def test_recovers_what_the_customers_were_drawn_from(fitted):
    model, spend = fitted.purchases_, fitted.spend_

    assert model.r_ / model.alpha_ == pytest.approx(0.1, rel=0.15)
    assert model.a_ / (model.a_ + model.b_) == pytest.approx(0.25, rel=0.15)
    assert spend.p_ * spend.gamma_ / (spend.q_ - 1) == pytest.approx(30, rel=0.1)


def test_chance_of_being_active_falls_with_silence(fitted):
    alive = fitted.purchases_.probability_alive([5, 5, 5, 0], [90, 50, 10, 0], [90] * 4)

    assert 1 > alive[0] > alive[1] > alive[2]
    assert alive[3] == 1.0


def test_expectation_grows_with_the_horizon_and_is_nothing_for_none(fitted, simulated):
    history = [column[:50] for column in simulated[:3]]
    none, month, year = (fitted.purchases_.expected_purchases(t, *history) for t in (0, 4, 52))

    assert np.all(none == 0)
    assert np.all((month > 0) & (year > month))


def test_few_purchases_are_pulled_to_the_mean_and_many_are_believed(fitted):
    few, many, none = fitted.spend_.expected_average([1, 1_000, 0], [300.0, 300.0, np.nan])

    assert none == pytest.approx(30, rel=0.1)
    assert few == pytest.approx(6 * (15 + 300) / (6 + 4 - 1), rel=0.1)  # of the planted parameters
    assert many == pytest.approx(300, rel=0.02)


@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd", "pareto_nbd"])
def test_simulated_futures_have_the_expected_mean(simulated, name):
    rows = [column[:300] for column in simulated]
    model = CustomerValue(model=name, draws=4_000).fit(*simulated)
    forecast = model.forecast(*rows, horizon=26)
    frequency, _recency, tenure, amount = rows
    rng = np.random.default_rng(1)

    customers = zip(frequency, tenure, amount, forecast.alive, strict=True)
    purchases, money = np.array([model._simulate(*customer, 26, rng) for customer in customers]).mean((0, 2))

    assert purchases == pytest.approx(forecast.purchases.mean(), rel=0.02)
    assert money == pytest.approx(forecast.expected.mean(), rel=0.02)


def test_interval_holds_the_expectation_and_repeats_itself(fitted, simulated):
    forecast = fitted.forecast(*simulated, horizon=26)
    again = fitted.forecast(*simulated, horizon=26)

    assert np.all((forecast.low >= 0) & (forecast.low <= forecast.expected))
    assert np.all(forecast.expected <= forecast.high)
    assert np.array_equal(forecast.high, again.high)


def test_a_customer_is_told_the_same_whoever_else_is_asked_about(fitted, simulated):
    everybody = fitted.forecast(*simulated, horizon=26)

    one = fitted.forecast(*(column[7:8] for column in simulated), horizon=26)

    assert [float(column[0]) for column in one] == [float(column[7]) for column in everybody]


histories = st.lists(
    st.tuples(
        st.one_of(st.just(0), st.integers(0, 5), st.integers(0, 10**6)),
        st.floats(0, 1),
        st.one_of(st.just(0.0), st.floats(1e-6, 1e5)),
        st.floats(1e-4, 1e9),
    ),
    min_size=1,
    max_size=8,
)


def as_columns(rows):
    frequency, share, age, amount = np.array(rows, dtype=float).T
    return frequency, np.where(frequency > 0, share * age, 0.0), age, amount


@settings(max_examples=100, deadline=None)
@given(rows=histories, horizon=st.floats(0, 1e4))
def test_every_possible_history_has_a_finite_forecast(fitted, rows, horizon):
    forecast = fitted.forecast(*as_columns(rows), horizon=horizon)

    assert all(np.isfinite(column).all() for column in forecast)
    assert np.all((forecast.alive >= 0) & (forecast.alive <= 1))
    assert np.all(forecast.expected >= 0)


@settings(max_examples=60, deadline=None)
@given(rows=histories.filter(lambda rows: any(row[2] > 0 for row in rows)))
def test_every_possible_book_can_be_fitted(rows):
    columns = as_columns(rows)

    forecast = CustomerValue(draws=20).fit(*columns).forecast(*columns, horizon=30)

    assert all(np.isfinite(column).all() for column in forecast)


def test_model_is_chosen_by_what_the_book_did_later():
    rng = np.random.default_rng(2)
    x = rng.poisson(3.0, (2, 400)).astype(float)
    before = History(x[0], np.where(x[0] > 0, 9.0, 0.0), np.full(400, 10.0))
    frequency = x.sum(axis=0)
    after = frequency, np.where(frequency > 0, 19.0, 0.0), np.full(400, 20.0)

    model = CustomerValue().fit(*after, earlier=Earlier(before, np.arange(400)))

    assert model.choice_["held_out"]
    assert set(model.choice_["log_likelihoods"]) == {"pareto_nbd", "mbg_nbd", "bg_nbd"}
    assert model.purchases_.name == model.model_


def test_range_of_purchases_is_the_same_with_and_without_amounts(simulated):
    rows = [column[:60] for column in simulated]
    with_amounts = CustomerValue(model="bg_nbd").fit(*simulated).forecast(*rows, horizon=26)

    found = CustomerValue(model="bg_nbd").fit(*simulated[:3]).purchase_range(26, *rows[:3])

    assert np.all((found.least <= found.median) & (found.median <= found.most))
    assert np.array_equal(np.maximum(found.most, with_amounts.purchases), with_amounts.most_purchases)


def test_without_amounts_there_is_no_money(simulated):
    model = CustomerValue().fit(*simulated[:3])

    assert isinstance(model.purchases_, ParetoNBD | BetaGeoNBD)
    assert np.isfinite(model.expected_purchases(9, *simulated[:3])).all()
    with pytest.raises(ValueError, match="without amounts"):
        model.forecast(*simulated, horizon=9)


def test_money_to_come_is_worth_less_the_later_it_comes(simulated):
    rows = [column[:100] for column in simulated]
    year, rate = 52, np.log(1.10) / 52
    plain = CustomerValue(model="bg_nbd").fit(*simulated).forecast(*rows, horizon=year)
    worth = CustomerValue(model="bg_nbd", discount=rate).fit(*simulated).forecast(*rows, horizon=year)

    ratio = worth.expected / plain.expected
    # all of it comes within the year, most of it in the first half
    assert np.all((ratio < 1) & (ratio > 1 / 1.10))
    assert ratio.mean() > 1.10**-0.5
    assert np.array_equal(worth.purchases, plain.purchases)


def test_book_in_which_nobody_returned_expects_no_returns():
    model = CustomerValue().fit([0] * 20, [0] * 20, np.arange(20), [10.0] * 20)

    assert model.warnings_ == []
    assert model.purchases_.expected_purchases(30, [0], [0], [10])[0] < 0.01


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((-1, 0, 5, 10), "no count"),
        ((1.5, 1, 5, 10), "no count"),
        ((1, 6, 5, 10), "outside 0..T"),
        ((0, 1, 5, 10), "without a repeat"),
        ((1, 1, np.nan, 10), "not finite"),
        ((1, 1, 5, 0), "not positive"),
        ((1, 1, 5, -3), "not positive"),
    ],
)
def test_impossible_histories_are_named(fitted, row, message):
    with pytest.raises(ValueError, match=message):
        fitted.forecast(*([column] for column in row), horizon=10)


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(ValueError, match="observed for any time"):
        BetaGeoNBD().fit([0, 0], [0, 0], [0, 0])
    with pytest.raises(ValueError, match="no customer has a purchase"):
        GammaGammaSpend().fit([0, 0], [0, 0])
    with pytest.raises(ValueError, match="horizons"):
        BetaGeoNBD().fit([1, 0], [1, 0], [2, 2]).expected_purchases(-1, [0], [0], [1])


def test_is_the_same_after_storing(fitted, simulated):
    loaded = stored_and_loaded(fitted)

    before, after = (model.forecast(*simulated, horizon=26) for model in (fitted, loaded))

    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))
