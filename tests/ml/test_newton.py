import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from analytics.ml.newton import RidgeLogistic, out_of_fold_log_odds


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    design = rng.normal(size=(1_500, 12))
    y = (rng.random(1_500) < expit(design @ rng.normal(size=12) - 1)).astype(float)
    return RidgeLogistic(design, y, rng.uniform(0.5, 2, 1_500), ridge=3.0)


def reference(problem, rows):
    model = LogisticRegression(C=1 / problem.ridge, tol=1e-12, solver="newton-cholesky")
    model.fit(problem.design[rows], problem.y[rows], sample_weight=problem.weight[rows])
    return np.append(model.intercept_, model.coef_)


def test_minimum_agrees_with_scikit_learn(problem):
    theta = problem.minimise(problem.start())

    assert theta == pytest.approx(reference(problem, np.arange(1_500)), abs=1e-6)


def test_curvature_of_another_problem_leads_to_the_same_minimum(problem):
    theta = problem.minimise(problem.start(), 5 * np.eye(13) * 1_500)

    assert theta == pytest.approx(problem.minimise(problem.start()), abs=1e-6)


def test_separated_classes_have_a_minimum_thanks_to_the_ridge():
    x = np.linspace(-1, 1, 50)
    problem = RidgeLogistic(x[:, None] * 100, (x > 0).astype(float), np.ones(50), ridge=1e-4)

    assert np.isfinite(problem.minimise(problem.start())).all()


def test_out_of_fold_log_odds_are_those_of_honest_refits(problem):
    fold = np.arange(1_500) % 5

    unseen = out_of_fold_log_odds(problem, problem.minimise(problem.start()), fold)

    for number in range(5):
        theta = reference(problem, fold != number)
        rows = fold == number
        assert unseen[rows] == pytest.approx(problem.design[rows] @ theta[1:] + theta[0], abs=1e-5)


def test_rows_of_weight_nothing_are_as_good_as_absent(problem):
    kept = np.arange(1_500) < 1_000
    part = RidgeLogistic(problem.design, problem.y, problem.weight * kept, problem.ridge)

    assert part.minimise(part.start()) == pytest.approx(reference(problem, kept), abs=1e-6)
