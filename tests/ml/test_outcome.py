import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from analytics.ml import metrics
from analytics.ml.outcome import AdditiveClassifier, RecencyFrequencyLogistic
from tests.ml.persistence import stored_and_loaded


def expected_failures(estimator):
    if getattr(estimator, "calibrate_folds", 0) < 2:
        return {}
    return {"check_sample_weight_equivalence_on_dense_data": "copies of a row fall into several folds"}


@parametrize_with_checks(
    [AdditiveClassifier(), AdditiveClassifier(calibrate_folds=0), RecencyFrequencyLogistic()],
    expected_failed_checks=expected_failures,
)
def test_follows_the_estimator_interface(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def planted():
    """Return columns, outcomes and true log-odds: two curves, noise, a gap that tells."""
    rng = np.random.default_rng(0)
    x = np.column_stack(
        [
            rng.normal(size=8_000),
            rng.lognormal(3, 2, 8_000),
            rng.normal(size=8_000),
            rng.integers(0, 2, 8_000),
            np.full(8_000, 7.0),
            rng.normal(size=8_000),
        ]
    )
    unknown = rng.random(8_000) < 0.3
    x[unknown, 5] = np.nan
    curves = [np.sin(1.5 * x[:, 0]), 0.5 * np.log(x[:, 1]) - 1.5, 0.8 * x[:, 3], 1.5 * unknown]
    log_odds = np.sum(curves, axis=0) - 1.5
    return x, (rng.random(8_000) < expit(log_odds)).astype(int), log_odds


@pytest.fixture(scope="module")
def model(planted):
    x, y, _ = planted
    return AdditiveClassifier().fit(x[:6_000], y[:6_000])


def test_contributions_add_up_to_the_log_odds(model, planted):
    x = planted[0]

    total = model.contributions(x).sum(axis=1) + model.base_log_odds_

    assert np.abs(total - model.decision_function(x)).max() < 1e-9
    assert np.abs(total - logit(model.predict_proba(x)[:, 1])).max() < 1e-9


def test_contributions_are_centred_on_the_training_rows(model, planted):
    centres = model.contributions(planted[0][:6_000]).mean(axis=0)

    assert np.abs(centres).max() < 1e-9


def test_finds_planted_curves_and_leaves_noise_alone(model, planted):
    x, _, truth = planted
    parts = model.contributions(x[6_000:])

    assert np.corrcoef(parts[:, 0], np.sin(1.5 * x[6_000:, 0]))[0, 1] > 0.97
    assert np.corrcoef(parts[:, 1], np.log(x[6_000:, 1]))[0, 1] > 0.97
    assert np.corrcoef(model.decision_function(x[6_000:]), truth[6_000:])[0, 1] > 0.97
    assert parts[:, 2].std() < 0.15
    assert np.all(parts[:, 4] == 0.0)


def test_what_is_not_known_is_a_reason_of_its_own(model, planted):
    x = planted[0]
    unknown = np.isnan(x[:, 5])

    parts = model.contributions(x)[:, 5]

    assert parts[unknown].mean() - parts[~unknown].mean() == pytest.approx(1.5, abs=0.25)
    assert np.ptp(parts[unknown]) < 1e-12


def test_probabilities_are_calibrated_on_unseen_rows(model, planted):
    x, y, _ = planted
    p = model.predict_proba(x[6_000:])[:, 1]

    assert metrics.calibration_line(y[6_000:], p).slope == pytest.approx(1.0, abs=0.12)
    assert metrics.expected_calibration_error(y[6_000:], p) < metrics.ece_floor(p)[1]


def test_calibration_tames_a_model_that_learnt_noise():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 30)), rng.integers(0, 2, 300)

    wild = AdditiveClassifier(C=100.0, calibrate_folds=0).fit(x, y).decision_function(x)
    tamed = AdditiveClassifier(C=100.0).fit(x, y).decision_function(x)

    assert tamed.std() < 0.25 * wild.std()


def test_tails_run_straight_and_finite(model, planted):
    x = np.tile(planted[0][0], (3, 1))
    x[:, 1] = [1e6, 1e12, 1e300]

    assert np.isfinite(model.decision_function(x)).all()


def test_columns_missing_wholly_or_at_prediction_only_do_no_harm(planted):
    x, y, _ = planted
    x = x[:2_000].copy()
    x[:, 2] = np.nan
    model = AdditiveClassifier().fit(x, y[:2_000])

    x[:, 0] = np.nan

    assert np.isfinite(model.predict_proba(x)).all()
    assert np.all(model.contributions(x)[:, [0, 2]] == 0.0)


def test_same_rows_give_the_same_model(planted):
    x, y, _ = planted
    twins = [AdditiveClassifier().fit(x[:1_000], y[:1_000]) for _ in range(2)]

    assert np.array_equal(*[twin.decision_function(x) for twin in twins])


def test_columns_that_say_nothing_give_everybody_the_base_rate():
    y = np.array([0, 0, 0, 1] * 10)

    p = AdditiveClassifier().fit(np.ones((40, 2)), y).predict_proba(np.ones((1, 2)))

    assert p[0, 1] == pytest.approx(0.25)


def test_refuses_outcomes_of_one_class():
    with pytest.raises(ValueError, match="two classes"):
        AdditiveClassifier().fit([[1.0], [2.0]], [1, 1])


@pytest.mark.parametrize("estimator", [AdditiveClassifier(), RecencyFrequencyLogistic()])
def test_is_the_same_after_storing(estimator, planted):
    x, y, _ = planted
    estimator.fit(x[:1_000], y[:1_000])

    loaded = stored_and_loaded(estimator)

    assert np.array_equal(loaded.predict_proba(x), estimator.predict_proba(x))


def test_baseline_recovers_a_logistic_in_logs():
    rng = np.random.default_rng(0)
    counts = rng.poisson(5, (20_000, 1))
    y = rng.random(20_000) < expit(1.2 * np.log1p(counts[:, 0]) - 2)

    baseline = RecencyFrequencyLogistic().fit(counts, y)

    assert baseline.coef_[0] / baseline.scale_[0] == pytest.approx(1.2, abs=0.1)


def test_telco_churn_reaches_the_best_public_tools(data_file):
    x, y = telco(data_file("telco_churn/WA_Fn-UseC_-Telco-Customer-Churn.csv"))
    p = np.empty(y.size)

    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(x, y):
        p[test] = AdditiveClassifier().fit(x[train], y[train]).predict_proba(x[test])[:, 1]

    assert metrics.auc(y, p) > 0.845
    assert metrics.log_loss(y, p) < 0.414
    assert metrics.expected_calibration_error(y, p) < metrics.ece_floor(p)[1]


def telco(path):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(path).drop(columns="customerID")
    table["TotalCharges"] = pandas.to_numeric(table["TotalCharges"], errors="coerce")
    y = (table.pop("Churn") == "Yes").to_numpy(int)
    return pandas.get_dummies(table, dtype=float).to_numpy(float), y
