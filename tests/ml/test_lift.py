import numpy as np
import pytest
import scipy.stats

from analytics.ml import lift

# Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10, 95 %
NEWCOMBE = [
    ((56, 70, 48, 80), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1705, 0.8090)),
    ((6, 7, 2, 7), (0.0582, 0.8062)),
    ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ((0, 10, 0, 20), (-0.1611, 0.2775)),
    ((0, 10, 0, 10), (-0.2775, 0.2775)),
    ((10, 10, 0, 20), (0.6791, 1.0000)),
    ((10, 10, 0, 10), (0.6075, 1.0000)),
]


@pytest.mark.parametrize(("counts", "interval"), NEWCOMBE)
def test_difference_in_shares_matches_the_published_table(counts, interval):
    estimate = lift.difference_in_shares(*counts, confidence=0.95)

    assert (estimate.low, estimate.high) == pytest.approx(interval, abs=6e-5)


def test_interval_of_shares_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    treated, control = rng.binomial(400, 0.06, 2_000), rng.binomial(200, 0.04, 2_000)

    estimates = [lift.difference_in_shares(t, 400, c, 200) for t, c in zip(treated, control, strict=True)]

    assert np.mean([e.low <= 0.02 <= e.high for e in estimates]) == pytest.approx(0.90, abs=0.02)


def test_difference_in_means_agrees_with_welchs_test():
    rng = np.random.default_rng(0)
    treated, control = rng.lognormal(3, 1, 300), rng.lognormal(3, 1.5, 40)
    reference = scipy.stats.ttest_ind(treated, control, equal_var=False).confidence_interval(0.9)

    estimate = lift.difference_in_means(
        *(treated.sum(), (treated**2).sum(), 300), *(control.sum(), (control**2).sum(), 40)
    )

    assert (estimate.low, estimate.high) == pytest.approx((reference.low, reference.high))


def test_means_of_one_value_or_without_spread_have_no_interval():
    with pytest.raises(ValueError, match="at least two values"):
        lift.difference_in_means(5, 25, 1, 3, 5, 2)
    with pytest.raises(ValueError, match="nothing varies"):
        lift.difference_in_means(0, 0, 10, 0, 0, 10)
    with pytest.raises(ValueError, match="smaller than the sum"):
        lift.difference_in_means(100, 1, 10, 0, 0, 10)


def test_broken_assignment_shows_in_the_ratio_of_the_arms():
    assert lift.sample_ratio_p_value(5_000, 5_000, 0.5) == pytest.approx(1.0)
    assert lift.sample_ratio_p_value(9_020, 980, 0.9) > 0.4
    assert lift.sample_ratio_p_value(9_200, 800, 0.9) < 1e-6
    with pytest.raises(ValueError, match="propensity"):
        lift.sample_ratio_p_value(1, 1, 1.0)


def test_incremental_is_the_difference_an_account_times_the_accounts_treated():
    treated = lift.Arm(n=1_000, conversions=120, amount=6_000, amount_squares=420_000)
    control = lift.Arm(n=500, conversions=40, amount=2_000, amount_squares=150_000)

    result = lift.incremental(treated, control)

    assert result.conversions.value == pytest.approx(40.0)
    assert result.conversions.low == pytest.approx(result.share.low * 1_000)
    assert result.money.value == pytest.approx(2_000.0)
    assert result.money.low < 2_000 < result.money.high


@pytest.mark.parametrize("control", [lift.Arm(n=1, conversions=0), lift.Arm(n=50, conversions=0)])
def test_money_without_spread_is_left_out_instead_of_claimed_certain(control):
    result = lift.incremental(lift.Arm(n=100, conversions=0), control)

    assert result.money is None
    assert result.conversions.low < 0 < result.conversions.high


def test_an_empty_arm_is_an_error():
    with pytest.raises(ValueError, match="each arm"):
        lift.incremental(lift.Arm(n=100, conversions=5), lift.Arm(n=0, conversions=0))
    with pytest.raises(ValueError, match="0 <= k <= n"):
        lift.incremental(lift.Arm(n=100, conversions=101), lift.Arm(n=10, conversions=0))


def test_hillstrom_women_mail_lifts_visits(data_file):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(data_file("hillstrom/hillstrom.csv"))
    arms = table.groupby("segment")["visit"].agg(["sum", "count"])
    mailed, held_out = arms.loc["Womens E-Mail"], arms.loc["No E-Mail"]

    estimate = lift.difference_in_shares(*mailed, *held_out)

    assert estimate.difference == pytest.approx(0.0452, abs=0.0002)
    assert estimate.low > 0.035
    assert lift.sample_ratio_p_value(mailed["count"], held_out["count"], 0.5) > 0.05
