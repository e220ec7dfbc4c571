"""What sells, for the accounts of a book in which no recommender is live.

It is counted over the whole book whenever that is scored, and kept beside the lake for whoever scores
some accounts: their own facts do not say what others buy.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import scipy.sparse as sp

from analytics.lake import Lake
from analytics.lake.folders import lake_folder
from analytics.models import ModelVersion
from analytics.pipelines.offer_rules import read_rules
from analytics.pipelines.purchases import Ints, Purchases, all_accounts, load_purchases, sample_accounts
from crm.models import Book, Recommendation
from crm.services.job_runs import RunningJob
from crm.services.publish import Edition, NewRecommendation, publish_recommendations

LIST_LENGTH = 10
TEST_DAYS = 60
POPULARITY = "popularity"  # what stands as the version where no model is live


def publish_popular(
    lake: Lake, book: Book, as_of: datetime, *, account_ids: Sequence[int] | None, job: RunningJob | None
) -> dict[str, int]:
    """Give each of these accounts, or of all, what most others buy and the rules let it be offered."""
    ids, buyers = learn_popular(lake, book, as_of) if account_ids is None else _learnt(book)
    if ids.size == 0:  # nothing was sold, or nobody has scored the whole book yet
        return {}
    accounts = all_accounts(book) if account_ids is None else np.array(account_ids, dtype=np.int64)
    rules = read_rules(book, as_of, accounts, ids)
    products = np.argsort(-buyers, kind="stable")
    products, most = products[~rules.barred[products]], int(buyers.max())
    rows = (
        NewRecommendation(
            account_id=int(account),
            product_id=int(ids[product]),
            rank=rank,
            kind=Recommendation.Kind.POPULAR,
            score=float(buyers[product] / most),
            reason={"code": "popular", "buyers": int(buyers[product])},
        )
        for user, account in enumerate(accounts)
        for rank, product in enumerate(_not_hidden(products, rules.hidden, user), start=1)
    )
    edition = Edition(book, as_of, horizon_days=TEST_DAYS, model_version=POPULARITY)
    written = publish_recommendations(recommendations=rows, edition=edition, job=job)
    return {str(ModelVersion.Kind.RECOMMENDATION): written}


def learn_popular(lake: Lake, book: Book, as_of: datetime) -> tuple[Ints, Ints]:
    """Return the ids of what is bought, ascending, with how many bought it; and keep both."""
    purchases = load_purchases(lake, book, as_of, sample_accounts(book))
    products, buyers = _buyers(purchases)
    ids, path = purchases.product_ids[products], _kept_in(book)
    fresh = path.with_name(f"{uuid4().hex}.npz")
    np.savez(fresh, product_ids=ids, buyers=buyers)
    fresh.replace(path)
    return ids, buyers


def _learnt(book: Book) -> tuple[Ints, Ints]:
    path = _kept_in(book)
    if not path.exists():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    with np.load(path) as kept:
        return kept["product_ids"], kept["buyers"]


def _kept_in(book: Book) -> Path:
    return lake_folder() / f"goes-with-{book.pk}-{POPULARITY}.npz"


def _buyers(purchases: Purchases) -> tuple[Ints, Ints]:
    """Return products by how many bought them lately, or ever where nobody did lately; and how many."""
    sold = purchases.quantity > 0
    lately = sold & (purchases.age_days < TEST_DAYS)
    kept = lately if lately.any() else sold
    pairs = np.unique(np.column_stack([purchases.item[kept], purchases.user[kept]]), axis=0)
    return np.unique(pairs[:, 0], return_counts=True)


def _not_hidden(products: Ints, hidden: sp.csr_array | None, user: int) -> list[int]:
    """Return the first products that this account may be offered."""
    mine = set() if hidden is None else set(hidden[[user]].indices.tolist())
    return [product for product in products.tolist() if product not in mine][:LIST_LENGTH]
