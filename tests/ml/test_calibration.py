import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from analytics.ml.calibration import fit_line


def draw(slope, intercept, n=50_000):
    rng = np.random.default_rng(0)
    log_odds = rng.normal(-1, 2, n)
    return log_odds, (rng.random(n) < expit(slope * log_odds + intercept)).astype(int)


@pytest.mark.parametrize("slope", [0.3, 1.0, 4.0])
def test_recovers_the_line_it_was_generated_from(slope):
    line = fit_line(*draw(slope, 0.5))

    assert line == pytest.approx((slope, 0.5), abs=0.08)


def test_agrees_with_unpenalised_logistic_regression():
    log_odds, y = draw(0.7, -0.2, n=2_000)
    reference = LogisticRegression(C=np.inf, tol=1e-12, solver="newton-cholesky")
    reference.fit(log_odds[:, None], y)

    line = fit_line(log_odds, y)

    assert line.slope == pytest.approx(reference.coef_[0, 0], abs=1e-6)
    assert line.intercept == pytest.approx(reference.intercept_[0], abs=1e-6)


def test_weights_count_like_repeated_rows():
    log_odds, y = draw(1.0, 0.0, n=200)
    weight = np.random.default_rng(1).integers(0, 4, 200)

    weighted = fit_line(log_odds, y, weight)

    assert weighted == pytest.approx(fit_line(np.repeat(log_odds, weight), np.repeat(y, weight)))


def test_separated_classes_have_no_finite_slope():
    assert fit_line([1.0, 2.0, 3.0], [0, 0, 1]).slope == np.inf
    assert fit_line([1.0, 2.0, 3.0], [1, 0, 0]).slope == -np.inf


def test_prior_keeps_the_slope_finite_when_classes_are_separated():
    line = fit_line([1.0, 2.0, 3.0], [0, 0, 1], slope_prior_sd=0.5)

    assert 0.5 < line.slope < 2.0


def test_refuses_what_has_no_slope():
    with pytest.raises(ValueError, match="both classes"):
        fit_line([1.0, 2.0], [1, 1])
    with pytest.raises(ValueError, match="constant"):
        fit_line([1.0, 1.0], [0, 1])
