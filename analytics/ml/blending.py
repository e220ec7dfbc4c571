"""One log-odds from what several members say of a candidate."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from analytics.ml.lessons import Lessons
from analytics.ml.newton import RidgeLogistic

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Scores = NDArray[np.float32]

_LEAST_BOUGHT = 100


class QuadraticLogistic(BaseEstimator):
    r"""Logistic regression on columns, their squares and products: fast to apply by the million.

    .. math:: \log \frac{p}{1 - p} = b + w^\top z + z^\top A z

    where `z` are the chosen columns, cut at their .1 % and 99.9 % quantiles and standardised. All
    terms are standardised before the ridge.

    Parameters
    ----------
    columns : sequence of int or None
        The columns that take part; None takes all.
    squares : bool
        Whether squares and products take part.
    ridge : float
        Penalty for each row, at least 30 in all.

    Attributes
    ----------
    low_, high_, mean_, scale_ : float32 arrays of shape (k,)
    linear_ : float32 array of shape (k,)
        :math:`w`.
    products_ : float32 array of shape (k, k)
        :math:`A`.
    intercept_ : float
        :math:`b`.
    """

    def __init__(
        self, *, columns: tuple[int, ...] | None = None, squares: bool = True, ridge: float = 0.01
    ) -> None:
        self.columns = columns
        self.squares = squares
        self.ridge = ridge

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from rows of columns and what came of each, 0 or 1.

        Raises
        ------
        ValueError
            If all outcomes are alike.
        """
        chosen = self._chosen(np.asarray(X, dtype=np.float32))
        label = np.asarray(y, dtype=np.float64)
        if label.size == 0 or label.min() == label.max():
            raise ValueError("nothing to learn where every outcome is alike")
        self.low_, self.high_ = np.quantile(chosen, [0.001, 0.999], axis=0).astype(np.float32)
        cut = np.clip(chosen, self.low_, self.high_)
        self.mean_ = cut.mean(axis=0)
        spread = cut.std(axis=0)
        self.scale_ = np.where(spread > 1e-6, spread, np.float32(1)).astype(np.float32)
        z = self._standardised(chosen).astype(np.float64)
        first, second = np.triu_indices(z.shape[1]) if self.squares else (np.empty(0, dtype=int),) * 2
        terms = np.hstack([z, z[:, first] * z[:, second]])
        centre, width = terms.mean(axis=0), terms.std(axis=0)
        width[width < 1e-6] = np.inf  # says nothing
        weights = (
            np.ones(label.size) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        )
        ridge = max(self.ridge * float(weights.sum()), 30.0)
        problem = RidgeLogistic((terms - centre) / width, label, weights, ridge)
        theta = problem.minimise(problem.start())
        weight = theta[1:] / width
        k = z.shape[1]
        self.intercept_ = float(theta[0] - weight @ centre)
        self.linear_ = weight[:k].astype(np.float32)
        self.products_ = np.zeros((k, k), dtype=np.float32)
        self.products_[first, second] = weight[k:]
        return self

    def decision_function(self, X: Scores) -> Scores:
        """Return log-odds of rows, shape (n,)."""
        check_is_fitted(self)
        z = self._standardised(self._chosen(X))
        odds: Scores = z @ self.linear_ + np.float32(self.intercept_)
        if self.squares:
            odds += np.einsum("ij,ij->i", z @ self.products_, z)
        return odds

    def _chosen(self, X: Scores) -> Scores:
        return X if self.columns is None else X[:, list(self.columns)]

    def _standardised(self, chosen: Scores) -> Scores:
        z: Scores = (np.clip(chosen, self.low_, self.high_) - self.mean_) / self.scale_
        return z


def by_hand(columns: Sequence[int], weights: Sequence[float], intercept: float) -> QuadraticLogistic:
    """Return a model with given weights, for where there is nothing to learn from."""
    model = QuadraticLogistic(columns=tuple(columns), squares=False)
    k = len(model.columns or ())
    model.low_, model.high_ = np.full(k, -np.inf, np.float32), np.full(k, np.inf, np.float32)
    model.mean_, model.scale_ = np.zeros(k, np.float32), np.ones(k, np.float32)
    model.linear_, model.intercept_ = np.array(weights, dtype=np.float32), intercept
    model.products_ = np.zeros((k, k), dtype=np.float32)
    return model


class Choice(NamedTuple):
    """A model fitted on all lessons, and what models of its kind said of customers they hadn't seen."""

    model: QuadraticLogistic
    unseen: Scores


def choose(lessons: Lessons, options: Sequence[QuadraticLogistic]) -> Choice | None:
    """Return the best of these models; None where there is nothing to learn.

    Each is held against customers that it has not learnt from, so that a single member wins where
    the blend of all adds nothing.
    """
    if lessons.bought.sum() < _LEAST_BOUGHT:
        return None
    fold = np.random.default_rng(0).random(len(lessons.wanted)) < 0.5
    if not (lessons.bought[fold].any() and lessons.bought[~fold].any()):
        return None
    found = [_unseen(lessons, option, fold) for option in options]
    best = int(np.argmax([lessons.ndcg(scores) for scores in found]))
    model = clone(options[best]).fit(*lessons.rows(np.ones(fold.size, dtype=bool)))
    return Choice(model, found[best])


def _unseen(lessons: Lessons, option: QuadraticLogistic, fold: NDArray[np.bool_]) -> Scores:
    scores = np.zeros(lessons.real.shape, dtype=np.float32)
    for half in (fold, ~fold):
        model = clone(option).fit(*lessons.rows(~half))
        scores[half] = decide(model, lessons.features[half])
    return scores


def decide(model: QuadraticLogistic, features: Scores) -> Scores:
    """Return log-odds of candidates, (n, width), given their columns, (n, width, k)."""
    n, width, k = features.shape
    return model.decision_function(features.reshape(n * width, k)).reshape(n, width)
