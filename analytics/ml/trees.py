"""Boosted trees as sums of leaves, so that each column's share in a prediction is exact.

A leaf is a small game between the columns on the way to it. Whether a row passes a column's
conditions there is one bit; what each column earns follows from the row's bits and from how often
the background rows show each pattern of bits. That is tabulated once for the whole background, so
explaining a row is looking up, and predicting it is adding the explanation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

FloatArray = NDArray[np.float64]
Codes = NDArray[np.intp]
Conditions = dict[int, NDArray[np.bool_]]  # column: which of its codes lead on

MOST_LEAVES = 8  # of a tree: a leaf with d columns on its way needs a table of 2 ** d rows
MOST_CATEGORIES = 255  # of a column, as in scikit-learn's boosting
_ROWS = 4_096  # a block whose patterns stay in the cache


@dataclass
class TreeSum:
    r"""Boosted trees as a sum of columns: :math:`\mathrm{logit}\,P = b + \sum_j \phi_j(x)`.

    :math:`\phi_j` are the interventional Shapley values against the background rows, exact: they
    add to the log-odds without remainder, and their mean over the background is 0.

    Attributes
    ----------
    base : float
        Mean log-odds over the background.
    edges : list of array
        For each column the thresholds that any tree asks, ascending; empty for categories.
    is_category : bool array of shape (n_columns,)
        Which columns hold codes from 0 instead of amounts.
    depths : int array of shape (n_leaves,)
        Columns on the way to each leaf.
    columns : int array of shape (depths.sum(),)
        Those columns, leaf after leaf.
    passes : bool array of shape (depths.sum(), most codes of a column)
        For each of them, which of the column's codes lead on.
    points : array of shape ((depths * 2 ** depths).sum(),)
        For each leaf what its columns add to the log-odds, by the pattern of those passed, shape
        (2 ** depth, depth) laid flat; bit j of a pattern is the leaf's column j.

    References
    ----------
    .. [1] Lundberg et al. (2020), "From local explanations to global understanding with
           explainable AI for trees", Nature Machine Intelligence 2, 56-67.
    """

    base: float
    edges: list[FloatArray]
    is_category: NDArray[np.bool_]
    depths: NDArray[np.int64]
    columns: NDArray[np.int64]
    passes: NDArray[np.bool_]
    points: FloatArray

    def contributions(self, X: FloatArray) -> FloatArray:
        """Return what each column adds to the log-odds of each row, shape of `X`, NaN allowed.

        A row's figures are the same to the last bit whichever rows stand beside it.
        """
        earned = np.zeros((X.shape[1], X.shape[0]))  # a column's rows side by side: what is added to
        for start in range(0, X.shape[0], _ROWS):
            part = slice(start, start + _ROWS)
            codes = _codes(X[part], self.edges, self.is_category, self.passes.shape[1])
            for columns, passes, points in self._leaves():
                found = points[_pattern(columns, passes, codes)]
                for j, column in enumerate(columns):
                    earned[column, part] += found[:, j]
        return earned.T

    def _leaves(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_], FloatArray]]:
        at = start = 0
        for depth in self.depths.tolist():
            width = depth << depth
            ways = slice(at, at + depth)
            yield self.columns[ways], self.passes[ways], self.points[start : start + width].reshape(-1, depth)
            at, start = at + depth, start + width


def from_boosting(model: HistGradientBoostingClassifier, background: FloatArray) -> TreeSum:
    """Tabulate a fitted model of two classes and at most 8 leaves a tree.

    Parameters
    ----------
    model : HistGradientBoostingClassifier
        Fitted on columns like those of `background`, and on every code of each category.
    background : array of shape (n, n_columns)
        The rows that a contribution is counted against.
    """
    trees = [stage[0] for stage in model._predictors]
    is_category = np.zeros(background.shape[1], dtype=bool)
    if model.is_categorical_ is not None:
        is_category |= model.is_categorical_
    # Where there are categories the model has moved them before the amounts.
    places = np.concatenate([np.flatnonzero(is_category), np.flatnonzero(~is_category)])
    edges = _thresholds(trees, places)
    n_codes = 2 + max(MOST_CATEGORIES if is_category.any() else 0, *(each.size for each in edges))
    codes = _codes(background, edges, is_category, n_codes)
    found = TreeSum(
        float(np.ravel(model._baseline_prediction)[0]), edges, is_category,
        np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, n_codes), bool), np.empty(0),
    )  # fmt: skip
    leaves = [leaf for tree in trees for leaf in _paths(tree, edges, places, n_codes)]
    found.base += sum(value for conditions, value in leaves if not conditions)
    leaves = [leaf for leaf in leaves if leaf[0]]
    if not leaves:
        return found
    tables = []
    for conditions, value in leaves:
        columns, passes = np.fromiter(conditions, np.int64), np.array(list(conditions.values()))
        size = 1 << columns.size
        shares = np.bincount(_pattern(columns, passes, codes), minlength=size) / codes.shape[1]
        tables.append(value * np.einsum("b,abj->aj", shares, _earnings(columns.size)).ravel())
        found.base += value * float(shares[-1])
    found.depths = np.array([len(conditions) for conditions, _ in leaves])
    found.columns = np.concatenate([np.fromiter(conditions, np.int64) for conditions, _ in leaves])
    found.passes = np.array([passes for conditions, _ in leaves for passes in conditions.values()])
    found.points = np.concatenate(tables)
    return found


def _thresholds(trees: list[Any], places: NDArray[np.intp]) -> list[FloatArray]:
    asked: list[set[float]] = [set() for _ in places]
    for tree in trees:
        for node in tree.nodes:
            if not node["is_leaf"] and not node["is_categorical"]:
                asked[places[node["feature_idx"]]].add(float(node["num_threshold"]))
    return [np.array(sorted(each)) for each in asked]


def _codes(
    X: FloatArray, edges: list[FloatArray], is_category: NDArray[np.bool_], n_codes: int
) -> NDArray[np.intp]:
    """Return each value's interval or category, shape (n_columns, n); the last code is "not known"."""
    codes = np.empty((X.shape[1], X.shape[0]), dtype=np.intp)
    for j, edge in enumerate(edges):
        missing = np.isnan(X[:, j])
        if is_category[j]:
            codes[j] = np.where(missing, 0.0, X[:, j]).astype(np.intp)
        else:
            codes[j] = np.searchsorted(edge, X[:, j], side="left")  # up to the threshold goes left
        codes[j, missing] = n_codes - 1
    return codes


def _pattern(columns: NDArray[np.int64], passes: NDArray[np.bool_], codes: Codes) -> Codes:
    pattern = np.zeros(codes.shape[1], dtype=np.intp)
    for j, column in enumerate(columns):
        pattern |= passes[j, codes[column]].astype(np.intp) << j
    return pattern


def _paths(
    tree: Any, edges: list[FloatArray], places: NDArray[np.intp], n_codes: int
) -> Iterator[tuple[Conditions, float]]:
    """Yield for each leaf what the columns asked on its way must be, and its value."""
    waiting: list[tuple[int, Conditions]] = [(0, {})]
    while waiting:
        at, conditions = waiting.pop()
        node = tree.nodes[at]
        if node["is_leaf"]:
            yield conditions, float(node["value"])
            continue
        column = int(places[node["feature_idx"]])
        left = _goes_left(tree, node, edges[column], n_codes)
        so_far = conditions.get(column, np.ones(n_codes, dtype=bool))
        waiting.append((int(node["left"]), conditions | {column: so_far & left}))
        waiting.append((int(node["right"]), conditions | {column: so_far & ~left}))


def _goes_left(tree: Any, node: Any, edge: FloatArray, n_codes: int) -> NDArray[np.bool_]:
    left = np.zeros(n_codes, dtype=bool)
    if node["is_categorical"]:
        bits = np.ascontiguousarray(tree.raw_left_cat_bitsets[node["bitset_idx"]], dtype="<u4")
        chosen = np.unpackbits(bits.view(np.uint8), bitorder="little").astype(bool)[: n_codes - 1]
        left[: chosen.size] = chosen
    else:
        left[: int(np.searchsorted(edge, node["num_threshold"])) + 1] = True
    left[-1] = bool(node["missing_go_to_left"])
    return left


@cache
def _earnings(d: int) -> FloatArray:
    """Return what d columns earn in a leaf of value 1, shape (row's pattern, background's pattern, d).

    Columns that only the row passes share, by Shapley's weights, what brought it here; columns that
    only the background row passes pay for its having left.
    """
    earned = np.zeros((1 << d, 1 << d, d))
    everything = (1 << d) - 1
    for row, other in product(range(1 << d), repeat=2):
        if row | other != everything:
            continue  # neither passes one of the columns: no mixture of the two gets here
        own = [j for j in range(d) if row >> j & 1 and not other >> j & 1]
        lost = [j for j in range(d) if other >> j & 1 and not row >> j & 1]
        orders = factorial(len(own) + len(lost))
        for j in own:
            earned[row, other, j] = factorial(len(own) - 1) * factorial(len(lost)) / orders
        for j in lost:
            earned[row, other, j] = -factorial(len(own)) * factorial(len(lost) - 1) / orders
    return earned
