"""Recommend products: what an account may buy again, what is new to it, what sells now.

A version stores the recommender's settings and how it did; what goes with what is learnt from the
lake whenever a whole book is scored, and kept beside the lake for whoever scores some accounts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, zip_longest
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import scipy.sparse as sp
from django.db import transaction
from numpy.typing import NDArray
from sklearn.base import clone

from analytics import features
from analytics.artifacts import pack, unpack
from analytics.lake import Lake
from analytics.lake.manifest import lake_folder
from analytics.ml.ranking import ndcg_and_recall
from analytics.ml.recommend import (
    ItemModel,
    PopularityModel,
    Recommendations,
    Recommender,
    RepeatModel,
    recommend_top,
)
from analytics.models import ModelVersion
from analytics.pipelines.editions import edition_of, live_version
from analytics.pipelines.runs import timed_run
from analytics.services.model_versions import Training, judge, store_version
from crm.models import Account, Book, Product, Recommendation
from crm.services.job_runs import RunningJob
from crm.services.publish import NewRecommendation, publish_recommendations

KIND = ModelVersion.Kind.RECOMMENDATION
LIST_LENGTH = 10
TEST_DAYS = 60
HISTORY_DAYS = 730
LEAST_PURCHASES = 500
# What goes with what is learnt from so many accounts at most: more would say the same, and millions
# of them would not fit into memory.
MOST_LEARNT_FROM = 100_000
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Purchases:
    """Order lines by position of account and product; age in days before the moment."""

    account_ids: Ints
    product_ids: Ints
    user: Ints
    item: Ints
    age_days: NDArray[np.float64]
    quantity: NDArray[np.float64]

    def fit(self, recommender: Recommender) -> Recommender:
        return recommender.fit(
            self.user, self.item, self.age_days, self.quantity, len(self.account_ids), len(self.product_ids)
        )

    def repeats(self, recommender: Recommender) -> RepeatModel:
        bought = self.quantity > 0
        return RepeatModel(half_life_days=recommender.half_life_days).fit(
            self.user[bought],
            self.item[bought],
            self.age_days[bought],
            n_users=len(self.account_ids),
            n_items=len(self.product_ids),
        )


def train(lake: Lake, book: Book, as_of: datetime) -> ModelVersion | None:
    """Test the recommender on the last 60 days and make it live if it beats popularity.

    Returns None for a book that has sold too little to learn from.
    """
    cutoff = as_of - timedelta(days=TEST_DAYS)
    before, after = _load(lake, book, cutoff), _load(lake, book, as_of)
    sold_since = int(((after.age_days < TEST_DAYS) & (after.quantity > 0)).sum())
    if min(before.user.size, sold_since) < LEAST_PURCHASES:
        return None
    recommender = Recommender()
    metrics = _test(recommender, before, after)
    version = store_version(
        training=Training(
            book=book,
            kind=KIND,
            horizon_days=TEST_DAYS,
            as_of=as_of,
            artifact=pack(clone(recommender)),  # settings without weights
            feature_names=[],
            metrics={"ranking": metrics, "protocol": "orders"},
        )
    )
    passed = metrics["ndcg_at_10"] > metrics["popularity_ndcg_at_10"]
    judge(version=version, passed=passed, reasons=[] if passed else [{"code": "not_better"}])
    return version


def publish(
    lake: Lake,
    book: Book,
    as_of: datetime,
    *,
    account_ids: Sequence[int] | None = None,
    job: RunningJob | None = None,
) -> dict[str, int]:
    """Give every account of the book a list; those without history get what sells now."""
    version = live_version(book, KIND)
    if version is None:
        return {}
    learnt = _learnt(book, version) if account_ids is not None else learn(lake, book, as_of)
    if learnt is None:  # nobody has scored the whole book yet
        return {}
    purchases = _load(lake, book, as_of, account_ids, learnt.product_ids)
    recommender = learnt.recommender.for_users(purchases.repeats(learnt.recommender))
    found = recommender.recommend(
        np.arange(purchases.account_ids.size), k=LIST_LENGTH, exclude=_not_sold(book, purchases)
    )
    edition = edition_of(version, as_of)
    with timed_run("recommend", edition, job) as timed, transaction.atomic():
        timed.accounts = purchases.account_ids.size
        written = publish_recommendations(recommendations=_rows(purchases, found), edition=edition, job=job)
    return {str(KIND): written}


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was learnt of the products of a book, for any of its accounts."""

    product_ids: Ints
    recommender: Recommender


def learn(lake: Lake, book: Book, as_of: datetime) -> Learnt | None:
    """Learn what goes with what and what sells now, and keep it for those that score some accounts.

    Returns None where no recommender is live. Nothing that is kept speaks of an account.
    """
    version = live_version(book, KIND)
    if version is None:
        return None
    purchases = _load(lake, book, as_of, _sample(_account_ids(book)))
    learnt = Learnt(purchases.product_ids, purchases.fit(unpack(version)))
    path = _kept_in(book, version)
    _keep(learnt, path)
    for other in set(path.parent.glob(f"goes-with-{book.pk}-*.npz")) - {path}:
        other.unlink(missing_ok=True)
    return learnt


def _sample(account_ids: Ints) -> list[int] | None:
    """Return accounts to learn from, the same ones each time, or None for all."""
    if account_ids.size <= MOST_LEARNT_FROM:
        return None
    chosen = np.random.default_rng(0).choice(account_ids, MOST_LEARNT_FROM, replace=False)
    return sorted(chosen.tolist())


def _keep(learnt: Learnt, path: Path) -> None:
    items, popular = learnt.recommender.item_model_, learnt.recommender.popularity_model_
    fresh = path.with_name(f"{uuid4().hex}.npz")
    np.savez(
        fresh,
        product_ids=learnt.product_ids,
        items=items.items_,
        weights=items.weights_,
        buyers=popular.buyers_,
        scores=popular.scores_,
    )
    fresh.replace(path)


def _learnt(book: Book, version: ModelVersion) -> Learnt | None:
    path = _kept_in(book, version)
    if not path.exists():
        return None
    recommender: Recommender = unpack(version)
    with np.load(path) as kept:
        recommender.item_model_ = ItemModel(l2=recommender.l2)
        recommender.item_model_.items_, recommender.item_model_.weights_ = kept["items"], kept["weights"]
        recommender.popularity_model_ = PopularityModel(recent_days=recommender.recent_days)
        recommender.popularity_model_.buyers_ = kept["buyers"]
        recommender.popularity_model_.scores_ = kept["scores"]
        products = kept["product_ids"]
    recommender.n_items_ = recommender.item_model_.n_items_ = int(products.size)
    recommender.n_users_ = 0
    return Learnt(products, recommender)


def _kept_in(book: Book, version: ModelVersion) -> Path:
    return lake_folder() / f"goes-with-{book.pk}-{version.pk}.npz"


def _account_ids(book: Book) -> Ints:
    ids = Account.objects.filter(book=book).order_by("pk").values_list("pk", flat=True)
    return np.fromiter(ids.iterator(10_000), np.int64)


def _load(
    lake: Lake,
    book: Book,
    as_of: datetime,
    account_ids: Sequence[int] | None = None,
    product_ids: Ints | None = None,
) -> Purchases:
    """Read what these accounts, or all of the book, had bought by then, newest 24 months."""
    accounts = _account_ids(book) if account_ids is None else np.array(account_ids, dtype=np.int64)
    if product_ids is None:
        products = Product.objects.filter(book=book).order_by("pk").values_list("pk", flat=True)
        product_ids = np.array(products, dtype=np.int64)
    expression = features.purchases(
        lake.tables, book_id=book.pk, as_of=as_of, days_back=HISTORY_DAYS, account_ids=account_ids
    )
    table = features.collect(expression)
    account, product = table["account_id"].to_numpy(), table["product_id"].to_numpy()
    kept = np.isin(account, accounts) & np.isin(product, product_ids)
    return Purchases(
        accounts,
        product_ids,
        np.searchsorted(accounts, account[kept]),
        np.searchsorted(product_ids, product[kept]),
        table["age_days"].to_numpy().astype(float)[kept],
        table["quantity"].to_numpy().astype(float)[kept],
    )


def _not_sold(book: Book, purchases: Purchases) -> NDArray[np.bool_]:
    sold = Product.objects.filter(book=book, is_sold=True).values_list("pk", flat=True)
    return ~np.isin(purchases.product_ids, np.array(sold, dtype=np.int64))


def _rows(purchases: Purchases, found: Recommendations) -> Iterator[NewRecommendation]:
    """Turn lists into rows: the best of each kind first, then the second best, and so on.

    The recommender puts repeats before new products, because they are likelier; whoever reads five
    lines wants to see both.
    """
    columns = (column.tolist() for column in found)
    for user, rows in groupby(zip(*columns, strict=True), key=itemgetter(0)):
        for rank, row in enumerate(_by_turns(list(rows)), start=1):
            _user, item, _rank, score, kind, reason_item, value = row
            yield NewRecommendation(
                account_id=int(purchases.account_ids[user]),
                product_id=int(purchases.product_ids[item]),
                rank=rank,
                kind=Recommendation.Kind(kind),
                score=score,
                reason=_reason(kind, purchases, reason_item, value),
            )


def _by_turns(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    kinds: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        kinds.setdefault(row[4], []).append(row)
    turns = zip_longest(*kinds.values())
    return [row for turn in turns for row in turn if row is not None]


def _reason(kind: str, purchases: Purchases, reason_item: int, value: float) -> dict[str, Any]:
    match kind:
        case "new":
            return {
                "code": "goes_with",
                "product_id": int(purchases.product_ids[reason_item]),
                "share": value,
            }
        case "repeat":
            return {"code": "bought_before", "times": int(value)}
    return {"code": "popular", "buyers": int(value)}


def _test(recommender: Recommender, before: Purchases, after: Purchases) -> dict[str, float]:
    """Hold lists made 60 days ago against what was bought since, repeats included."""
    fresh = (after.age_days < TEST_DAYS) & (after.quantity > 0)
    shape = (len(after.account_ids), len(after.product_ids))
    bought = sp.csr_array((np.ones(fresh.sum()), (after.user[fresh], after.item[fresh])), shape=shape)
    buyers = np.unique(after.user[fresh])
    before.fit(recommender)
    found = recommender.recommend(buyers, k=10)
    ndcg, recall = ndcg_and_recall(found.user, found.item, found.rank, bought)
    popular = PopularityModel(recent_days=recommender.recent_days)
    popular.fit(before.user, before.item, before.age_days, n_items=shape[1])
    top, _ = recommend_top(np.asarray(popular.scores_, dtype=np.float32)[None, :], 10)
    users, items = np.repeat(buyers, top.shape[1]), np.tile(top[0], buyers.size)
    ranks = np.tile(np.arange(1, top.shape[1] + 1), buyers.size)
    popular_ndcg, popular_recall = ndcg_and_recall(users, items, ranks, bought)
    return {
        "ndcg_at_10": ndcg,
        "recall_at_10": recall,
        "popularity_ndcg_at_10": popular_ndcg,
        "popularity_recall_at_10": popular_recall,
        "n": int(buyers.size),
    }
