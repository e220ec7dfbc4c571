"""`evaluate value`: known answers, other people's files, and refusals that say why."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from analytics.pipelines.evaluation.reading import BadInput
from analytics.pipelines.evaluation.value import _figures, _top_share, evaluate_value

KEYS = {"mae", "rmse", "bias", "spearman", "top_decile_share"}


@pytest.fixture(scope="module")
def orders():
    """Return orders of 400 accounts in 2024 and the spring of 2025."""
    rng = np.random.default_rng(0)
    rows = []
    for account in range(400):
        day, gap = rng.integers(0, 300), rng.gamma(2.0, 12.0)
        while day < 480 and rng.random() > 0.05:
            rows.append((f"A{account}", day, round(float(rng.gamma(4.0, 10.0)) + 0.01, 2)))
            day += 1 + int(rng.exponential(gap))
    table = pd.DataFrame(rows, columns=["who", "day", "paid"])
    table["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(table.pop("day"), unit="D")
    return table


def run(table, **options):
    options = {"account": "who", "date": "when", "amount": "paid", "calibration_end": "2024-12-31"} | options
    return evaluate_value(table, **options)


def test_cdnow_is_foreseen_as_well_as_the_best_published(data_file):
    table = pd.read_csv(
        data_file("cdnow/CDNOW_sample.txt"), sep=r"\s+", header=None, dtype=str,
        names=["master", "customer", "date", "cds", "dollars"],
    )  # fmt: skip

    found = evaluate_value(
        table, account="customer", date="date", amount="dollars", calibration_end=date(1997, 9, 30)
    )

    assert (found["customers"], found["horizon_days"], found["non_finite"]) == (2357, 273, 0)
    assert found["mae"] <= 0.755
    published = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "log_likelihood": -9582.4}
    tolerance = {"log_likelihood": 0.05}
    for name, value in published.items():
        assert found["parameters"]["bg_nbd"][name] == pytest.approx(value, abs=tolerance.get(name, 5e-4))
    assert found["mae"] < found["baselines"]["own_rate"]["mae"]


def test_everything_asked_for_is_there_and_can_be_written_as_json(orders):
    found = run(orders)

    wanted = {"parameters", "fit_seconds", "non_finite", "model", "customers", "baselines", "warnings"}
    assert found.keys() >= KEYS | wanted | {f"amount_{key}" for key in KEYS}
    assert found["baselines"].keys() == {"own_rate", "everybodys_mean"}
    assert all(rival.keys() >= KEYS for rival in found["baselines"].values())
    assert json.dumps(found, allow_nan=False)
    assert found["non_finite"] == 0
    assert found["rmse"] < found["baselines"]["own_rate"]["rmse"]
    assert found["amount_rmse"] < found["baselines"]["everybodys_mean"]["amount_rmse"]
    assert 0.85 < found["interval_coverage"] <= 1
    assert found["median_mae"] <= found["mae"]


def test_without_amounts_there_are_figures_of_purchases_only(orders):
    found = run(orders, amount=None)

    assert not [name for name in found if name.startswith("amount")]
    assert found["mae"] == run(orders)["mae"]


def test_order_of_rows_and_names_of_accounts_do_not_matter(orders):
    shuffled = orders.sample(frac=1, random_state=1)
    shuffled["who"] = shuffled["who"].str.replace("A", "Kunde ")

    here, there = run(orders), run(shuffled)
    for name in [*KEYS, *(f"amount_{key}" for key in KEYS), "customers", "interval_coverage"]:
        assert there[name] == pytest.approx(here[name], rel=1e-4)
    assert there["parameters"]["bg_nbd"] == pytest.approx(here["parameters"]["bg_nbd"], rel=1e-3)


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%Y%m%d", "%m/%d/%Y", "%Y-%m-%dT%H:%M:%SZ", "%d %B %Y"])
def test_dates_as_text_are_the_same_dates(orders, form):
    written = orders.assign(when=orders["when"].dt.strftime(form))

    assert run(written)["mae"] == pytest.approx(run(orders)["mae"], rel=1e-12)


def test_numbers_as_accounts_and_amounts_with_signs_are_read(orders):
    written = orders.assign(who=orders["who"].str[1:].astype(float), paid="$" + orders["paid"].astype(str))

    assert run(written)["amount_mae"] == pytest.approx(run(orders)["amount_mae"], rel=1e-9)


def test_purchases_of_a_day_are_one(orders):
    halves = pd.concat([orders, orders]).assign(paid=lambda rows: rows["paid"] / 2)

    assert run(halves)["mae"] == run(orders)["mae"]
    assert run(halves)["purchases"] == run(orders)["purchases"]


def test_rows_that_are_left_out_are_counted_by_rule(orders):
    broken = pd.DataFrame({
        "who": ["", "A1", "A1", "A1", "A2"],
        "paid": ["5", "5", "no idea", "-20", "0"],
        "when": ["2024-05-01", "someday", "2024-05-02", "2024-05-03", "2024-05-04"],
    })  # fmt: skip
    plain = orders.astype({"paid": str}).assign(when=orders["when"].dt.strftime("%Y-%m-%d"))

    found = run(pd.concat([plain, broken], ignore_index=True))

    counted = {each["code"]: each["data"].get("rows") for each in found["findings"]}
    rules = ["no_account", "bad_times", "bad_amounts", "value_returns", "value_free"]
    assert [counted[rule] for rule in rules] == [1] * 5
    assert found["purchases"] == run(orders)["purchases"] + 1  # what cost nothing was bought all the same


def test_single_dates_centuries_away_are_mistakes(orders):
    typos = pd.DataFrame(
        {"who": ["A1", "A2"], "when": pd.to_datetime(["1900-01-01", "2199-01-01"]), "paid": 9.0}
    )

    found = run(pd.concat([orders, typos], ignore_index=True))

    assert found["mae"] == run(orders)["mae"]
    [said] = [each for each in found["findings"] if each["code"] == "value_far_dates"]
    assert (said["data"]["rows"], said["data"]["date"]) == (2, "1900-01-01")
    assert "1900-01-01" in said["sentence"]


def test_accounts_that_come_later_are_left_out_and_counted(orders):
    newcomers = pd.DataFrame({"who": ["new", "newer"], "when": pd.Timestamp("2025-03-01"), "paid": 9.0})

    found = run(pd.concat([orders, newcomers], ignore_index=True))

    assert found["customers_after_calibration"] == run(orders)["customers_after_calibration"] + 2
    assert found["customers"] == run(orders)["customers"]
    assert found["mae"] == run(orders)["mae"]


def test_the_day_of_the_calibration_end_belongs_to_the_calibration():
    table = pd.DataFrame({"who": list("abcab"), "when": ["2024-01-01"] * 3 + ["2024-01-31", "2024-02-09"]})

    found = run(table, amount=None, calibration_end="2024-01-31")

    assert (found["horizon_days"], found["actual_purchases"]) == (9, 1.0)
    assert found["holdout"] == ["2024-02-01", "2024-02-09"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"account": "nobody"}, "no_column"),
        ({"amount": "when"}, "same_column"),
        ({"date": "who"}, "same_column"),
        ({"date": "paid"}, "same_column"),
        ({"date": "note", "amount": None}, "not_dates"),
        ({"amount": "note"}, "not_numbers"),
        ({"calibration_end": "2031-01-01"}, "value_no_holdout"),
        ({"calibration_end": "2001-01-01"}, "value_no_calibration"),
        ({"calibration_end": "soon"}, "bad_date"),
        ({"calibration_end": None}, "bad_date"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(orders, change, code):
    with pytest.raises(BadInput) as refused:
        run(orders.assign(note="soon"), **change)

    assert refused.value.code == code
    assert str(refused.value) != code


def test_amounts_that_are_all_nothing_are_refused(orders):
    with pytest.raises(BadInput) as refused:
        run(orders.assign(paid=0))

    assert refused.value.code == "value_no_money"


@pytest.mark.parametrize("accounts", [1, 2, 5])
def test_a_handful_of_accounts_is_answered_with_a_warning(orders, accounts):
    few = orders[orders["who"].isin(orders["who"].unique()[:accounts])]

    found = run(few, calibration_end=str(few["when"].median().date()))

    assert found["non_finite"] == 0
    assert "value_few_customers" in [each["code"] for each in found["findings"]]


def test_left_censored_and_seasonal_books_are_said_to_be(orders):
    peak = orders[orders["when"].dt.month == 8]
    gifts = pd.concat([peak.assign(when=peak["when"] + pd.Timedelta(days=shift)) for shift in (1, 2)])
    old = pd.DataFrame(
        {"who": [f"old {n}" for n in range(300)], "when": pd.Timestamp("2024-01-03"), "paid": 9}
    )

    def codes(*parts):
        found = run(pd.concat([orders, *parts], ignore_index=True))
        return {each["code"] for each in found["findings"]}

    assert not codes() & {"value_left_censored", "value_seasonal"}
    assert "value_left_censored" in codes(old)
    assert "value_seasonal" in codes(gifts[gifts["when"].dt.month == 8])


def test_figures_are_those_of_the_definitions():
    found = _figures(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 5, 3]))

    assert (found["mae"], found["bias"]) == (0.75, -0.25)
    assert found["rmse"] == pytest.approx(np.sqrt(5 / 4))
    assert found["spearman"] == pytest.approx(0.8)


def test_ties_share_the_last_place_of_the_top_tenth():
    actual = np.arange(20.0)

    assert _top_share(np.ones(20), actual) == pytest.approx(0.1)
    assert _top_share(actual, actual) == pytest.approx((19 + 18) / actual.sum())
    assert _top_share(np.ones(20), np.zeros(20)) is None
