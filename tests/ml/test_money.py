import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedKFold

from analytics.ml.classifier import OutcomeClassifier
from analytics.ml.money import bayes_threshold, expected_loss, profit_curve, share_found
from analytics.ml.outcome import AdditiveClassifier

TAIWAN = "taiwan_default/UCI_Credit_Card.csv"
DEFAULTED = "default.payment.next.month"


@pytest.fixture
def calibrated():
    rng = np.random.default_rng(0)
    p = rng.beta(1.0, 4.0, 200_000)
    return p, (rng.random(p.size) < p).astype(int)


def test_acting_from_the_bayes_threshold_on_earns_most(calibrated):
    p, y = calibrated
    threshold = bayes_threshold(1.0, 9.0, cost_contact=0.5)

    curve = profit_curve(y, p, gain=9.0, cost_fp=1.0, cost_contact=0.5, points=400)

    # what a threshold earns falls short of the best by less than chance moves it
    at = np.argmin(np.abs(curve.thresholds[1:] - threshold)) + 1
    assert threshold == pytest.approx(0.15)
    assert curve.best[0] == pytest.approx(threshold, abs=0.03)
    assert curve.profit[at] > 0.995 * curve.best[1]


def test_a_contact_that_costs_more_than_the_loss_never_pays():
    assert bayes_threshold(0.0, 5.0, cost_contact=6.0) == np.inf
    assert profit_curve([1, 1], [0.9, 0.8], gain=5.0, cost_contact=6.0).best == (np.inf, 0.0)


def test_the_profit_curve_by_hand():
    curve = profit_curve([1, 0, 1, 0], [0.9, 0.6, 0.6, 0.1], gain=10.0, cost_fp=3.0, cost_contact=1.0)

    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.6, 0.1]
    assert curve.acted_share.tolist() == [0.0, 0.25, 0.75, 1.0]
    assert curve.profit.tolist() == [0.0, 9.0, 14.0, 10.0]


def test_gain_may_differ_by_row():
    curve = profit_curve([1, 1], [0.9, 0.5], gain=[2.0, 50.0], cost_contact=5.0)

    assert curve.profit.tolist() == [0.0, -3.0, 42.0]


def test_equal_priorities_count_alike_in_any_order():
    loss = np.array([8.0, 0.0, 0.0, 0.0])

    assert share_found(loss, np.ones(4), 0.5) == share_found(loss[::-1], np.ones(4), 0.5) == 0.5


@pytest.mark.parametrize("costs", [(-1.0, 2.0), (0.0, 0.0), (np.nan, 1.0)])
def test_impossible_costs_are_refused(costs):
    with pytest.raises(ValueError, match="costs"):
        bayes_threshold(*costs)


def test_what_cannot_be_valued_is_refused():
    with pytest.raises(ValueError, match="exposure"):
        expected_loss([0.5], [np.nan])
    with pytest.raises(ValueError, match="lost"):
        share_found([0.0, 0.0], [1.0, 2.0], 0.5)
    with pytest.raises(ValueError, match="rows"):
        profit_curve([], [], gain=1.0)


def found_at_a_fifth(table, estimator):
    """Return the shares of the defaulted balance not found, ranked by probability and by loss.

    Exposure is the last bill, 0 where the account is in credit.
    """
    y, X = table[DEFAULTED].to_numpy(), table.drop(columns=DEFAULTED).astype(float)
    probability = np.empty(len(y))
    for train, rest in StratifiedKFold(5, shuffle=True, random_state=0).split(X, y):
        probability[rest] = estimator.fit(X.iloc[train], y[train]).predict_proba(X.iloc[rest])[:, 1]
    stake = table["BILL_AMT1"].clip(lower=0).to_numpy()
    lost = y * stake
    ranks = probability, expected_loss(probability, stake)
    return tuple(1.0 - share_found(lost, rank, 0.2) for rank in ranks)


def test_expected_loss_finds_what_probability_alone_leaves(data_file):
    table = pd.read_csv(data_file(TAIWAN)).sample(6_000, random_state=0)

    by_probability, by_loss = found_at_a_fifth(table, AdditiveClassifier())

    assert by_probability > 0.42
    assert by_loss < 0.27


@pytest.mark.long
def test_a_fifth_reviewed_by_expected_loss_leaves_a_quarter_of_the_defaulted_balance_at_most(data_file):
    by_probability, by_loss = found_at_a_fifth(pd.read_csv(data_file(TAIWAN)), OutcomeClassifier())

    assert by_probability > 0.44
    assert by_loss <= 0.25
