"""Products bought together: counted as by hand, and only where it is more than chance."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import brentq
from scipy.stats import binom

from analytics.ml import together as module
from analytics.ml.together import bought_together


def by_hand(bought, *, allowed, k, least, error):
    """Return the same lists, one pair of products at a time."""
    baskets = [set(np.flatnonzero(row)) for row in bought]
    baskets = [basket for basket in baskets if basket]
    buyers = [sum(item in basket for basket in baskets) for item in range(bought.shape[1])]
    sizes = [len(basket) for basket in baskets]
    crowding = sum(size**2 for size in sizes) / sum(sizes) ** 2
    level = error / sum(n >= least for n in buyers)
    lists = {}
    for item in range(bought.shape[1]):
        found = []
        for other in range(bought.shape[1]):
            both = sum(item in basket and other in basket for basket in baskets)
            if other == item or both < least or not allowed[other]:
                continue
            n = buyers[item]
            low = brentq(lambda p, k=both, n=n: binom.sf(k - 1, n, p) - level, 0, 1, xtol=1e-13)
            certain = low - min(buyers[other] * crowding, 1.0)
            if certain > 0:
                lift = (both / n) / (buyers[other] / len(baskets))
                found.append((-certain, other, both, n, both / n, lift))
        if found:
            lists[item] = [row[1:] for row in sorted(found)[:k]]
    return lists


def lists_of(found):
    lists: dict = {}
    for item, other, rank, both, buyers, share, lift in zip(*(c.tolist() for c in found), strict=True):
        lists.setdefault(item, []).append((other, both, buyers, share, lift))
        assert rank == len(lists[item])
    return lists


def shop(rng, customers=600, items=40):
    """Make baskets of very different sizes in which products 0 to 3 go together, and 4 with 5."""
    eager = rng.gamma(0.8, 0.06, size=(customers, 1))
    bought = rng.random((customers, items)) < np.minimum(eager, 0.9)
    for group in ([0, 1, 2, 3], [4, 5]):
        fans = rng.random(customers) < 0.15
        bought[np.ix_(fans, group)] |= rng.random((int(fans.sum()), len(group))) < 0.7
    return bought


def test_lists_are_those_counted_by_hand(monkeypatch):
    monkeypatch.setattr(module, "_COLUMNS", 7)  # so that there are several blocks
    bought = shop(np.random.default_rng(1))
    allowed = np.ones(40, dtype=bool)
    allowed[2] = False

    found, customers = bought_together(sp.csr_array(bought.astype(float)), allowed=allowed, k=2)

    expected = by_hand(bought, allowed=allowed, k=2, least=5, error=0.05)
    assert customers == int(bought.any(axis=1).sum())
    assert set(lists_of(found)) == set(expected)
    for item, rows in lists_of(found).items():
        assert [row[:3] for row in rows] == [row[:3] for row in expected[item]]
        assert [row[3:] for row in rows] == [pytest.approx(row[3:]) for row in expected[item]]


def test_what_was_planted_is_found_from_both_sides():
    bought = shop(np.random.default_rng(2), customers=2_000)

    found, _ = bought_together(sp.csr_array(bought.astype(float)))

    partners = {item: {row[0] for row in rows} for item, rows in lists_of(found).items()}
    assert partners[0] == {1, 2, 3}
    assert partners[4] == {5}
    assert partners[5] == {4}


def test_large_baskets_alone_bring_nothing_together():
    rng = np.random.default_rng(3)
    with_pairs = 0
    for _ in range(20):
        eager = rng.gamma(0.5, 0.2, size=(800, 1))
        bought = rng.random((800, 30)) < np.minimum(eager * rng.uniform(0.2, 1.0, 30), 0.95)
        found, _ = bought_together(sp.csr_array(bought.astype(float)))
        with_pairs += len(set(found.item.tolist()))

    assert with_pairs <= 0.05 * 20 * 30


def test_rare_products_do_not_meet_by_chance():
    rng = np.random.default_rng(8)
    bought = sp.csr_array(rng.random((20_000, 300)) < 0.004 * rng.gamma(1.0, 1.0, size=(20_000, 1)))

    found, _ = bought_together(bought.astype(float))

    assert len(set(found.item.tolist())) <= 0.05 * 300


def test_a_handful_of_customers_is_not_enough():
    bought = np.zeros((400, 6))
    bought[:4, :2] = 1  # four bought both of two rare products
    bought[4:, 2] = 1

    found, _ = bought_together(sp.csr_array(bought))

    assert found.item.size == 0


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (3, 4)])
def test_nothing_bought_gives_nothing(shape):
    found, customers = bought_together(sp.csr_array(shape))

    assert customers == 0
    assert all(column.size == 0 for column in found)


def test_quantities_do_not_matter():
    bought = shop(np.random.default_rng(4)).astype(float)
    many = bought * np.random.default_rng(5).integers(1, 50, bought.shape)

    one, other = (bought_together(sp.csr_array(x))[0] for x in (bought, many))

    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
