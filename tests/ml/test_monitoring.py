import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from analytics.ml.classifier import OutcomeClassifier
from analytics.ml.metrics import auc, expected_calibration_error
from analytics.ml.monitoring import describe_outcomes, judge_base_rate, judge_calibration, judge_inputs
from analytics.ml.psi import Profile, population_stability_index, profile_of, shift_from
from analytics.ml.recalibration import recalibrate_as_labels_arrive

BANK = "bank_marketing/bank-additional-full.csv"


def drawn(*, slope=1.0, intercept=0.0, n=20_000, seed=0):
    rng = np.random.default_rng(seed)
    eta = rng.normal(-1.0, 1.0, n)
    return (rng.random(n) < expit(intercept + slope * eta)).astype(int), expit(eta)


@pytest.mark.parametrize("seed", range(10))
def test_a_model_that_holds_is_left_alone(seed):
    assert judge_calibration(describe_outcomes(*drawn(seed=seed, n=2_000))) == []


@pytest.mark.parametrize(
    ("slope", "intercept", "codes"),
    [
        (0.5, 0.0, {"slope_left_range", "calibration_error"}),
        (1.6, 0.6, {"slope_left_range"}),
        (1.0, 1.0, {"calibration_error"}),
    ],
)
def test_a_model_that_no_longer_holds_says_why(slope, intercept, codes):
    found = judge_calibration(describe_outcomes(*drawn(slope=slope, intercept=intercept)))

    assert codes <= {finding["code"] for finding in found}


def test_too_few_outcomes_say_nothing():
    y = np.zeros(100)
    y[:5] = 1

    figures = describe_outcomes(y, np.full(100, 0.9))

    assert figures["ece"] > 0.8
    assert judge_calibration(figures) == []


def test_figures_that_do_not_exist_are_absent():
    assert describe_outcomes([], []) == {"n": 0, "positives": 0}
    assert "slope" not in describe_outcomes([0, 1, 0, 1], [0.5] * 4)
    assert describe_outcomes([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])["slope"] is None


def test_the_interval_of_the_slope_covers_the_truth():
    inside = 0
    for seed in range(200):
        figures = describe_outcomes(*drawn(slope=1.3, n=800, seed=seed))
        inside += figures["slope_low"] <= 1.3 <= figures["slope_high"]

    assert inside >= 190  # of 198 expected


def test_a_small_book_does_not_drift_by_chance():
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        profiles = {"x": profile_of(rng.normal(size=150))}
        alarms += judge_inputs(profiles, {"x": rng.normal(size=150)})[0]["level"] != "steady"

    assert alarms <= 4


def test_what_moved_most_comes_first():
    rng = np.random.default_rng(0)
    profiles = {name: profile_of(rng.normal(size=2_000)) for name in ("calm", "wild", "gone")}

    found = judge_inputs(profiles, {"calm": rng.normal(size=2_000), "wild": rng.normal(3.0, 1.0, 2_000)})

    assert [(row["name"], row["level"]) for row in found] == [("wild", "drifting"), ("calm", "steady")]


def test_categories_that_are_new_or_gone_are_a_shift():
    profile = profile_of(pd.Series(["a", "b", "c", None] * 200))

    assert shift_from(profile, pd.Series(["a", "b", "c", None] * 50)).value < 0.01
    assert shift_from(profile, pd.Series(["a", "b", "d", None] * 50)).value > 0.25
    assert shift_from(profile, pd.Series([None] * 50)).value > 0.25


def test_a_profile_of_numbers_tells_what_the_index_of_both_columns_tells():
    rng = np.random.default_rng(0)
    before, now = rng.normal(size=500), rng.normal(0.5, 1.0, 300)

    profile = Profile(**profile_of(before)._asdict())

    assert shift_from(profile, now).value == population_stability_index(before, now)
    assert profile.rows == 500


def test_a_column_without_rows_is_an_error():
    with pytest.raises(ValueError, match="rows"):
        profile_of([])
    with pytest.raises(ValueError, match="rows"):
        shift_from(profile_of([1.0, 2.0]), [])
    with pytest.raises(ValueError, match="rows"):
        judge_base_rate(0, 0, 1, 2)


@pytest.mark.parametrize(
    ("now", "level"), [((52, 500), "steady"), ((90, 500), "drifting"), ((9, 50), "steady")]
)
def test_a_base_rate_moves_when_more_than_chance_moved_it(now, level):
    assert judge_base_rate(1_000, 10_000, *now)["level"] == level


def in_date_order(path):
    table = pd.read_csv(path, sep=";").drop(columns="duration")
    return table, (table.pop("y") == "yes").to_numpy().astype(int)


def test_a_year_that_is_unlike_those_before_warns_before_any_label_arrives(data_file):
    X, y = in_date_order(data_file(BANK))
    start = int(0.7 * len(X))
    profiles = {name: profile_of(X[name][:start]) for name in X.columns}

    found = judge_inputs(profiles, {name: X[name][start : start + 500] for name in X.columns})

    drifting = {row["name"] for row in found if row["level"] == "drifting"}
    assert {"euribor3m", "nr.employed"} <= drifting
    assert "housing" not in drifting
    assert judge_base_rate(y[:start].sum(), start, y[start:].sum(), len(y) - start)["level"] == "drifting"


@pytest.mark.long
def test_the_outcome_classifier_warns_and_is_mended_as_labels_arrive(data_file):
    X, y = in_date_order(data_file(BANK))
    start = int(0.7 * len(X))
    model = OutcomeClassifier().fit(X[:start], y[:start])
    eta, later = model.decision_function(X[start:]), y[start:]
    scores = judge_inputs({"score": profile_of(model.decision_function(X[:start]))}, {"score": eta})

    mended = recalibrate_as_labels_arrive(eta, later)

    assert scores[0]["level"] == "drifting"
    assert 0.5 < auc(later, expit(eta)) < 0.68
    assert judge_calibration(describe_outcomes(later, expit(eta))) != []
    assert expected_calibration_error(later[500:], mended[500:]) <= 0.05
