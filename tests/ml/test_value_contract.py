"""Contracts: closed forms, planted parameters, and limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad

from analytics.ml.value_contract import ContractSurvival, contract_value, monthly_hazard
from tests.ml.persistence import stored_and_loaded


def test_constant_rate_has_the_closed_form():
    rate, interest, months = 0.05, 0.08, 36
    force = np.log1p(interest) / 12

    found = contract_value([100.0], [rate], months=months, annual_discount=interest)

    both = rate + force
    assert found.expected[0] == pytest.approx(100 * (1 - np.exp(-both * months)) / both, rel=1e-10)
    assert found.staying[0] == pytest.approx(np.exp(-rate * months))


def test_interval_is_what_is_paid_by_the_contracts_that_end_early_and_late():
    rng = np.random.default_rng(0)
    paid = 100 * np.minimum(rng.exponential(1 / 0.1, 400_000), 24)

    found = contract_value([100.0], [0.1], months=24)

    assert found.expected[0] == pytest.approx(paid.mean(), rel=0.01)
    assert found.low[0] == pytest.approx(np.quantile(paid, 0.05), rel=0.02)
    assert found.high[0] == pytest.approx(np.quantile(paid, 0.95), rel=0.02)


def test_who_never_leaves_pays_every_month_and_who_leaves_at_once_nothing():
    found = contract_value([100.0, 100.0], [0.0, 1e9], months=12)

    assert found.expected == pytest.approx([1_200, 0], abs=1e-3)
    assert (found.low[0], found.high[0]) == pytest.approx((1_200, 1_200))


def test_chance_of_leaving_within_a_horizon_is_a_monthly_rate():
    assert monthly_hazard([0.5], 365.25)[0] == pytest.approx(np.log(2) / 12)
    assert np.isfinite(monthly_hazard([0.0, 1.0], 30)).all()


@pytest.fixture(scope="module")
def contracts():
    """Return months and ends of 5,000 contracts with rates Gamma(2, 30), cut off at 40 months."""
    rng = np.random.default_rng(1)
    life, age = rng.exponential(1 / rng.gamma(2.0, 1 / 30, 5_000)), rng.uniform(1, 40, 5_000)
    return np.minimum(life, age), (life < age).astype(float)


def test_recovers_the_rates_that_contracts_were_drawn_from(contracts):
    model = ContractSurvival().fit(*contracts)

    assert model.k_ / model.beta_ == pytest.approx(2 / 30, rel=0.05)
    assert (model.k_, model.beta_) == pytest.approx((2, 30), rel=0.35)
    assert np.all(np.diff(model.hazard([0, 12, 24])) < 0)


def test_longer_contracts_are_worth_more(contracts):
    found = ContractSurvival().fit(*contracts).forecast([50.0] * 3, [0, 12, 36], months=12)

    assert np.all(np.diff(found.expected) > 0)
    assert np.all((found.low <= found.expected) & (found.expected <= found.high))
    assert np.all(found.expected <= 600)


def test_expectation_agrees_with_simulation(contracts):
    model = ContractSurvival().fit(*contracts)
    rng = np.random.default_rng(2)
    rates = rng.gamma(model.k_, 1 / (model.beta_ + 6), 400_000)

    found = model.forecast([10.0], [6], months=12)

    assert found.expected[0] == pytest.approx(
        10 * np.minimum(rng.exponential(1 / rates), 12).mean(), rel=0.01
    )


def test_book_in_which_nobody_left_expects_nearly_everything():
    found = ContractSurvival().fit([3.0] * 40, [0] * 40).forecast([10.0], [3], months=12)

    assert found.expected[0] > 119


def test_gradient_agrees_with_differences(contracts, monkeypatch):
    losses = []

    def keep(loss, rough, starts, least):
        losses.append(loss)
        return np.zeros(2)

    monkeypatch.setattr("analytics.ml.value_contract.maximise", keep)
    ContractSurvival().fit(*contracts)

    assert check_grad(lambda at: losses[0](at)[0], lambda at: losses[0](at)[1], np.array([0.4, 1.2])) < 1e-6


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.floats(0, 1e4), st.booleans()), min_size=1, max_size=8),
    amount=st.floats(0, 1e9),
    months=st.floats(0, 600),
    interest=st.floats(0, 2),
)
def test_every_book_of_contracts_has_a_finite_forecast(rows, amount, months, interest):
    duration, ended = np.array(rows, dtype=float).T
    if duration.max() == 0:
        return
    model = ContractSurvival().fit(duration, ended)

    found = model.forecast(np.full(duration.size, amount), duration, months=months, annual_discount=interest)

    assert all(np.isfinite(column).all() for column in found)
    assert np.all((found.staying >= 0) & (found.staying <= 1))


@pytest.mark.parametrize(
    ("amount", "rate", "months"), [(-1, 0.1, 12), (1, -0.1, 12), (1, 0.1, -1), (np.nan, 0.1, 12)]
)
def test_impossible_contracts_are_refused(amount, rate, months):
    with pytest.raises(ValueError, match="not negative"):
        contract_value([amount], [rate], months=months)


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(ValueError, match="no contract"):
        ContractSurvival().fit([0.0], [1])


def test_is_the_same_after_storing(contracts):
    model = ContractSurvival().fit(*contracts)

    assert stored_and_loaded(model).hazard([5.0]) == model.hazard([5.0])
