"""Each guard fires on what it is for, and stays quiet on what only looks like it."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from analytics.ml.guards import check_table

ROWS = 2_000


@pytest.fixture(scope="module")
def sound():
    """An ordinary table: two columns that tell something, one that doesn't."""
    rng = np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "fee": rng.normal(50.0, 12.0, ROWS).round(2),
            "months": rng.integers(0, 72, ROWS),
            "plan": rng.choice(["a", "b", "c"], ROWS),
        }
    )
    log_odds = 0.05 * (table["fee"] - 50.0) - 0.03 * (table["months"] - 36)
    return table, (rng.random(ROWS) < expit(log_odds)).to_numpy().astype(int)


def codes(table, y, column=None, **options):
    return [found.code for found in check_table(table, y, **options) if column in (None, found.column)]


def test_a_sound_table_has_nothing_against_it(sound):
    assert check_table(*sound) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_copy_of_the_outcome_with_noise_is_refused(sound, seed):
    table, y = sound
    wrong = np.random.default_rng(seed).random(ROWS) < 0.05

    found = check_table(table.assign(copied=np.where(wrong, 1 - y, y)), y)

    assert [(each.code, each.severity, each.column) for each in found] == [("leak", "refuse", "copied")]
    assert "'copied'" in found[0].sentence


def test_a_good_column_is_not_refused(sound):
    table, y = sound
    wrong = np.random.default_rng(0).random(ROWS) < 0.2  # AUC .80: it lifts the model and is suspected

    assert codes(table.assign(hint=np.where(wrong, 1 - y, y)), y) == ["suspect_lift"]


def test_a_column_that_another_stands_in_for_is_not_suspected(sound):
    table, y = sound
    wrong = np.random.default_rng(0).random(ROWS) < 0.2
    hint = np.where(wrong, 1 - y, y)

    assert codes(table.assign(hint=hint, twin=hint + 1), y) == []


@pytest.mark.parametrize("name", ["churn_reason", "CancellationDate", "closed_by", "流失原因"])
def test_a_name_that_speaks_of_the_event_is_suspected_once_it_tells_something(sound, name):
    table, y = sound
    wrong = np.random.default_rng(1).random(ROWS) < 0.35

    assert "suspect_name" in codes(table.assign(**{name: np.where(wrong, 1 - y, y)}), y, name)
    assert codes(table.assign(**{name: np.random.default_rng(2).integers(0, 2, ROWS)}), y, name) == []


@pytest.mark.parametrize("name", ["poutcome", "leftover", "posting_channel"])
def test_a_name_that_only_contains_such_a_word_is_not(sound, name):
    table, y = sound
    wrong = np.random.default_rng(1).random(ROWS) < 0.35

    assert "suspect_name" not in codes(table.assign(**{name: np.where(wrong, 1 - y, y)}), y, name)


def test_a_date_that_is_set_by_the_event_is_suspected(sound):
    table, y = sound
    rng = np.random.default_rng(5)
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 300, ROWS), unit="D")
    kept = rng.random(ROWS) < np.where(y == 1, 0.75, 0.15)

    assert "suspect_date" in codes(table.assign(until=days.where(kept).astype(str)), y, "until")
    assert "suspect_date" not in codes(table.assign(since=days.astype(str)), y, "since")


@pytest.mark.parametrize(
    ("cells", "is_identifier"),
    [
        ([f"C-{i:06}" for i in range(ROWS)], True),
        (list(range(1, ROWS + 1)), True),
        (np.random.default_rng(0).normal(size=ROWS), False),
        (np.random.default_rng(0).integers(0, 10**9, ROWS), False),
        ([f"A sentence that somebody wrote about the delivery number {i}" for i in range(ROWS)], False),
    ],
)
def test_identifiers(sound, cells, is_identifier):
    table, y = sound
    assert ("identifier" in codes(table.assign(col=cells), y, "col")) is is_identifier


def test_constants(sound):
    table, y = sound
    assert codes(table.assign(country="GB"), y) == ["constant"]
    assert codes(table.assign(country=None), y) == ["constant"]
    assert codes(table.assign(country=np.where(np.arange(ROWS) < 5, "FR", "GB")), y) == []


def test_copies_of_rows(sound):
    table, y = sound
    again = np.r_[np.arange(ROWS), np.arange(60)]
    assert codes(table.iloc[again].reset_index(drop=True), y[again]) == ["duplicates"]
    coarse = table[["plan"]].assign(band=table["months"] // 12)
    assert "duplicates" not in codes(coarse, y)


def test_a_base_rate_that_drifts(sound):
    table, y = sound
    order = np.argsort(y + np.random.default_rng(0).normal(0, 1.0, ROWS), kind="stable")
    assert codes(table.iloc[order], y[order]) == ["drift"]
    assert codes(table, y, order=np.argsort(order)) == ["drift"]
    assert codes(table.iloc[order], y[order], order=order) == []


def test_too_few_positives(sound):
    table, y = sound
    few, some = y.copy(), y.copy()
    few[np.flatnonzero(y)[13:]] = 0
    some[np.flatnonzero(y)[60:]] = 0

    found = check_table(table, few)
    assert [(each.code, each.severity) for each in found] == [("too_few_positives", "abstain")]
    assert "7 more are needed" in found[0].sentence
    assert codes(table, some)[0] == "few_positives"


@pytest.mark.parametrize(
    ("name", "is_sensitive"),
    [
        *[(name, True) for name in ("Gender", "customerAge", "marital_status", "年龄", "nationality")],
        *[(name, False) for name in ("usage", "wages", "page_views", "unionised_fee")],
    ],
)
def test_sensitive_attributes(sound, name, is_sensitive):
    table, y = sound
    values = np.random.default_rng(0).integers(0, 5, ROWS)
    assert ("sensitive" in codes(table.assign(**{name: values}), y, name)) is is_sensitive


def test_on_the_calls_of_a_bank_the_duration_is_named_and_the_interest_rate_is_not(data_file):
    table = pd.read_csv(data_file("bank_marketing/bank-additional-full.csv"), sep=";")
    y = (table.pop("y") == "yes").to_numpy().astype(int)

    found = {
        each.column: each.code for each in check_table(table, y) if each.code.startswith(("suspect", "leak"))
    }

    assert found == {"duration": "suspect_lift"}


def test_how_long_somebody_was_a_customer_is_not_suspected(data_file):
    table = pd.read_csv(data_file("telco_churn/WA_Fn-UseC_-Telco-Customer-Churn.csv"))
    y = (table.pop("Churn") == "Yes").to_numpy().astype(int)

    found = {each.column: each.code for each in check_table(table, y)}

    assert found == {"customerID": "identifier", "gender": "sensitive"}
