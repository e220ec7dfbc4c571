"""Warnings of a book's past: each fires where it should, and is quiet where it should."""

import numpy as np
import pytest

from analytics.ml.value_checks import check_counts, check_left_censoring, check_seasons, expected_repeats
from analytics.ml.value_histories import History
from analytics.ml.value_pareto import ParetoNBD
from analytics.ml.value_purchases import BetaGeoNBD, ModifiedBetaGeoNBD

MONTHS = [f"2025-{month:02d}" for month in range(1, 11)]


def book(customers, repeaters):
    frequency = np.zeros(customers)
    frequency[:repeaters] = 2
    return History(frequency, np.where(frequency > 0, 3.0, 0.0), np.full(customers, 9.0))


def codes(found):
    return [each["code"] for each in found]


def test_few_customers_and_few_who_came_back_are_named():
    assert check_counts(book(500, 200)) == []
    assert codes(check_counts(book(150, 60))) == ["few_customers"]
    assert check_counts(book(500, 8)) == [{"code": "few_repeaters", "repeaters": 8}]


def test_first_purchases_that_pile_up_at_the_start_are_old_customers():
    rng = np.random.default_rng(0)
    steady = rng.integers(0, 300, 600)
    old = rng.integers(0, 30, 400)

    assert check_left_censoring(steady, 300) == []
    [found] = check_left_censoring(np.concatenate([steady, old]), 300)
    assert (found["code"], found["days"]) == ("left_censored", 30)
    assert found["surplus"] > 3


def test_a_cohort_that_was_won_within_a_quarter_is_not_left_censored():
    won = np.random.default_rng(0).integers(0, 84, 2_000)

    assert check_left_censoring(won, 273) == []


def test_a_month_far_from_what_is_expected_is_named():
    expected = np.linspace(100, 400, 10)
    calm, peak = expected.copy(), expected.copy()
    peak[8] *= 1.6

    assert check_seasons(MONTHS, calm, expected) == []
    assert check_seasons(MONTHS, peak, expected) == [
        {"code": "seasonal", "months": ["2025-09"], "ratios": [1.6]}
    ]


def test_a_general_level_and_small_months_are_no_season():
    expected = np.linspace(100, 400, 10)

    assert check_seasons(MONTHS, 1.5 * expected, expected) == []
    assert check_seasons(MONTHS, [40.0, 10.0] * 5, np.full(10, 20.0)) == []
    assert check_seasons(MONTHS[:3], np.array([50.0, 90, 10]), np.full(3, 50.0)) == []


@pytest.mark.parametrize("kind", [ParetoNBD, BetaGeoNBD, ModifiedBetaGeoNBD])
def test_expected_repeats_add_up_to_those_of_all_newcomers(kind):
    rng = np.random.default_rng(1)
    first = rng.integers(0, 60, 300)
    frequency = rng.poisson(2.0, 300).astype(float)
    age = (100 - first) / 7
    model = kind().fit(frequency, np.where(frequency > 0, age * 0.9, 0.0), age)

    daily = expected_repeats(model, first, 101)

    zeros = np.zeros(300)
    assert daily[0] == pytest.approx(0, abs=1e-9)
    assert daily.sum() == pytest.approx(model.expected_purchases(age, zeros, zeros, zeros).sum())
