import json

import numpy as np
import pytest
from scipy.special import expit, logit

from analytics.ml import gate


@pytest.fixture(scope="module")
def truth():
    rng = np.random.default_rng(0)
    log_odds = rng.normal(-1, 1.5, 5_000)
    return (rng.random(5_000) < expit(log_odds)).astype(int), log_odds


@pytest.fixture(scope="module")
def coarse(truth):
    """Return calibrated probabilities that know only half of what there is to know."""
    y, log_odds = truth
    known = log_odds > -1
    return np.where(known, y[known].mean(), y[~known].mean())


def codes(verdict):
    return [reason["code"] for reason in verdict.reasons]


def test_better_and_calibrated_challenger_goes_live(truth, coarse):
    y, log_odds = truth

    verdict = gate.judge_challenger(y, expit(log_odds), coarse)

    assert verdict.passed
    assert verdict.reasons == []
    assert verdict.metrics["difference_high"] < 0
    for name in ("auc", "log_loss", "brier"):
        assert verdict.metrics[f"{name}_low"] < verdict.metrics[name] < verdict.metrics[f"{name}_high"]


def test_challenger_equal_to_the_live_model_goes_live(truth):
    y, log_odds = truth

    assert gate.judge_challenger(y, expit(log_odds), expit(log_odds)).passed


def test_challenger_that_may_lose_more_than_one_per_cent_is_refused(truth):
    y, log_odds = truth
    noisy = expit(log_odds * 0.95 + np.random.default_rng(1).normal(0, 0.45, y.size))

    verdict = gate.judge_challenger(y, noisy, expit(log_odds))

    assert codes(verdict) == ["loss_not_excluded"]
    assert verdict.reasons[0]["high"] > gate.LARGEST_LOSS


@pytest.mark.parametrize("stretch", [0.7, 1.4])
def test_challenger_with_a_slope_out_of_range_is_refused(truth, coarse, stretch):
    y, log_odds = truth

    verdict = gate.judge_challenger(y, expit(stretch * log_odds), coarse)

    assert codes(verdict) == ["slope_out_of_range"]
    assert verdict.reasons[0]["slope"] == pytest.approx(1 / stretch, abs=0.1)


def test_constant_challenger_is_refused_even_against_itself(truth):
    y, _ = truth
    rate = np.full(y.size, y.mean())

    verdict = gate.judge_challenger(y, rate, rate)

    assert codes(verdict) == ["constant_prediction"]
    assert verdict.metrics["slope"] is None


def test_first_model_that_beats_the_baseline_goes_live(truth, coarse):
    y, log_odds = truth

    assert gate.judge_first(y, expit(log_odds), coarse).passed


def test_first_model_equal_to_the_baseline_is_refused(truth):
    y, log_odds = truth

    assert codes(gate.judge_first(y, expit(log_odds), expit(log_odds))) == ["not_better"]


def test_first_model_that_is_worse_is_refused(truth, coarse):
    y, log_odds = truth

    assert set(codes(gate.judge_first(y, coarse, expit(log_odds)))) == {"loss_not_excluded", "not_better"}


def test_first_model_with_a_slope_out_of_range_is_refused(truth, coarse):
    y, log_odds = truth

    assert codes(gate.judge_first(y, expit(0.7 * log_odds), coarse)) == ["slope_out_of_range"]


@pytest.mark.parametrize(
    ("positives", "negatives", "code"),
    [
        (49, 500, "too_few_positives"),
        (500, 49, "too_few_negatives"),
        (0, 500, "single_class"),
        (500, 0, "single_class"),
        (0, 0, "no_rows"),
    ],
)
@pytest.mark.parametrize("judge", [gate.judge_challenger, gate.judge_first])
def test_too_few_outcomes_of_a_class_are_refused(judge, positives, negatives, code):
    y = np.repeat([1, 0], [positives, negatives])
    p = np.linspace(0.9, 0.1, y.size)

    verdict = judge(y, p, p)

    assert not verdict.passed
    assert codes(verdict) == [code]


def test_fifty_of_each_class_are_enough_to_judge():
    y = np.repeat([1, 0], 50)
    p = expit(logit(np.where(y, 0.6, 0.4)) + np.random.default_rng(0).normal(0, 0.8, y.size))

    assert "log_loss" in gate.judge_challenger(y, p, p).metrics


def test_figures_and_reasons_fit_into_json_even_when_classes_are_separated():
    y = np.repeat([1, 0], 60)
    p = np.where(y, 0.9, 0.1) + np.linspace(0, 0.01, y.size)

    verdict = gate.judge_challenger(y, p, p)

    assert codes(verdict) == ["slope_out_of_range"]
    assert json.loads(json.dumps(verdict.reasons, allow_nan=False))[0]["slope"] is None
    assert json.dumps(verdict.metrics, allow_nan=False)
