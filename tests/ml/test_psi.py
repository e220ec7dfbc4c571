import numpy as np
import pytest

from analytics.ml.psi import population_stability_index


@pytest.fixture
def training():
    return np.random.default_rng(0).normal(size=20_000)


def test_known_answer_for_two_bins():
    # shares with half a row added to each of three bins: (2.5, 2.5, .5)/5.5 and (4.5, .5, .5)/5.5
    expected = (2 / 5.5) * np.log(4.5 / 2.5) + (-2 / 5.5) * np.log(0.5 / 2.5)

    assert population_stability_index([1, 1, 2, 2], [1, 1, 1, 1], bins=2) == pytest.approx(expected)


def test_same_distribution_shows_no_more_than_chance(training):
    again = np.random.default_rng(1).normal(size=20_000)

    assert population_stability_index(training, again) < 0.005


def test_shift_grows_with_its_size(training):
    small, large = (population_stability_index(training, training + by) for by in (0.2, 1.0))

    assert 0.02 < small < 0.1
    assert large > 0.25


def test_values_that_went_missing_are_a_shift(training):
    gaps = np.where(np.arange(training.size) % 2, training, np.nan)

    assert population_stability_index(training, gaps) > 0.25


def test_empty_bins_columns_without_values_and_new_values_stay_finite(training):
    unknown = np.full(10, np.nan)

    assert np.isfinite(population_stability_index(training, [1e9]))
    assert np.isfinite(population_stability_index(unknown, [1.0, 2.0]))
    assert population_stability_index(unknown, unknown) == 0.0


def test_nothing_to_compare_is_an_error():
    with pytest.raises(ValueError, match="need rows"):
        population_stability_index([], [1.0])
