"""`evaluate recommend` on tables of strangers: the protocol, the rules, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from analytics.pipelines.evaluation.reading import BadInput
from analytics.pipelines.evaluation.recommend import evaluate_recommend
from analytics.pipelines.evaluation.report import plain

COLUMNS = {"account": "who", "product": "what"}
FIGURES = {
    "recall_at_10", "recall_at_20", "ndcg_at_10", "hit_rate_at_10", "coverage_at_10",
    "fit_seconds", "accounts_per_second",
}  # fmt: skip
TIMED = {"fit_seconds", "accounts_per_second"}


@pytest.fixture(scope="module")
def book() -> pd.DataFrame:
    """Return order lines of two tastes: even accounts buy items 0-29, odd ones 30-59."""
    rng = np.random.default_rng(0)
    n = 5_000
    user = rng.integers(0, 200, n)
    item = np.where(user % 2, 30, 0) + np.minimum(rng.geometric(0.12, n) - 1, 28)
    day = rng.integers(0, 300, n)
    return pd.DataFrame(
        {
            "who": user,
            "what": [f"x{number}" for number in item],
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D"),
            "invoice": [f"{number}" for number in range(n)],
            "pieces": 1,
            "price": 2.5,
        }
    )


@pytest.fixture(scope="module")
def by_date(book):
    return evaluate_recommend(book, date="when", **COLUMNS)


@pytest.fixture(scope="module")
def by_share(book):
    return evaluate_recommend(book, **COLUMNS)


def metrics(result):
    methods = {"ours": result["ours"], **result["baselines"]}
    return {
        name: {figure: value for figure, value in found.items() if figure not in TIMED}
        for name, found in methods.items()
    }


def test_all_methods_are_held_against_the_same_rows(by_date):
    assert set(by_date["baselines"]) == {
        "popularity", "item_neighbours", "truncated_svd", "ease", "personal_frequency",
    }  # fmt: skip
    for found in (by_date["ours"], *by_date["baselines"].values()):
        assert set(found) >= FIGURES
        assert 0 <= found["ndcg_at_10"] <= 1
        assert found["recall_at_10"] <= found["recall_at_20"] <= 1
        assert 0 < found["coverage_at_10"] <= 1
    assert json.loads(json.dumps(plain(by_date))) == plain(by_date)


def test_ours_finds_the_tastes_that_popularity_does_not_know(by_date, by_share):
    for found in (by_date, by_share):
        assert found["ours"]["ndcg_at_10"] > 1.3 * found["baselines"]["popularity"]["ndcg_at_10"]


def test_popularity_is_what_a_count_by_hand_says(book, by_date):
    end = book["when"].max()
    age = (end - book["when"]).dt.days
    before, after = book[age >= 60], book[age < 60]
    recent = before[age[age >= 60] <= 90].drop_duplicates(["who", "what"])["what"].value_counts()
    ever = before.drop_duplicates(["who", "what"])["what"].value_counts()
    best = (
        pd.DataFrame({"recent": recent, "ever": ever})
        .fillna(0)
        .sort_values(["recent", "ever"])
        .index[::-1][:10]
    )

    bought = after.groupby("who")["what"].agg(set)
    hits = bought.map(lambda mine: len(mine & set(best)) / len(mine))

    assert by_date["baselines"]["popularity"]["recall_at_10"] == pytest.approx(hits.mean(), abs=0.01)


def test_the_order_of_rows_says_nothing(book, by_share, by_date):
    shuffled = book.sample(frac=1.0, random_state=3)

    assert metrics(evaluate_recommend(shuffled, **COLUMNS)) == metrics(by_share)
    assert metrics(evaluate_recommend(shuffled, date="when", **COLUMNS)) == metrics(by_date)


def test_text_of_a_csv_gives_the_same_as_typed_columns(book, by_date):
    text = book.astype(str)

    assert metrics(evaluate_recommend(text, date="when", **COLUMNS)) == metrics(by_date)


def test_another_seed_draws_other_pairs(book, by_share):
    other = evaluate_recommend(book, seed=1, **COLUMNS)

    assert other["test_pairs"] == by_share["test_pairs"]
    assert other["ours"]["ndcg_at_10"] != by_share["ours"]["ndcg_at_10"]


def test_a_fifth_of_each_account_is_put_aside_and_never_all_of_it(book, by_share):
    pairs = book.drop_duplicates(["who", "what"]).groupby("who").size()

    assert by_share["test_pairs"] == int(np.maximum(np.rint(pairs * 0.2), 1).sum())
    assert by_share["accounts_without_history"] == 0


def test_only_new_products_count_when_asked(book, by_date):
    new = evaluate_recommend(book, date="when", new_only=True, **COLUMNS)

    assert new["new_only"]
    assert new["test_pairs_bought_before"] == by_date["test_pairs_bought_before"] > 0
    assert new["accounts_judged"] < by_date["accounts_judged"]
    # A customer's own past says nothing about what it never bought.
    frequency, popularity = (metrics(new)[name] for name in ("personal_frequency", "popularity"))
    assert frequency["ndcg_at_10"] == pytest.approx(popularity["ndcg_at_10"])


def test_accounts_without_history_are_served_and_unseen_products_counted(book, by_date):
    last = book["when"].max()
    late = pd.DataFrame(
        {"who": [901, 902, 902, 0], "what": ["x1", "x2", "x77", "x77"], "when": last}
    )  # x77 was never sold before

    found = evaluate_recommend(pd.concat([book, late]), date="when", **COLUMNS)

    assert found["accounts_without_history"] == 2
    assert found["ours"]["served_without_history"] == 2
    assert (found["unseen_products"], found["test_pairs_of_unseen_products"]) == (1, 2)
    assert metrics(found)["popularity"] == metrics(by_date)["popularity"]


def test_rows_are_dropped_by_named_rules_and_counted_once(book, by_date):
    strange = pd.DataFrame(
        {
            "who": [1, 1, 1, 1, 1, 1, 1, None],
            "what": ["POST", "bank charges", "gift_0001_20", "C2", "x3", "x3", "x3", "x3"],
            "when": book["when"].max(),
            "invoice": ["1", "2", "3", "4", "C5", "6", "7", "8"],
            "pieces": [1, 1, 1, 1, -1, 0, 1, 1],
            "price": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0],
        }
    )
    lower = book.assign(what=book["what"].where(book.index % 2 == 0, book["what"].str.upper()))

    found = evaluate_recommend(
        pd.concat([lower, strange]),
        date="when", quantity="pieces", price="price", invoice="invoice", cancel_prefix="C", **COLUMNS,
    )  # fmt: skip

    assert found["rows_dropped"] == {
        "without_account": 1, "without_product": 0, "without_date": 0, "cancelled": 1,
        "quantity_not_positive": 1, "price_not_positive": 1, "not_a_product": 4,
    }  # fmt: skip
    assert found["products"] == by_date["products"]
    assert metrics(found) == metrics(by_date)


def test_products_that_go_by_names_are_not_taken_for_postage(book):
    named = book.assign(what=book["what"].map(lambda code: "Tea " + "abcdefghij"[int(code[1:]) % 10]))

    found = evaluate_recommend(named, date="when", **COLUMNS)

    assert "not_a_product" not in found["rows_dropped"]
    assert found["products"] == 10
    assert any("names" in warning for warning in found["warnings"])


@pytest.mark.parametrize(
    ("changes", "options", "code"),
    [
        ({}, {"account": "nobody"}, "no_column"),
        ({}, {"product": "who"}, "same_column"),
        ({}, {"date": "what"}, "not_dates"),
        ({}, {"quantity": "what"}, "not_numbers"),
        ({}, {"cancel_prefix": "C"}, "recommend_no_invoice"),
        ({}, {"date": "when", "test_days": 0}, "recommend_bad_days"),
        ({}, {"date": "when", "test_days": 400}, "recommend_short"),
        ({}, {"test_share": 1.5}, "recommend_bad_share"),
        ({"who": None}, {}, "recommend_no_lines"),
        ({"who": range(5_000)}, {"date": "when"}, "recommend_few_pairs"),
    ],
)
def test_says_clearly_what_is_wrong(book, changes, options, code):
    with pytest.raises(BadInput) as refused:
        evaluate_recommend(book.assign(**changes), **{**COLUMNS, **options})

    assert refused.value.code == code
    assert "{" not in str(refused.value)


def test_a_date_of_another_century_doesn_t_become_the_test(book):
    typo = pd.DataFrame({"who": [1], "what": ["x3"], "when": [pd.Timestamp("2199-12-31")]})

    found = evaluate_recommend(pd.concat([book, typo]), date="when", **COLUMNS)

    assert "2199-12-31" in " ".join(found["warnings"])
    assert (
        found["ours"]["ndcg_at_10"] == evaluate_recommend(book, date="when", **COLUMNS)["ours"]["ndcg_at_10"]
    )
