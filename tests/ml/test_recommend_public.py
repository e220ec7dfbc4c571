"""Public data: lists of the last 60 days held against what was bought."""

import numpy as np
import pytest

from analytics.ml.recommend import Recommender

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def online_retail(data_file):
    """Return training lines, and bought items of the last 60 days, as the protocol cuts them."""
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(data_file("online_retail/online_retail_2009_2010.parquet"))
    table["code"] = table["StockCode"].astype(str).str.upper()
    table["at"] = pandas.to_datetime(table["InvoiceDate"])
    cancelled = table["Invoice"].astype(str).str.startswith("C")
    product = table["code"].str.match(r"\d{5}")
    known = table["Customer ID"].notna() & (table["Quantity"] > 0) & (table["Price"] > 0)
    table = table[known & product & ~cancelled]
    user = table["Customer ID"].astype("category").cat.codes.to_numpy().astype(int)
    item = table["code"].astype("category").cat.codes.to_numpy().astype(int)
    cut = table["at"].max() - pandas.Timedelta(days=60)
    age = ((cut - table["at"]) / pandas.Timedelta(days=1)).to_numpy()
    shape = (user.max() + 1, item.max() + 1)
    before, after = np.zeros(shape, bool), np.zeros(shape, bool)
    before[user[age >= 0], item[age >= 0]] = True
    after[user[age < 0], item[age < 0]] = True
    train = [column[age >= 0] for column in (user, item, age, table["Quantity"].to_numpy())]
    return train, before, after


@pytest.fixture(scope="module")
def model(online_retail):
    train, before, _ = online_retail
    return Recommender().fit(*train, *before.shape)


def mean_ndcg(lists, relevant):
    discount = 1 / np.log2(np.arange(2, 12))
    hits = np.take_along_axis(relevant, np.maximum(lists, 0), axis=1) & (lists >= 0)
    ideal = np.cumsum(discount)[np.minimum(relevant.sum(axis=1), 10) - 1]
    return float((hits @ discount / ideal).mean())


def ndcg(model, mode, before, relevant):
    """Return NDCG@10 over customers with a past who bought something relevant."""
    users = np.flatnonzero(relevant.any(axis=1) & before.any(axis=1))
    barred = ~before.any(axis=0)
    parts = [model.lists(users[at : at + 256], 10, barred)[mode] for at in range(0, users.size, 256)]
    return mean_ndcg(np.concatenate(parts), relevant[users])


def test_all_purchases(model, online_retail):
    _, before, after = online_retail

    assert ndcg(model, "all", before, after & before.any(axis=0)) >= 0.395


def test_new_products(model, online_retail):
    _, before, after = online_retail

    assert ndcg(model, "new", before, after & ~before & before.any(axis=0)) >= 0.110


def test_nothing_is_lost_by_keeping_200_weights(model, online_retail):
    train, before, after = online_retail
    new = after & ~before & before.any(axis=0)
    uncut = Recommender(max_weights=0).with_blend_of(model).stock(*train, *before.shape)

    assert ndcg(uncut, "new", before, new) - ndcg(model, "new", before, new) <= 0.002
    every = after & before.any(axis=0)
    assert ndcg(uncut, "all", before, every) - ndcg(model, "all", before, every) <= 0.002
