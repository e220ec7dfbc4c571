from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import check_grad
from scipy.special import betaln

from analytics.ml import value
from analytics.ml.value import BetaGeoNBD, CustomerValue, GammaGammaSpend
from tests.ml.persistence import stored_and_loaded

CALIBRATION_END = date(1997, 9, 30)


@pytest.fixture(scope="module")
def cdnow(data_file):
    """Return frequency, recency and T in weeks of the published sample."""
    return np.loadtxt(
        data_file("cdnow/cdnow_customers_summary.csv"), delimiter=",", skiprows=1, usecols=(1, 2, 3)
    ).T


@pytest.fixture(scope="module")
def purchases(data_file):
    """Return each customer's money by day: {customer: {day: amount}}."""
    customers = {}
    for line in data_file("cdnow/CDNOW_sample.txt").read_text().splitlines():
        _, customer, day, _, amount = line.split()
        bought = customers.setdefault(int(customer), {})
        at = date.fromisoformat(day)
        bought[at] = bought.get(at, 0.0) + float(amount)
    return customers


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
    return CustomerValue().fit(*simulated)


def test_cdnow_gives_the_published_parameters(cdnow):
    model = BetaGeoNBD().fit(*cdnow)

    assert (model.r_, model.alpha_) == pytest.approx((0.243, 4.414), abs=5e-4)
    assert (model.a_, model.b_) == pytest.approx((0.793, 2.426), abs=5e-4)
    assert model.log_likelihood_ == pytest.approx(-9582.4, abs=0.05)


def test_cdnow_customer_of_the_published_example(cdnow):
    model = BetaGeoNBD().fit(*cdnow)

    assert model.expected_purchases(39, [2], [30.43], [38.86])[0] == pytest.approx(1.226, abs=5e-4)


def test_unit_of_time_does_not_matter(cdnow):
    frequency, recency, age = cdnow
    weeks = BetaGeoNBD().fit(frequency, recency, age)
    days = BetaGeoNBD().fit(frequency, 7 * recency, 7 * age)

    assert days.alpha_ == pytest.approx(7 * weeks.alpha_, rel=1e-3)
    assert days.log_likelihood_ == pytest.approx(weeks.log_likelihood_ - frequency.sum() * np.log(7))


def test_cdnow_hold_out_is_predicted_as_well_as_published(cdnow, purchases):
    actual = [sum(day > CALIBRATION_END for day in bought) for _, bought in sorted(purchases.items())]
    model = BetaGeoNBD().fit(*cdnow)

    error = np.abs(model.expected_purchases(39, *cdnow) - actual).mean()

    assert error == pytest.approx(0.786, abs=0.001)


def test_cdnow_spend_gives_the_published_parameters(purchases):
    repeats = [
        [amount for day, amount in bought.items() if min(bought) < day <= CALIBRATION_END]
        for bought in purchases.values()
    ]
    repeats = [amounts for amounts in repeats if amounts]

    model = GammaGammaSpend().fit([len(a) for a in repeats], [np.mean(a) for a in repeats])

    assert len(repeats) == 946
    assert (model.p_, model.q_, model.gamma_) == pytest.approx((6.25, 3.74, 15.44), abs=0.006)


def test_gradients_agree_with_differences():
    history = value.History(np.array([0.0, 3, 10]), np.array([0.0, 5, 9]), np.array([4.0, 8, 9]))
    x, z = np.array([1.0, 4, 9]), np.array([0.5, 1, 3])

    for theta in ([0.3, 2.0, 0.7, 1.5], [2.0, 0.1, 5.0, 0.2]):
        error = check_grad(
            lambda t: value._bgnbd_log_likelihood(t, history)[0],
            lambda t: value._bgnbd_log_likelihood(t, history)[1],
            np.array(theta),
        )
        assert error < 1e-5
    error = check_grad(
        lambda t: value._spend_log_likelihood(*t, x, z)[0],
        lambda t: value._spend_log_likelihood(*t, x, z)[1],
        np.array([2.0, 3.0, 1.5]),
    )
    assert error < 1e-5


@pytest.mark.parametrize(
    ("x", "recency", "age", "t"), [(0, 0, 0, 39), (2, 30, 39, 39), (29, 30, 38, 400), (1_000, 38, 38.8, 39)]
)
def test_expected_purchases_agree_with_adaptive_integration(fitted, x, recency, age, t):
    model = fitted.purchases_
    a, b = model.a_, model.b_ + x

    def integrand(u):  # the density's pole at 0 is removed by p = u ** (1 / a)
        p = u ** (1 / a)
        purchases = -np.expm1(-(model.r_ + x) * np.log1p(p * t / (model.alpha_ + age))) / p
        return purchases * np.exp((b - 1) * np.log1p(-p) - betaln(a, b)) / a

    inner, outer = quad(integrand, 0, 0.01, epsabs=1e-12), quad(integrand, 0.01, 1, epsabs=1e-12)
    alive = model.probability_alive([x], [recency], [age])[0]

    assert model.expected_purchases(t, [x], [recency], [age])[0] == pytest.approx(
        alive * (inner[0] + outer[0]), rel=1e-6
    )


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


def test_simulated_money_has_the_expected_mean(simulated):
    rows = [column[:300] for column in simulated]
    model = CustomerValue(draws=4_000).fit(*simulated)
    forecast = model.forecast(*rows, horizon=26)
    frequency, _recency, tenure, amount = rows
    rng = np.random.default_rng(1)

    customers = zip(frequency, tenure, amount, forecast.alive, strict=True)
    money = np.array([model._simulate(*customer, 26, rng) for customer in customers])

    assert money.mean() == pytest.approx(forecast.expected.mean(), rel=0.02)


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


def test_book_in_which_nobody_returned_expects_no_returns():
    model = CustomerValue().fit([0] * 20, [0] * 20, np.arange(20), [10.0] * 20)

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
