"""The default classifier: any table in, calibrated and additive probabilities out."""

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from analytics.ml.classifier import OutcomeClassifier
from analytics.ml.columns import find_column
from analytics.ml.metrics import auc, calibration_line
from analytics.ml.outcome import RecencyFrequencyLogistic
from analytics.ml.stacking import make_folds
from analytics.ml.trees import from_boosting

ROWS = 3_000


@parametrize_with_checks(
    [OutcomeClassifier(max_trees=10)],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "a repeated row may fall into two folds"
    },
)
def test_it_keeps_scikit_learns_rules(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def table():
    """A table as a stranger keeps it, whose outcome hangs on most of its columns."""
    rng = np.random.default_rng(7)
    fee = rng.normal(60.0, 20.0, ROWS)
    months = rng.integers(0, 72, ROWS)
    plan = rng.choice(["Monthly", "Yearly", "Two years"], ROWS, p=[0.5, 0.3, 0.2])
    town = rng.choice([f"Town {i}" for i in range(120)], ROWS)
    angry = rng.random(ROWS) < 0.3
    log_odds = (
        0.03 * (fee - 60.0) - 0.04 * (months - 36) + 1.2 * (plan == "Monthly") - 1.2
        + 0.8 * (np.char.find(town.astype(str), "1") > 0) + 1.5 * angry * (plan == "Monthly")
    )  # fmt: skip
    words = np.where(
        angry, "I am very unhappy with this slow service", "Everything works well so far, thanks"
    )
    return pd.DataFrame(
        {
            "fee": [f" {value:,.2f} " if value > 0 else "" for value in fee * 30],
            "since": (pd.Timestamp("2026-01-01") - pd.to_timedelta(months * 30, unit="D")).strftime(
                "%Y-%m-%d"
            ),
            "plan": plan,
            "town": town,
            "note": [f"{text} {i}" for i, text in enumerate(words)],
            "constant": "x",
        }
    ), (rng.random(ROWS) < expit(log_odds)).astype(int)


@pytest.fixture(scope="module")
def fitted(table):
    X, y = table
    return OutcomeClassifier().fit(X.iloc[:2_000], y[:2_000])


def test_it_finds_out_what_columns_hold(fitted):
    assert [column.kind for column in fitted.columns_] == [
        "number",
        "date",
        "category",
        "many",
        "text",
        "category",
    ]


def test_it_predicts_what_it_has_not_seen(fitted, table):
    X, y = table
    p = fitted.predict_proba(X.iloc[2_000:])[:, 1]

    assert auc(y[2_000:], p) > 0.77
    assert abs(p.mean() - y[2_000:].mean()) < 0.04


def test_reasons_add_up_and_average_to_nothing(fitted, table):
    X, _ = table
    parts = fitted.contributions(X.iloc[:2_000])

    assert np.allclose(parts.sum(axis=1) + fitted.base_log_odds_, fitted.decision_function(X.iloc[:2_000]))
    calm = [0, 1, 2, 5]  # towns and texts were learnt from other rows' outcomes than they are read with
    assert np.allclose(parts[:, calm].mean(axis=0), 0.0, atol=2e-3)


def test_a_row_is_the_same_to_the_bit_whoever_stands_beside_it(fitted, table):
    X, _ = table
    together = fitted.decision_function(X.iloc[:50])

    assert [fitted.decision_function(X.iloc[[i]])[0] for i in range(50)] == together.tolist()


def test_categories_numbers_and_dates_never_seen_are_not_known(fitted):
    strange = pd.DataFrame(
        {
            "fee": ["lots"],
            "since": ["soon"],
            "plan": ["Weekly"],
            "town": ["Nowhere"],
            "note": [None],
            "constant": [None],
        }
    )
    assert np.isfinite(fitted.decision_function(strange)).all()


def test_order_of_rows_hardly_matters(table):
    X, y = table
    order = np.argsort(y, kind="stable")
    test = slice(2_000, None)
    scores = [
        auc(
            y[test],
            OutcomeClassifier(max_trees=30).fit(X.iloc[rows], y[rows]).predict_proba(X.iloc[test])[:, 1],
        )
        for rows in (np.arange(2_000), order[order < 2_000])
    ]
    assert abs(scores[0] - scores[1]) < 0.006  # other folds; on larger sets it is .002


def test_with_times_folds_are_predicted_from_earlier_rows_only(table, monkeypatch):
    X, y = table
    model = OutcomeClassifier(max_trees=20)
    times = np.random.default_rng(0).permutation(ROWS)
    for earlier, later in make_folds(y, 5, 0, times=times):
        assert times[earlier].max() < times[later].min()
    assert np.isfinite(model.fit(X, y, times=times).weights_).all()


def test_of_many_rows_a_part_is_learnt_from_and_a_rare_outcome_stays_as_rare_as_it_is():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(30_000, 2))
    y = (rng.random(30_000) < expit(x[:, 0] - 4.5)).astype(int)  # one in sixty

    model = OutcomeClassifier(max_rows=4_000, max_trees=50).fit(x, y)
    fresh = rng.normal(size=(30_000, 2))
    truth = expit(fresh[:, 0] - 4.5)

    assert model.predict_proba(fresh)[:, 1].mean() == pytest.approx(truth.mean(), rel=0.15)


def test_an_anchor_takes_half_and_the_mixture_is_calibrated_and_its_reasons_add_up():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(6_000, 4))
    y = (rng.random(6_000) < expit(x[:, 0] + x[:, 1] * x[:, 2])).astype(int)
    learnt, fresh = slice(0, 3_000), slice(3_000, None)
    plain = RecencyFrequencyLogistic().fit(x[learnt][:, [0, 3]], y[learnt])

    half = OutcomeClassifier(max_trees=100, anchor=[0, 3]).fit(x[learnt], y[learnt])
    whole = OutcomeClassifier(max_trees=100).fit(x[learnt], y[learnt])

    middle = whole.decision_function(x) + plain.decision_function(x[:, [0, 3]])
    assert np.corrcoef(half.decision_function(x), middle)[0, 1] == pytest.approx(1.0)
    assert 0.85 < calibration_line(y[fresh], half.predict_proba(x[fresh])[:, 1]).slope < 1.15
    added = half.contributions(x).sum(axis=1) + half.base_log_odds_
    assert np.allclose(added, half.decision_function(x))


def test_rows_of_one_account_share_a_fold(table):
    _, y = table
    accounts = np.random.default_rng(1).integers(0, 800, ROWS)
    for train, rest in make_folds(y, 5, 0, groups=accounts):
        assert not set(accounts[train]) & set(accounts[rest])


def test_shapley_values_are_exact():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1_500, 5))
    X[:, 4] = rng.integers(0, 7, 1_500)
    X[rng.random(X.shape) < 0.1] = np.nan
    log_odds = (
        np.nan_to_num(X[:, 0]) * np.nan_to_num(X[:, 1]) + np.isin(X[:, 4], [1, 3, 6]) + np.isnan(X[:, 2])
    )
    y = (rng.random(1_500) < expit(log_odds)).astype(int)
    model = HistGradientBoostingClassifier(
        max_leaf_nodes=8, max_iter=60, categorical_features=[4], max_features=0.5, random_state=0
    )
    with threadpool_limits(1):
        model.fit(X, y)
    background = X[:80]
    sums = from_boosting(model, background)
    points = sums.contributions(X)

    assert np.allclose(points.sum(axis=1) + sums.base, model.decision_function(X), atol=1e-10)
    assert np.allclose(points[500], _brute_force(model, background, X[500]), atol=1e-10)


def _brute_force(model, background, row):
    columns = range(row.size)

    def worth(known):
        mixed = background.copy()
        mixed[:, list(known)] = row[list(known)]
        return model.decision_function(mixed).mean()

    worths = {known: worth(known) for k in range(row.size + 1) for known in combinations(columns, k)}
    points = np.zeros(row.size)
    for j in columns:
        others = [i for i in columns if i != j]
        for k in range(row.size):
            share = factorial(k) * factorial(row.size - 1 - k) / factorial(row.size)
            for known in combinations(others, k):
                points[j] += share * (worths[tuple(sorted((*known, j)))] - worths[known])
    return points


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", "", None, "-3"] * 20, "number"),
        (["1,234.50", "£99", "12 %", "5"] * 20, "number"),
        (["2026-01-31", "2025-12-01T10:00:00", ""] * 20, "date"),
        (["31.01.2026", "1/2/2025"] * 20, "date"),
        (["may", "jun", "mon", "fri"] * 20, "category"),
        ([f"level {i % 60}" for i in range(600)], "many"),
        ([f"this cell holds a whole sentence, number {i}" for i in range(100)], "text"),
        ([f"这是一条很长的客户反馈，用来说明服务的情况以及客户的要求，编号{i}" for i in range(100)], "text"),
        ([None, None, ""] * 5, "number"),
        ([True, False] * 5, "number"),
    ],
)
def test_what_a_column_holds(cells, kind):
    assert find_column(pd.Series(cells)).kind == kind


def test_an_infinite_number_is_refused_by_its_name(table):
    X, y = table
    with pytest.raises(ValueError, match="fee"):
        OutcomeClassifier().fit(X.assign(fee=np.where(np.arange(ROWS) == 5, np.inf, 1.0)), y)
