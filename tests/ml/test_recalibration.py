import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from analytics.ml.calibration import Line
from analytics.ml.metrics import expected_calibration_error
from analytics.ml.outcome import AdditiveClassifier
from analytics.ml.recalibration import (
    RecalibratedClassifier,
    left_alone,
    recalibrate,
    recalibrate_as_labels_arrive,
)
from tests.ml.persistence import stored_and_loaded

BANK = "bank_marketing/bank-additional-full.csv"


def acted_upon(*, misses: float, chance: float, seed: int, n: int = 20_000):
    """Draw a year of a sound score: staff contact the riskiest half and save half of the leavers.

    `chance` is that of a risky account to be contacted, `misses` that of any other.
    """
    rng = np.random.default_rng(seed)
    eta = rng.normal(-1.0, 1.2, n)
    leaves = rng.random(n) < expit(eta)
    contacted = rng.random(n) < np.where(eta > np.median(eta), chance, misses)
    saved = contacted & (rng.random(n) < 0.5)
    return eta, (leaves & ~saved).astype(int), ~contacted


@pytest.mark.parametrize(("chance", "misses"), [(1.0, 0.0), (0.9, 0.05)])
@pytest.mark.parametrize("seed", range(5))
def test_saving_the_riskiest_half_does_not_bend_the_slope(chance, misses, seed):
    eta, y, untouched = acted_upon(chance=chance, misses=misses, seed=seed)

    honest = recalibrate(eta, y, left_alone(eta, untouched).weight)
    naive = recalibrate(eta, y)

    assert 0.9 <= honest.slope <= 1.1
    assert naive.slope < 0.8


def test_those_for_whom_nobody_can_speak_are_counted():
    eta, _, untouched = acted_upon(chance=1.0, misses=0.0, seed=0)

    weights = left_alone(eta, untouched)

    assert weights.uncovered_share == pytest.approx(0.5, abs=0.01)
    assert (weights.weight[~untouched] == 0.0).all()


def test_weighted_untouched_look_like_everybody():
    eta, _, untouched = acted_upon(chance=0.8, misses=0.1, seed=3)

    weight = left_alone(eta, untouched).weight

    assert np.average(eta, weights=weight) == pytest.approx(eta.mean(), abs=0.05)
    assert weight.sum() == pytest.approx(eta.size, rel=0.01)


def test_few_labels_move_the_slope_little_and_the_intercept_freely():
    eta = np.array([-1.0, -0.5, 0.5, 1.0])

    line = recalibrate(eta, [1, 1, 1, 0])

    assert 0.5 < line.slope < 1.0
    assert line.intercept > 0.5


def test_only_the_proportions_of_weights_count():
    eta, y, untouched = acted_upon(chance=0.5, misses=0.1, seed=1, n=400)
    weight = left_alone(eta, untouched).weight

    assert recalibrate(eta, y, weight) == pytest.approx(recalibrate(eta, y, 50 * weight))


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(ValueError, match="both classes"):
        recalibrate([0.0, 1.0], [1, 1])
    with pytest.raises(ValueError, match="both classes"):
        recalibrate([0.0, 1.0], [0, 1], [0.0, 0.0])
    with pytest.raises(ValueError, match="left alone"):
        left_alone([], [])


@pytest.fixture(scope="module")
def fitted():
    X = np.random.default_rng(0).normal(size=(500, 3))
    y = (X[:, 0] + np.random.default_rng(1).normal(size=500) > 0).astype(int)
    return AdditiveClassifier().fit(X, y), X


def test_a_recalibrated_model_still_adds_up(fitted):
    model, X = fitted

    moved = RecalibratedClassifier(model, Line(0.7, 0.4))

    points = moved.contributions(X).sum(axis=1) + moved.base_log_odds_
    assert points == pytest.approx(moved.decision_function(X))
    assert logit(moved.predict_proba(X)[:, 1]) == pytest.approx(0.4 + 0.7 * model.decision_function(X))


def test_recalibrating_twice_is_one_line(fitted):
    model, X = fitted

    once = RecalibratedClassifier(model, Line(0.7, 0.4))
    twice = RecalibratedClassifier(once, Line(2.0, -1.0))

    assert twice.model is model
    assert twice.decision_function(X) == pytest.approx(-1.0 + 2.0 * once.decision_function(X))


def test_it_can_be_stored_like_any_model(fitted):
    model, X = fitted
    moved = RecalibratedClassifier(model, Line(0.7, 0.4))

    assert np.array_equal(stored_and_loaded(moved).predict_proba(X), moved.predict_proba(X))


def test_a_drifting_score_is_mended_from_the_newest_five_hundred_labels(data_file):
    table = pd.read_csv(data_file(BANK), sep=";").drop(columns="duration")
    y = (table.pop("y") == "yes").to_numpy().astype(int)
    X = pd.get_dummies(table).to_numpy(dtype=float)
    start = int(0.7 * len(y))
    eta = AdditiveClassifier().fit(X[:start], y[:start]).decision_function(X[start:])
    later = y[start:]

    mended = recalibrate_as_labels_arrive(eta, later, window=500, step=500)

    assert expected_calibration_error(later[500:], expit(eta[500:])) > 0.1
    assert expected_calibration_error(later[500:], mended[500:]) <= 0.05
