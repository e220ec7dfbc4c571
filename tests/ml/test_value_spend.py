"""Amounts of purchases: published answers, what breaks the gamma-gamma, and what is used then."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from analytics.ml.value_spend import (
    GammaGammaSpend,
    ShrunkenMeanSpend,
    fit_spend,
    spend_log_likelihood,
)
from tests.ml.value_books import CALIBRATION_END, published


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def spenders(rng, n=3_000, p=6.0, q=4.0, gamma=15.0):
    """Return counts and mean amounts of customers of the gamma-gamma model."""
    x = rng.geometric(0.25, n).astype(float)
    return x, rng.gamma(p * x) / rng.gamma(q, 1 / gamma, n) / x


def test_cdnow_gives_the_published_parameters(data_file):
    repeats = [
        [amount for day, amount in bought.items() if min(bought) < day <= CALIBRATION_END]
        for bought in published(data_file("cdnow/CDNOW_sample.txt"))
    ]
    repeats = [amounts for amounts in repeats if amounts]

    model = GammaGammaSpend().fit([len(a) for a in repeats], [np.mean(a) for a in repeats])

    assert len(repeats) == 946
    assert (model.p_, model.q_, model.gamma_) == pytest.approx((6.25, 3.74, 15.44), abs=0.006)


def test_gradient_agrees_with_differences():
    x, z = np.array([1.0, 4, 9]), np.array([0.5, 1, 3])

    error = check_grad(
        lambda at: spend_log_likelihood(*at, x, z)[0],
        lambda at: spend_log_likelihood(*at, x, z)[1],
        np.array([2.0, 3.0, 1.5]),
    )

    assert error < 1e-5


def test_amounts_that_have_nothing_to_do_with_counts_are_gamma_gamma(rng):
    model, warning = fit_spend(*spenders(rng))

    assert warning is None
    assert isinstance(model, GammaGammaSpend)
    assert (model.p_, model.q_) == pytest.approx((6, 4), rel=0.15)


def test_frequent_buyers_who_spend_less_are_given_the_means_of_their_like(rng):
    x, z = spenders(rng)
    z = z / x**0.7

    model, warning = fit_spend(x, z)

    assert warning["code"] == "amounts_go_with_counts"
    assert warning["correlation"] < -0.3
    assert isinstance(model, ShrunkenMeanSpend)
    assert model.slope_ == pytest.approx(-0.7, abs=0.1)
    rare, often = model.expected_average([1, 10], [z.mean()] * 2)
    assert rare > often


def test_amounts_too_uneven_for_the_gamma_gamma_are_said_to_be(rng):
    x, z = spenders(rng, p=0.4)

    model, warning = fit_spend(x, z)

    assert warning["code"] == "amounts_too_uneven"
    assert warning["p"] < 1
    assert isinstance(model, ShrunkenMeanSpend)


def test_shrunken_means_believe_many_purchases_and_doubt_few(rng):
    x, z = spenders(rng)
    model = ShrunkenMeanSpend().fit(x, z)

    few, many = model.expected_average([1, 1_000], [300.0, 300.0])

    assert 30 < few < 200
    assert many == pytest.approx(300, rel=0.03)
    assert model.expected_average(x, z) @ x == pytest.approx(z @ x, rel=0.03)


def test_shrunken_means_beat_own_means_on_what_comes_next(rng):
    scale = 1 / rng.gamma(4.0, 1 / 15.0, 3_000)
    x = rng.geometric(0.5, 3_000).astype(float)
    z, after = rng.gamma(2 * x) * scale / x, rng.gamma(2.0, size=3_000) * scale

    expected = ShrunkenMeanSpend().fit(x, z).expected_average(x, z)

    assert ((expected - after) ** 2).mean() < ((z - after) ** 2).mean()


@pytest.mark.parametrize("kind", [GammaGammaSpend, ShrunkenMeanSpend])
def test_simulated_totals_have_the_expected_mean(rng, kind):
    model = kind().fit(*spenders(rng))

    totals = model.draw_totals(rng, np.full(200_000, 3.0), orders=4.0, amount=50.0)

    assert totals.mean() == pytest.approx(3 * model.expected_average([4], [50.0])[0], rel=0.02)


@pytest.mark.parametrize("kind", [GammaGammaSpend, ShrunkenMeanSpend])
@pytest.mark.parametrize(
    ("x", "z"),
    [([1], [5.0]), ([1, 1, 1], [5.0, 5.0, 5.0]), ([1, 10**6], [1e-4, 1e9]), ([3, 3], [1e9, 1e-4])],
)
def test_odd_books_give_finite_amounts(kind, x, z):
    model = kind().fit(x, z)

    assert np.isfinite(model.expected_average(x, z)).all()
    assert np.isfinite(list(model.parameters_.values())).all()


@pytest.mark.parametrize("kind", [GammaGammaSpend, ShrunkenMeanSpend])
def test_nobody_who_bought_is_an_error(kind):
    with pytest.raises(ValueError, match="no customer has a purchase"):
        kind().fit([0, 0], [0, 0])
