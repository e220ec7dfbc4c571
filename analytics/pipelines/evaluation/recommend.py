"""Recommendations held against what was bought next, beside the well-known methods on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from analytics.ml.history import History, Market, Purchases
from analytics.ml.listing import blocks, recommend_top
from analytics.ml.recommend import Recommender
from analytics.pipelines.evaluation.reading import BadInput, Note, note
from analytics.pipelines.evaluation.recommend_rivals import Rival, rivals
from analytics.pipelines.evaluation.recommend_rows import Columns, Lines, read_lines

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Scores = NDArray[np.float32]
Making = Callable[[Ints], Ints]

SHARE = 0.2
LENGTH = 20
MOST_ACCOUNTS = 20_000  # whose lists are judged; more say the same
MOST_CELLS = 200_000_000  # accounts times products, likewise
BLOCK = 256
LEAST_PAIRS = 20


class Split(NamedTuple):
    """One book cut in two.

    Attributes
    ----------
    before : Purchases
        What may be learnt from.
    inside, inside_bought : Purchases and sparse array
        The same cut once more, for settings and the blend.
    truth : sparse array
        1 where an account bought a product afterwards.
    """

    before: Purchases
    inside: Purchases
    inside_bought: sp.csr_array
    truth: sp.csr_array
    protocol: str


class Case(NamedTuple):
    """Whom lists are made for and what they are held against; the same for all methods."""

    users: Ints
    truth: sp.csr_array
    owned: sp.csr_array
    barred: Bools
    only_new: bool
    strangers: Ints


def evaluate_recommend(
    table: pd.DataFrame,
    *,
    account: str,
    product: str,
    date: str | None = None,
    test_days: int = 60,
    test_share: float | None = None,
    new_only: bool = False,
    seed: int = 0,
    quantity: str | None = None,
    price: str | None = None,
    invoice: str | None = None,
    cancel_prefix: str | None = None,
) -> dict[str, Any]:
    """Make lists from what came before and hold them against what was bought afterwards.

    With a date the last `test_days` are the test. Without one it is a random `test_share` of each
    account's pairs, and products that an account has are left out of all lists.

    :raises BadInput: when columns or options don't fit the table, or too little is left.
    """
    if test_days <= 0:
        raise BadInput("recommend_bad_days", days=test_days)
    if test_share is not None and not 0.0 < test_share < 1.0:
        raise BadInput("recommend_bad_share", share=test_share)
    columns = Columns(account, product, date, quantity, price, invoice, cancel_prefix)
    lines = read_lines(table, columns)
    notes = list(lines.notes)
    if lines.days is None:
        split = _by_share(lines, SHARE if test_share is None else test_share, seed)
    else:
        split = _by_date(lines, lines.days, test_days)
        if test_share is not None:
            notes.append(note("recommend_share_unused"))
    case, counts = _case(split, only_new=new_only or lines.days is None, seed=seed)
    notes += _sample_notes(case, counts)
    ours, l2 = _ours(split, case, test_days)
    found = {"ours": ours, "baselines": _baselines(split, case, seed=seed, l2=l2)}
    about = {
        "rows": len(table),
        "rows_dropped": lines.dropped,
        "protocol": split.protocol,
        "new_only": case.only_new,
        "seed": seed,
        "accounts": lines.n_accounts,
        "products": lines.n_products,
    }
    return {**about, **counts, **found, **_said(notes)}


def _said(notes: list[Note]) -> dict[str, Any]:
    return {"warnings": [each.sentence for each in notes], "findings": [each._asdict() for each in notes]}


def _by_date(lines: Lines, days: NDArray[np.float64], test_days: int) -> Split:
    end = float(days.max())
    if end <= test_days:
        raise BadInput("recommend_short", days=int(end), test_days=test_days)
    every = Purchases(lines.account, lines.product, end - days, lines.n_accounts, lines.n_products)
    before = every.until(float(test_days))
    inside = min(float(test_days), float(before.age.max(initial=0.0)) / 3.0)
    return Split(
        before, before.until(inside), before.since(inside), every.since(float(test_days)),
        f"last {test_days} days",
    )  # fmt: skip


def _by_share(lines: Lines, share: float, seed: int) -> Split:
    pairs = np.unique(lines.account * lines.n_products + lines.product)
    sizes = (lines.n_accounts, lines.n_products)
    left, test = _halves(pairs, share, np.random.default_rng(seed), sizes)
    inside, lesson = _halves(left, share, np.random.default_rng([seed, 1]), sizes)
    return Split(
        _timeless(left, sizes), _timeless(inside, sizes), _as_matrix(lesson, sizes), _as_matrix(test, sizes),
        f"random {share:.0%} of each account's products",
    )  # fmt: skip


def _halves(pairs: Ints, share: float, rng: np.random.Generator, sizes: tuple[int, int]) -> tuple[Ints, Ints]:
    """Return the pairs that stay and those put aside: a share of each account's, never all of them."""
    user = pairs // sizes[1]
    draw = rng.random(pairs.size)
    order = np.lexsort((draw, user))
    number = np.bincount(user, minlength=sizes[0])
    rank = np.arange(pairs.size) - np.repeat(np.cumsum(number) - number, number)
    aside = np.minimum(np.maximum(np.rint(number * share), 1), number - 1)
    chosen = np.zeros(pairs.size, dtype=bool)
    chosen[order[rank < aside[user]]] = True
    return pairs[~chosen], pairs[chosen]


def _timeless(pairs: Ints, sizes: tuple[int, int]) -> Purchases:
    user, item = np.divmod(pairs, sizes[1])
    return Purchases(user, item, np.zeros(pairs.size), *sizes)


def _as_matrix(pairs: Ints, sizes: tuple[int, int]) -> sp.csr_array:
    user, item = np.divmod(pairs, sizes[1])
    return sp.csr_array((np.ones(pairs.size), (user, item)), shape=sizes)


def _case(split: Split, *, only_new: bool, seed: int) -> tuple[Case, dict[str, Any]]:
    """Count who can't be judged, leave them out of the means, and draw accounts where there are many."""
    user, item, *_, n_users, n_items = split.before
    owned = sp.csr_array((np.ones(user.size), (user, item)), shape=(n_users, n_items))
    owned.data[:] = 1.0
    sold = np.bincount(item, minlength=n_items) > 0
    truth = split.truth.tocoo()
    row, column = (part.astype(np.int64) for part in truth.coords)
    if row.size < LEAST_PAIRS:
        raise BadInput("recommend_few_pairs", found=int(row.size), needed=LEAST_PAIRS)
    known_user, known_item = np.diff(owned.indptr)[row] > 0, sold[column]
    repeated = np.asarray(owned[row, column]).ravel() > 0
    counts: dict[str, Any] = {
        "train_pairs": int(owned.nnz),
        "test_pairs": int(row.size),
        "test_pairs_bought_before": int(repeated.sum()),
        "test_pairs_of_unseen_products": int((~known_item).sum()),
        "unseen_products": int(np.unique(column[~known_item]).size),
        "test_accounts": int(np.unique(row).size),
        "accounts_without_history": int(np.unique(row[~known_user]).size),
    }
    kept = known_user & known_item & ~(repeated & only_new)
    if kept.sum() < LEAST_PAIRS:
        raise BadInput("recommend_few_pairs", found=int(kept.sum()), needed=LEAST_PAIRS)
    pairs = sp.csr_array((np.ones(int(kept.sum())), (row[kept], column[kept])), shape=truth.shape)
    users = np.flatnonzero(np.diff(pairs.indptr))
    counts["accounts_judged"] = int(users.size)
    most = min(MOST_ACCOUNTS, MOST_CELLS // max(n_items, 1))
    if users.size > most:
        users = np.sort(np.random.default_rng(seed).permutation(users)[:most])
    counts["accounts_scored"] = int(users.size)
    strangers = np.unique(row[~known_user])
    return Case(users, pairs, owned, ~sold, only_new, strangers), counts


def _sample_notes(case: Case, counts: dict[str, Any]) -> list[Note]:
    if counts["accounts_scored"] == counts["accounts_judged"]:
        return []
    return [note("recommend_sampled", accounts=counts["accounts_scored"], all=counts["accounts_judged"])]


def _ours(split: Split, case: Case, test_days: int) -> tuple[dict[str, Any], float]:
    """Return the figures of our lists, and the penalty of the item model that was chosen inside."""
    started = perf_counter()
    model = Recommender(label_days=float(test_days))
    model.learn_blend(split.inside, split.inside_bought)
    user, item, age, n_users, n_items = split.before
    model.stock(user, item, age, np.ones(user.size), n_users, n_items)
    seconds = perf_counter() - started
    mode = "new" if case.only_new else "all"
    # Whoever has no history gets the same list; a block of them stands for all.
    served = _made(
        case.strangers[:BLOCK], n_items, lambda users: model.lists(users, LENGTH, case.barred)[mode]
    )
    share = float((served >= 0).any(axis=1).mean()) if served.size else 0.0
    figures = _figures(case, lambda users: model.lists(users, LENGTH, case.barred)[mode], seconds)
    figures["served_without_history"] = round(share * case.strangers.size)
    return figures, model.l2_


def _baselines(split: Split, case: Case, *, seed: int, l2: float) -> dict[str, Any]:
    user, item, age, n_users, n_items = split.before
    history = History().fit(user, item, age, n_users=n_users, n_items=n_items)
    market = Market().fit(history)
    found = {}
    for name, rival in rivals(seed=seed, l2=l2).items():
        started = perf_counter()
        rival.fit(history, market)
        seconds = perf_counter() - started
        found[name] = _figures(case, _lists_of(rival, case, market), seconds)
    return found


def _lists_of(rival: Rival, case: Case, market: Market) -> Making:
    """Return how a method makes its lists: its best products, and where it has none what sells."""
    sells = (market.scores_ / np.float32(1e6 * (market.scores_.max(initial=0.0) + 1.0))).astype(np.float32)

    def make(users: Ints) -> Ints:
        scores = rival.score(users)
        scores = np.where(scores == 0.0, sells - np.float32(1e-6), scores)
        scores[:, case.barred] = -np.inf
        if case.only_new:
            scores[case.owned[users].nonzero()] = -np.inf
        return recommend_top(scores, LENGTH)[0]

    return make


def _made(users: Ints, n_items: int, make: Making) -> Ints:
    if users.size == 0:
        return np.empty((0, LENGTH), dtype=np.int64)
    return np.concatenate([make(block) for block in blocks(users, n_items)])


def _figures(case: Case, make: Making, fit_seconds: float) -> dict[str, Any]:
    started = perf_counter()
    lists = _made(case.users, case.barred.size, make)
    seconds = perf_counter() - started
    return {
        **_metrics(lists, case),
        "fit_seconds": fit_seconds,
        "accounts_per_second": case.users.size / max(seconds, 1e-9),
    }


def _metrics(lists: Ints, case: Case) -> dict[str, float]:
    truth = case.truth[case.users]
    wanted = np.diff(truth.indptr)
    row, column = truth.nonzero()
    pairs = np.sort(row.astype(np.int64) * truth.shape[1] + column)
    keys = np.arange(len(lists))[:, None] * truth.shape[1] + lists
    at = np.minimum(np.searchsorted(pairs, keys), pairs.size - 1)
    hits = (pairs[at] == keys) & (lists >= 0)
    discount = 1.0 / np.log2(np.arange(2, 12))
    ideal = np.cumsum(discount)[np.minimum(wanted, 10) - 1]
    offered = lists[:, :10]
    return {
        "recall_at_10": float((hits[:, :10].sum(axis=1) / wanted).mean()),
        "recall_at_20": float((hits.sum(axis=1) / wanted).mean()),
        "ndcg_at_10": float((hits[:, :10] @ discount / ideal).mean()),
        "hit_rate_at_10": float(hits[:, :10].any(axis=1).mean()),
        "coverage_at_10": np.unique(offered[offered >= 0]).size / max(int((~case.barred).sum()), 1),
    }
