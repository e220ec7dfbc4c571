"""How fast lists are made, and how the speed holds when the book grows.

python -m benchmarks.recommend                   # 20,000 and 1,000,000 made-up accounts, 4,000 products
python -m benchmarks.recommend 5000 50000 --products 20000
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from analytics.ml.listing import blocks
from analytics.ml.recommend import Recommender

LINES_AN_ACCOUNT = 20
ASKED = 4_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("accounts", nargs="*", type=int, default=[20_000, 1_000_000])
    parser.add_argument("--products", type=int, default=4_000)
    chosen = parser.parse_args()
    for accounts in chosen.accounts:
        measure(accounts, chosen.products)


def measure(accounts: int, products: int) -> None:
    """Print the seconds of learning and the accounts a second of making all three lists."""
    rng = np.random.default_rng(0)
    n = accounts * LINES_AN_ACCOUNT
    user = rng.integers(0, accounts, n)
    item = (products * rng.random(n) ** 2).astype(np.int64)
    age = rng.uniform(0.0, 365.0, n)
    began = time.perf_counter()
    model = Recommender().fit(user, item, age, np.ones(n), accounts, products)
    learnt = time.perf_counter() - began
    asked = np.sort(rng.choice(accounts, ASKED, replace=False))
    nothing_barred = np.zeros(products, dtype=bool)
    began = time.perf_counter()
    for block in blocks(asked, products):
        model.lists(block, 10, nothing_barred)
    speed = ASKED / (time.perf_counter() - began)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{accounts:>9,} accounts, {products:,} products, {n:,} lines: learnt in {learnt:.1f} s, "
        f"{speed:,.0f} accounts/s for all, buy again and new together, {memory:,.0f} MB at most so far"
    )


if __name__ == "__main__":
    main()
