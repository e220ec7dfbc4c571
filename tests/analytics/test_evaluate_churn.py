from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from django.core.management import call_command

from analytics.pipelines.evaluation.churn import evaluate_churn
from analytics.pipelines.evaluation.orders import churned, features_at, read_orders
from analytics.pipelines.evaluation.reading import BadInput

START = np.datetime64("2024-01-01")


def day(number: int) -> str:
    return str(START + number)


def book_of_orders(accounts: int = 200, days: int = 420) -> pd.DataFrame:
    """Accounts with a rhythm of their own; half of them stop at a day that nobody else knows."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(accounts):
        gap = rng.uniform(8, 45)
        stops = rng.uniform(0, 2 * days)
        at = rng.uniform(0, 60)
        while at < min(days, stops):
            rows.append((f"{number:04d}", day(int(at)), f"{rng.gamma(2.0, 20.0):.2f}"))
            at += rng.exponential(gap)
    return pd.DataFrame(rows, columns=["account", "date", "amount"])


def orders_of(rows: list[tuple[str, int, str]]):
    table = pd.DataFrame([(account, day(at), amount) for account, at, amount in rows], columns=list("adm"))
    return read_orders(table, account="a", date="d", amount="m")


def at(number: int) -> int:
    return int((START + number).astype("datetime64[D]").astype(np.int64))


def test_an_end_before_the_first_order_is_refused_by_that_name():
    with pytest.raises(BadInput, match="2020-01-01 lies before the first order, which is of 2024-01-"):
        evaluate_churn(
            book_of_orders(20), account="account", date="date", amount="amount",
            as_of=pd.Timestamp("2020-01-01"),
        )  # fmt: skip


def test_single_orders_of_another_century_don_t_move_the_end():
    rows = [("A", number % 400, "10") for number in range(1_200)]
    typos = pd.DataFrame([("A", "2199-12-31", "10"), ("A", "9999-12-31", "10")], columns=list("adm"))
    table = pd.DataFrame([(account, day(at), amount) for account, at, amount in rows], columns=list("adm"))

    orders, notes, dropped = read_orders(pd.concat([table, typos]), account="a", date="d", amount="m")

    assert int(orders.day.max()) == at(399)
    assert [each.code for each in notes] == ["bad_times", "value_far_dates"]
    assert dropped == 2


def test_features_say_what_the_orders_said():
    orders, _, _ = orders_of([
        ("A", 0, "10"), ("A", 0, "5"), ("A", 20, "30"), ("A", 60, "15"), ("A", 65, "-6"), ("B", 70, "8"),
    ])  # fmt: skip

    accounts, features = features_at(orders, cutoff=at(80))

    assert orders.accounts[accounts].tolist() == ["A", "B"]
    first = features.iloc[0]
    assert first["recency_days"] == 20
    assert first["tenure_days"] == 80
    assert first["purchases_ever"] == 3  # two rows of one day are one purchase
    assert first["amount_ever"] == 60
    assert (first["purchases_30"], first["amount_30"]) == (1, 15)
    assert (first["gap_mean_days"], first["gap_usual_days"], first["gap_longest_days"]) == (30, 30, 40)
    assert first["overdue_ratio"] == pytest.approx(20 / 30)
    assert (first["returns"], first["returned_share"]) == (1, pytest.approx(0.1))
    assert first["amount_last"] == 15
    assert np.isnan(features.iloc[1]["gap_usual_days"])


def test_nothing_from_the_cut_off_on_is_read():
    known = [("A", 0, "10"), ("A", 20, "30"), ("B", 70, "8")]
    later = [("A", 80, "99"), ("B", 90, "-5"), ("C", 85, "1")]

    before, after = orders_of(known)[0], orders_of(known + later)[0]
    first, second = features_at(before, cutoff=at(80)), features_at(after, cutoff=at(80))

    pd.testing.assert_frame_equal(first[1], second[1])


def test_who_orders_on_the_last_day_of_the_horizon_stays_and_a_day_later_is_gone():
    orders, _, _ = orders_of([("A", 0, "1"), ("A", 99, "1"), ("B", 0, "1"), ("B", 100, "1"), ("C", 0, "1")])
    accounts, _ = features_at(orders, cutoff=at(10))

    label = churned(orders, accounts, cutoff=at(10), horizon_days=90)

    assert label.tolist() == [0, 1, 1]


def test_a_return_is_no_order():
    orders, notes, _ = orders_of([("A", 0, "9"), ("A", 50, "-9"), ("A", 51, "0")])
    accounts, _ = features_at(orders, cutoff=at(10))

    assert churned(orders, accounts, cutoff=at(10), horizon_days=90).tolist() == [1]
    assert [each.code for each in notes] == ["returns"]


def test_who_ordered_more_than_a_year_ago_is_not_asked_about():
    orders, _, _ = orders_of([("A", 0, "9"), ("B", 10, "9")])

    assert orders.accounts[features_at(orders, cutoff=at(370))[0]].tolist() == ["B"]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("orders")
    book_of_orders().to_csv(folder / "orders.csv", index=False)
    output = folder / "out.json"
    with output.open("w") as stdout:
        call_command(
            "evaluate", "churn", str(folder / "orders.csv"), "--account", "account", "--date", "date",
            "--amount", "amount", "--horizon-days", "60", "--json", "--predictions", str(folder / "p.csv"),
            stdout=stdout,
        )  # fmt: skip
    return json.loads(output.read_text()), pd.read_csv(folder / "p.csv", dtype={"account": str})


def test_learnt_is_only_what_was_known_at_the_tests_cut_off(evaluated):
    result, _ = evaluated

    dates = pd.to_datetime([each["date"] for each in result["cutoffs"]])
    test = pd.Timestamp(result["as_of"]) - pd.Timedelta(days=60)
    assert dates[-1] == test
    assert (dates[:-1] + pd.Timedelta(days=60) <= test).all()
    assert [each["part"] for each in result["cutoffs"]] == ["training"] * (len(dates) - 1) + ["test"]


def test_it_tells_the_quiet_from_the_lost_and_stands_beside_recency_and_frequency(evaluated):
    result, predictions = evaluated

    assert result["auc"] > 0.75
    assert {"recency_frequency", "logistic", "neural_network"} <= result["baselines"].keys()
    assert result["baselines"]["recency_frequency"]["auc"] > 0.7
    assert result["accounts"] == len(predictions)
    assert predictions["account"].str.len().eq(4).all()  # "0007" is not 7
    assert predictions["outcome"].mean() == pytest.approx(result["base_rate"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizon_days": 0}, "at least one day"),
        ({"horizon_days": 400}, "too few"),
        ({"account": "who"}, "no column 'who'"),
        ({"date": "account"}, "can't be two things"),
        ({"as_of": pd.Timestamp("2024-02-01")}, "too few"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(change, message):
    options = {"account": "account", "date": "date", "amount": "amount"} | change

    with pytest.raises(BadInput, match=message):
        evaluate_churn(book_of_orders(accounts=30), **options)
