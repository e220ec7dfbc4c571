import numpy as np
import pytest
import sklearn.metrics
from scipy.special import expit, logit

from analytics.ml import metrics


@pytest.fixture(scope="module")
def calibrated():
    rng = np.random.default_rng(0)
    p = expit(rng.normal(-1, 1.5, 20_000))
    return (rng.random(p.size) < p).astype(int), p


def test_agrees_with_scikit_learn_ties_included(calibrated):
    y, p = calibrated
    p = p.round(1).clip(0.05, 0.95)

    assert metrics.auc(y, p) == pytest.approx(sklearn.metrics.roc_auc_score(y, p))
    assert metrics.log_loss(y, p) == pytest.approx(sklearn.metrics.log_loss(y, p))
    assert metrics.brier(y, p) == pytest.approx(sklearn.metrics.brier_score_loss(y, p))


def test_certain_and_wrong_costs_much_but_not_infinity():
    assert metrics.log_loss([1], [0.0]) == pytest.approx(-np.log(1e-15))


def test_calibrated_predictions_show_no_more_ece_than_chance(calibrated):
    y, p = calibrated
    mean, p95 = metrics.ece_floor(p, bins=10, draws=200, rng=np.random.default_rng(1))

    assert 0 < mean < p95
    assert metrics.expected_calibration_error(y, p) < p95
    assert metrics.expected_calibration_error(y, expit(2 * logit(p))) > 3 * p95


def test_ece_does_not_depend_on_the_order_of_tied_rows():
    y = np.tile([0, 1], 50)
    p = np.repeat([0.2, 0.3], 50)
    shuffled = np.random.default_rng(0).permutation(100)

    assert metrics.expected_calibration_error(y, p) == pytest.approx(
        metrics.expected_calibration_error(y[shuffled], p[shuffled])
    )


def test_calibration_line_sees_what_was_done_to_the_log_odds(calibrated):
    y, p = calibrated

    assert metrics.calibration_line(y, p) == pytest.approx((1.0, 0.0), abs=0.06)
    assert metrics.calibration_line(y, expit(2 * logit(p))).slope == pytest.approx(0.5, abs=0.03)
    assert metrics.calibration_line(y, expit(logit(p) - 1)).intercept == pytest.approx(1, abs=0.06)


def test_lift_shares_rows_tied_at_the_cut():
    y = [1, 1, 0, 0, 0, 0, 0, 0]

    assert metrics.lift_at(y, [0.5] * 8, 0.25) == pytest.approx(1.0)
    assert metrics.lift_at(y, [0.9, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1], 0.25) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("k", "n", "expected"),
    [
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_interval_matches_newcombe_1998_table_one(k, n, expected):
    assert metrics.wilson_interval(k, n, confidence=0.95) == pytest.approx(expected, abs=5e-5)


def test_reliability_counts_each_row_once_and_keeps_empty_bins():
    y, p = [0, 1, 1, 1], [0.0, 0.5, 0.9, 1.0]

    low, middle, high = metrics.reliability(y, p, [0, 0.2, 0.5, 1])

    assert (low.n, low.positives, low.share, low.mean_predicted) == (1, 0, 0.0, 0.0)
    assert (middle.n, middle.share, middle.mean_predicted) == (0, None, None)
    assert (high.n, high.positives, high.ci_high) == (3, 3, 1.0)
    assert high.mean_predicted == pytest.approx(0.8)


def test_bootstrap_interval_covers_the_value_and_repeats_itself(calibrated):
    y, p = calibrated[0][:500], calibrated[1][:500]

    interval = metrics.bootstrap_interval(metrics.auc, y, p, draws=100)

    assert interval.low < interval.mean < interval.high
    assert interval == metrics.bootstrap_interval(metrics.auc, y, p, draws=100)


def test_interval_of_the_auc_agrees_with_the_bootstrap(calibrated):
    y, p = calibrated[0][:2_000], calibrated[1][:2_000].round(2)

    interval = metrics.auc_interval(y, p)

    assert interval == pytest.approx(metrics.bootstrap_interval(metrics.auc, y, p), abs=0.003)
    assert interval.mean == pytest.approx(metrics.auc(y, p))


def test_interval_of_the_auc_at_its_ends_and_for_single_rows():
    assert metrics.auc_interval([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]) == (1, 1, 1)
    with pytest.raises(ValueError, match="two rows"):
        metrics.auc_interval([0, 0, 1], [0.1, 0.2, 0.3])


def test_bootstrap_survives_a_single_positive():
    interval = metrics.bootstrap_interval(metrics.auc, [1, 0, 0], [0.9, 0.2, 0.4], draws=50)

    assert interval == (1.0, 1.0, 1.0)


def test_paired_difference_has_the_sign_of_the_better_model(calibrated):
    y, p = calibrated
    worse = expit(1.5 * logit(p))

    loss = metrics.paired_log_loss_difference(y, worse, p, draws=200)

    assert 0 < loss.low < loss.mean < loss.high
    assert metrics.paired_log_loss_difference(y, p, worse, draws=200).high < 0
    assert metrics.paired_log_loss_difference(y, p, p, draws=20) == (0, 0, 0)


def test_paired_interval_is_narrower_than_the_losses_themselves(calibrated):
    y, p = calibrated
    twin = expit(logit(p) + np.random.default_rng(2).normal(0, 0.05, p.size))

    paired = metrics.paired_log_loss_difference(y, twin, p, draws=200)
    alone = metrics.bootstrap_interval(metrics.log_loss, y, p, draws=100)

    assert paired.high - paired.low < 0.2 * (alone.high - alone.low) / alone.mean


@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([0, 2], [0.1, 0.2], "0 or 1"),
        ([0, 1], [0.1, 1.2], "within 0..1"),
        ([0, 1], [0.1, np.nan], "within 0..1"),
        ([0, 1], [0.1], "one length"),
        ([], [], "non-empty"),
    ],
)
def test_refuses_impossible_input(y, p, message):
    with pytest.raises(ValueError, match=message):
        metrics.log_loss(y, p)


def test_figures_that_need_both_classes_say_so():
    with pytest.raises(ValueError, match="both classes"):
        metrics.auc([1, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match="at least one positive"):
        metrics.lift_at([0, 0], [0.1, 0.2], 0.5)
