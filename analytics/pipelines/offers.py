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
import structlog
from django.db import transaction

from analytics.artifacts import pack, unpack
from analytics.lake import Lake
from analytics.lake.folders import lake_folder
from analytics.ml.candidates import Shelf
from analytics.ml.history import History, Market
from analytics.ml.items import ItemModel
from analytics.ml.listing import Recommendations, blocks, recommend_top
from analytics.ml.ranking import ndcg_and_recall
from analytics.ml.recommend import Recommender
from analytics.models import ModelVersion
from analytics.pipelines.editions import edition_of, live_version
from analytics.pipelines.offer_rules import MOST_OF_CATEGORY, read_content, read_rules
from analytics.pipelines.popular_offers import LIST_LENGTH, TEST_DAYS, learn_popular, publish_popular
from analytics.pipelines.purchases import Ints, Purchases, load_purchases, sample_accounts
from analytics.pipelines.runs import timed_run
from analytics.services.model_versions import Training, admit
from crm.models import Book, Recommendation
from crm.services.job_runs import RunningJob
from crm.services.publish import NewRecommendation, publish_recommendations

log = structlog.get_logger(__name__)
KIND = ModelVersion.Kind.RECOMMENDATION
LEAST_PURCHASES = 500
MARKET = ("buyers_", "scores_", "ever_", "table_")


def train(lake: Lake, book: Book, as_of: datetime, job: RunningJob | None = None) -> ModelVersion | None:
    """Test the recommender on the last 60 days and make it live if it beats popularity.

    Returns None for a book that has sold too little to learn from.
    """
    cutoff = as_of - timedelta(days=TEST_DAYS)
    before, after = load_purchases(lake, book, cutoff), load_purchases(lake, book, as_of)
    sold_since = int(((after.age_days < TEST_DAYS) & (after.quantity > 0)).sum())
    if min(before.user.size, sold_since) < LEAST_PURCHASES:
        return None
    content = read_content(book, before.product_ids)
    metrics = _test(Recommender(label_days=TEST_DAYS).fit(*before.columns(), content=content), after)
    bought = after.lines()
    blend = Recommender(label_days=TEST_DAYS)
    blend.learn_blend(bought.until(TEST_DAYS), bought.since(TEST_DAYS), content)
    passed = metrics["ndcg_at_10"] > metrics["popularity_ndcg_at_10"]
    return admit(
        training=Training(
            book=book,
            kind=KIND,
            horizon_days=TEST_DAYS,
            as_of=as_of,
            artifact=pack(blend),  # settings and blend, without what is known of customers and products
            feature_names=[],
            metrics={"ranking": metrics, "protocol": "orders"},
        ),
        passed=passed,
        reasons=[] if passed else [{"code": "not_better"}],
        job=job,
    )


def publish(
    lake: Lake,
    book: Book,
    as_of: datetime,
    *,
    account_ids: Sequence[int] | None = None,
    job: RunningJob | None = None,
) -> dict[str, int]:
    """Give every account of the book a list; those without history get what sells now.

    Where no recommender is live, since too little was sold to learn from or popularity was no worse,
    everybody gets what sells now.
    """
    version = live_version(book, KIND)
    if version is None:
        return publish_popular(lake, book, as_of, account_ids=account_ids, job=job)
    learnt = _learnt(book, version) if account_ids is not None else learn(lake, book, as_of)
    if learnt is None:  # nobody has scored the whole book yet
        return {}
    purchases = load_purchases(lake, book, as_of, account_ids, learnt.product_ids)
    recommender = learnt.recommender.for_users(purchases.history(learnt.recommender))
    rules = read_rules(book, as_of, purchases.account_ids, purchases.product_ids)
    found = recommender.recommend(
        np.arange(purchases.account_ids.size),
        k=LIST_LENGTH,
        exclude=rules.barred,
        hidden=rules.hidden,
        groups=rules.groups,
        most_of_group=MOST_OF_CATEGORY,
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

    Returns None where no recommender is live: then what sells is kept alone. Nothing that is kept
    speaks of an account.
    """
    version = live_version(book, KIND)
    if version is None:
        learn_popular(lake, book, as_of)
        return None
    purchases = load_purchases(lake, book, as_of, sample_accounts(book))
    recommender = _with_blend(version)
    if recommender is None:
        return None
    content = read_content(book, purchases.product_ids)
    learnt = Learnt(purchases.product_ids, recommender.stock(*purchases.columns(), content=content))
    path = _kept_in(book, version)
    _keep(learnt, path)
    for other in set(path.parent.glob(f"goes-with-{book.pk}-*.npz")) - {path}:
        other.unlink(missing_ok=True)
    return learnt


def _keep(learnt: Learnt, path: Path) -> None:
    shelf = learnt.recommender.shelf_
    weights = shelf.item_model.weights_
    fresh = path.with_name(f"{uuid4().hex}.npz")
    np.savez(
        fresh,
        product_ids=learnt.product_ids,
        data=weights.data,
        indices=weights.indices,
        indptr=weights.indptr,
        content=np.empty((0, 0), dtype=np.float32) if shelf.content is None else shelf.content,
        **{name: getattr(shelf.market, name) for name in MARKET},
    )
    fresh.replace(path)


def _learnt(book: Book, version: ModelVersion) -> Learnt | None:
    path = _kept_in(book, version)
    recommender = _with_blend(version)
    if recommender is None or not path.exists():
        return None
    items, market = ItemModel(l2=recommender.l2_), Market()
    with np.load(path) as kept:
        products = kept["product_ids"]
        items.n_items_ = int(products.size)
        shape = (items.n_items_, items.n_items_)
        items.weights_ = sp.csr_array((kept["data"], kept["indices"], kept["indptr"]), shape=shape)
        content = kept["content"] if kept["content"].size else None
        for name in MARKET:
            setattr(market, name, kept[name])
    nobody = History(half_life_days=recommender.half_life_days)
    nobody.fit([], [], [], n_users=0, n_items=items.n_items_)
    recommender.shelf_ = Shelf(nobody, market, items, content)
    recommender.n_users_, recommender.n_items_ = 0, items.n_items_
    return Learnt(products, recommender)


def _with_blend(version: ModelVersion) -> Recommender | None:
    """Return the stored recommender, or None for one of an earlier release: the next training replaces it."""
    recommender: Recommender = unpack(version)
    if hasattr(recommender, "again_model_"):
        return recommender
    log.warning("recommender_without_blend", version=version.version)
    return None


def _kept_in(book: Book, version: ModelVersion) -> Path:
    return lake_folder() / f"goes-with-{book.pk}-{version.pk}.npz"


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
                kind=Recommendation.Kind("new" if kind == "alike" else kind),
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
        case "alike":
            return {"code": "is_like", "product_id": int(purchases.product_ids[reason_item]), "share": value}
        case "repeat":
            return {"code": "bought_before", "times": int(value)}
    return {"code": "popular", "buyers": int(value)}


def _test(recommender: Recommender, after: Purchases) -> dict[str, float]:
    """Hold lists made 60 days ago against what was bought since, repeats included."""
    bought = after.lines().since(TEST_DAYS)
    buyers = np.flatnonzero(np.diff(bought.indptr))
    nothing_barred = np.zeros(len(after.product_ids), dtype=bool)
    made = [
        recommender.lists(block, LIST_LENGTH, nothing_barred)["all"]
        for block in blocks(buyers, nothing_barred.size)
    ]
    ndcg, recall = _figures(buyers, np.concatenate(made), bought)
    popular, _ = recommend_top(recommender.shelf_.market.scores_[None, :], LIST_LENGTH)
    popular_ndcg, popular_recall = _figures(buyers, np.repeat(popular, buyers.size, axis=0), bought)
    return {
        "ndcg_at_10": ndcg,
        "recall_at_10": recall,
        "popularity_ndcg_at_10": popular_ndcg,
        "popularity_recall_at_10": popular_recall,
        "n": int(buyers.size),
    }


def _figures(buyers: Ints, lists: Ints, bought: sp.csr_array) -> tuple[float, float]:
    row, place = np.nonzero(lists >= 0)
    return ndcg_and_recall(buyers[row], lists[row, place], place + 1, bought)
