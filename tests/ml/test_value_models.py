"""Pareto/NBD, MBG/NBD and BG/NBD: published answers, planted parameters, every possible history."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import check_grad
from scipy.special import betaln, gammaln, hyp2f1

from analytics.ml.value_choice import MODELS, choose_model
from analytics.ml.value_histories import History
from analytics.ml.value_pareto import ParetoNBD
from analytics.ml.value_purchases import BetaGeoNBD, ModifiedBetaGeoNBD
from tests.ml.persistence import stored_and_loaded
from tests.ml.value_books import CALIBRATION_END, draw_book, published, weeks


@pytest.fixture(scope="module")
def cdnow(data_file):
    return published(data_file("cdnow/CDNOW_sample.txt"))


@pytest.fixture(scope="module")
def later(cdnow):
    return np.array([sum(day > CALIBRATION_END for day in bought) for bought in cdnow])


@pytest.fixture(scope="module")
def histories(cdnow):
    return weeks(cdnow, CALIBRATION_END)


def made(kind, *parameters):
    model = kind()
    for name, value in zip(kind.parameter_names, parameters, strict=True):
        setattr(model, f"{name}_", value)
    return model


def test_bg_nbd_has_the_published_parameters(histories):
    model = BetaGeoNBD().fit(*histories)

    assert (model.r_, model.alpha_) == pytest.approx((0.243, 4.414), abs=5e-4)
    assert (model.a_, model.b_) == pytest.approx((0.793, 2.426), abs=5e-4)
    assert model.log_likelihood_ == pytest.approx(-9582.4, abs=0.05)
    # customer of the example in the paper
    assert model.expected_purchases(39, [2], [30.43], [38.86])[0] == pytest.approx(1.226, abs=5e-4)


def test_pareto_nbd_has_the_published_parameters(histories):
    model = ParetoNBD().fit(*histories)

    assert (model.r_, model.alpha_) == pytest.approx((0.553, 10.578), abs=1e-3)
    assert (model.s_, model.beta_) == pytest.approx((0.606, 11.669), abs=1e-3)
    assert model.log_likelihood_ == pytest.approx(-9595.0, abs=0.05)


@pytest.mark.parametrize(("kind", "error"), [(BetaGeoNBD, 0.7855), (ParetoNBD, 0.7545)])
def test_cdnow_hold_out_is_predicted_as_well_as_published(histories, later, kind, error):
    model = kind().fit(*histories)

    expected = model.expected_purchases(39, *histories)

    assert np.abs(expected - later).mean() == pytest.approx(error, abs=1e-3)


def test_pareto_likelihood_agrees_with_the_hypergeometric_form_of_the_paper():
    r, alpha, s, beta = 0.553, 10.578, 0.606, 5.669
    model = made(ParetoNBD, r, alpha, s, beta)
    x, t_x, t = np.array([0.0, 2, 7, 29]), np.array([0.0, 30.43, 12, 30]), np.array([32.0, 38.86, 38, 38])

    def part(at, extra):
        k = r + s + x
        return hyp2f1(k, s + extra, k + 1, (alpha - beta) / (alpha + at)) / (alpha + at) ** k

    inside = s / (r + s + x) * part(t_x, 1) + (r + x) / (r + s + x) * part(t, 0)
    closed = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + np.log(inside)

    assert model.log_likelihoods(x, t_x, t) == pytest.approx(closed, rel=1e-9)


@pytest.mark.parametrize(
    "parameters", [(0.5, 10.0, 0.6, 11.0), (0.01, 0.01, 5.0, 900.0), (8.0, 300.0, 0.02, 0.01)]
)
@pytest.mark.parametrize(
    ("x", "t_x", "t"), [(0, 0, 39), (3, 1, 400), (40, 38, 39), (1_000, 20, 38.8), (0, 0, 1e-6)]
)
def test_pareto_chance_of_being_active_agrees_with_adaptive_integration(parameters, x, t_x, t):
    r, alpha, s, beta = parameters

    def left_at(gap):  # relative to having stayed until T
        y = t_x + gap
        stretch = (r + x) * np.log((alpha + t) / (alpha + y)) + s * np.log((beta + t) / (beta + y))
        return np.exp(stretch) * s / (beta + y)

    grid = np.concatenate([[0], np.geomspace(1e-9, 1, 60)]) * (t - t_x)
    odds = sum(quad(left_at, low, high)[0] for low, high in itertools.pairwise(grid))
    alive = made(ParetoNBD, *parameters).probability_alive([x], [t_x], [t])[0]

    assert alive == pytest.approx(1 / (1 + odds), rel=1e-7)


@pytest.mark.parametrize("kind", [BetaGeoNBD, ModifiedBetaGeoNBD])
@pytest.mark.parametrize(
    ("x", "recency", "age", "t"), [(0, 0, 0, 39), (2, 30, 39, 39), (29, 30, 38, 400), (1_000, 38, 38.8, 39)]
)
def test_bg_expectations_agree_with_adaptive_integration(kind, x, recency, age, t):
    r, alpha, a = 0.8, 8.0, 1.0
    model = made(kind, r, alpha, a, 3.0)
    b = 3.0 + x + model._first_exit

    def integrand(u):  # the density's pole at 0 is removed by p = u ** (1 / a)
        p = u ** (1 / a)
        purchases = -np.expm1(-(r + x) * np.log1p(p * t / (alpha + age))) / p
        return purchases * np.exp((b - 1) * np.log1p(-p) - betaln(a, b)) / a

    inner, outer = quad(integrand, 0, 0.01, epsabs=1e-12), quad(integrand, 0.01, 1, epsabs=1e-12)
    alive = model.probability_alive([x], [recency], [age])[0]

    assert model.expected_purchases(t, [x], [recency], [age])[0] == pytest.approx(
        alive * (inner[0] + outer[0]), rel=1e-6
    )


@pytest.mark.parametrize("kind", MODELS)
def test_gradients_agree_with_differences(kind):
    history = History(np.array([0.0, 3, 10]), np.array([0.0, 5, 9]), np.array([4.0, 8, 9]))

    for theta in ([0.3, 2.0, 0.7, 1.5], [2.0, 0.1, 5.0, 0.2]):
        error = check_grad(
            lambda at: kind()._log_likelihood(at, history)[0].sum(),
            lambda at: kind()._log_likelihood(at, history)[1].sum(axis=1),
            np.array(theta),
        )
        assert error < 1e-5


def planted(kind, rng, n):
    rate = rng.gamma(0.8, 1 / 8, n)
    if kind is ParetoNBD:
        return draw_book(rng, n, rate=rate, lifetime=rng.exponential(1 / rng.gamma(0.9, 1 / 20, n)))
    leaving = rng.beta(1.0, 3.0, n)
    return draw_book(rng, n, rate=rate, leaving=leaving, first_may_leave=kind is ModifiedBetaGeoNBD)


@pytest.mark.parametrize("kind", MODELS)
def test_each_model_recovers_what_customers_were_drawn_from(kind):
    model = kind().fit(*planted(kind, np.random.default_rng(3), 6_000))

    found = model.parameters_
    assert found["r"] / found["alpha"] == pytest.approx(0.1, rel=0.12)
    assert found["r"] == pytest.approx(0.8, rel=0.25)
    if kind is ParetoNBD:
        assert (found["s"], found["beta"]) == pytest.approx((0.9, 20), rel=0.35)
    else:
        assert found["a"] / (found["a"] + found["b"]) == pytest.approx(0.25, rel=0.15)


@pytest.mark.parametrize("kind", MODELS)
def test_unit_of_time_does_not_matter(kind):
    frequency, recency, age = planted(kind, np.random.default_rng(4), 1_000)
    in_weeks = kind().fit(frequency, recency, age)
    in_days = kind().fit(frequency, 7 * recency, 7 * age)

    assert in_days.alpha_ == pytest.approx(7 * in_weeks.alpha_, rel=1e-3)
    assert in_days.log_likelihood_ == pytest.approx(in_weeks.log_likelihood_ - frequency.sum() * np.log(7))


@pytest.mark.parametrize("kind", MODELS)
def test_expectation_grows_with_the_horizon_and_is_nothing_for_none(kind):
    book = planted(kind, np.random.default_rng(5), 400)
    none, month, year = (kind().fit(*book).expected_purchases(t, *book) for t in (0, 4, 52))

    assert np.all(none == 0)
    assert np.all((month > 0) & (year > month))


possible = st.tuples(
    st.one_of(st.just(0), st.integers(0, 5), st.integers(0, 10**6)),
    st.floats(0, 1),
    st.one_of(st.just(0.0), st.floats(1e-9, 1e6)),
)
parameters = st.tuples(*[st.floats(-9, 9).map(np.exp)] * 4)


@settings(max_examples=150, deadline=None)
@given(row=possible, theta=parameters, horizon=st.floats(0, 1e4), kind=st.sampled_from(MODELS))
def test_every_history_under_every_parameter_is_finite(row, theta, horizon, kind):
    x, share, age = row
    model, history = made(kind, *theta), ([x], [share * age if x else 0.0], [age])

    values, gradient = model._log_likelihood(np.array(theta), History(*np.array(history, dtype=float)))
    alive = model.probability_alive(*history)
    expected = model.expected_purchases(horizon, *history)

    assert np.isfinite(values).all()
    assert np.isfinite(gradient).all()
    assert 0 <= alive[0] <= 1
    assert np.isfinite(expected).all()
    assert expected[0] >= 0


@pytest.mark.parametrize("kind", MODELS)
def test_is_the_same_after_storing(kind):
    book = planted(kind, np.random.default_rng(6), 300)
    model = kind().fit(*book)

    loaded = stored_and_loaded(model)

    assert np.array_equal(model.expected_purchases(9, *book), loaded.expected_purchases(9, *book))


def book_at_two_moments(kind, rng, n):
    """Return the same customers at half and at full age: draws of their days, cut twice."""
    rate = rng.gamma(1.5, 0.4, n)
    leaving = rng.beta(0.7, 1.4, n) if kind is not ParetoNBD else None
    life = rng.exponential(1 / rng.gamma(1.0, 0.1, n)) if leaving is None else np.full(n, np.inf)
    rows = []
    for i in range(n):
        at, days = 0.0, []
        stays = not (kind is ModifiedBetaGeoNBD and rng.random() < leaving[i])
        while stays and (at := at + rng.exponential(1 / rate[i])) < min(40.0, life[i]):
            days.append(at)
            stays = leaving is None or rng.random() >= leaving[i]
        early = [day for day in days if day <= 20.0]
        rows.append((len(early), max(early, default=0.0), 20.0, len(days), max(days, default=0.0), 40.0))
    table = np.array(rows).T
    return History(*table[:3]), History(*table[3:])


@pytest.mark.parametrize("kind", [ParetoNBD, BetaGeoNBD])
def test_the_model_that_customers_follow_is_chosen(kind):
    before, after = book_at_two_moments(kind, np.random.default_rng(1), 3_000)

    choice = choose_model(before, after, whole=after)

    assert choice.held_out
    assert choice.name == kind.name
    assert choice.gains["pareto_nbd"] == 0


def test_what_does_not_differ_beyond_noise_leaves_the_pareto_nbd(cdnow, histories):
    cut = CALIBRATION_END.replace(month=7, day=1)
    then = [bought for bought in cdnow if min(bought) <= cut]
    before, after = (History(*weeks(then, moment)) for moment in (cut, CALIBRATION_END))

    choice = choose_model(before, after, whole=History(*histories))

    assert choice.held_out
    assert choice.name == "pareto_nbd"
    assert max(abs(gain) for gain in choice.gains.values()) < 2


def test_too_few_to_hold_out_are_judged_by_their_fit():
    few = History(np.array([1.0, 0, 2]), np.array([2.0, 0, 5]), np.array([9.0, 9, 9]))

    choice = choose_model(few, few, whole=few)

    assert not choice.held_out
    assert choice.name in {kind.name for kind in MODELS}
