"""One default for any binary outcome: no tuning, calibrated, and every reason adds up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from analytics.ml.calibration import fit_line
from analytics.ml.columns import Column, fit_column
from analytics.ml.outcome import AdditiveClassifier, BinaryProbability, RecencyFrequencyLogistic, add_up
from analytics.ml.stacking import best_stage, make_folds, sample_rows, weigh_members
from analytics.ml.trees import MOST_LEAVES, TreeSum, from_boosting

FloatArray = NDArray[np.float64]
Labels = NDArray[np.int64]
Rows = NDArray[np.intp]
Fold = tuple[Rows, Rows]  # to learn from, to predict

# Lightly regularised, the same for every data set: a quarter of the columns at each split and small
# steps do on few rows what a random forest's averaging does.
_BOOSTING = {
    "learning_rate": 0.05,
    "max_leaf_nodes": MOST_LEAVES,
    "min_samples_leaf": 12,
    "l2_regularization": 1.0,
    "max_features": 0.25,
    "early_stopping": False,
}
_STOPPING = {"early_stopping": True, "n_iter_no_change": 40}  # trees without a gain on the unseen fold
_SLOPE_PRIOR_SD = 0.5  # of a mixture with the plain logistic, around none
_MORE_ROWS = 1.1  # trees for all rows, to the number found out on four fifths of them
_SHARE_PRIOR_SD = 0.5  # a handful of rows must not turn the model upside down
_MOST_BACKGROUND_ROWS = 20_000
_FEWEST_FOR_TREES = 100  # rows below which a tree of leaves of 12 has nothing to say


class Design(NamedTuple):
    """A table as the two members read it.

    Attributes
    ----------
    smooth : array of shape (n, k)
        For the additive member; `smooth_owner` of shape (k,) says whose column each is.
    tree : array of shape (n, p)
        For the trees, one column for each of the table's.
    """

    smooth: FloatArray
    smooth_owner: NDArray[np.intp]
    tree: FloatArray


class Part(NamedTuple):
    """Some rows for the trees: their columns, outcomes and weights."""

    X: FloatArray
    label: Labels
    weight: FloatArray


class OutcomeClassifier(BinaryProbability):
    r"""Calibrated probability of an outcome from any table, as a sum of what its columns add.

    .. math:: \mathrm{logit} P(y = 1 | x) = a + w_1 f(x) + w_2 g(x)

    :math:`f` is an additive model of splines, :math:`g` boosted trees of eight leaves. Their
    weights, not negative, and :math:`a` minimise the log-loss of log-odds that are out of fold, so
    they calibrate as well; so is the number of trees chosen. Columns may hold numbers (also as text),
    dates, categories (few or many) and prose, and gaps; what each holds is found out.

    Parameters
    ----------
    max_trees : int
        Trees that may be grown; 0 leaves the additive member alone.
    n_folds : int
        Shuffled, stratified folds; with `times` blocks in time instead.
    max_rows : int
        Rows learnt from; of more, a random part in which a rare outcome is at most a fifth, for which
        the log-odds are corrected [2]_. More rows would change little and cost in proportion.
    anchor : sequence of int
        Columns of numbers for a plain logistic that takes half of the log-odds. For outcomes whose base
        changes from the period of the training to the one that is predicted, what knows least of
        the old period errs least; half and half beats both more often than not [3]_. The mixture is
        calibrated on rows that the members had not seen.
    random_state : int or None
        Seed of folds and trees.

    Attributes
    ----------
    base_log_odds_ : float
        Log-odds of an account that is average in every column.
    weights_ : array of shape (2,)
        :math:`w_1` and :math:`w_2`.
    n_trees_ : int
        Trees that the out-of-fold log-loss asked for.
    columns_ : list of Column
        What each column of the table holds.
    additive_ : AdditiveClassifier
        The first member.
    trees_ : TreeSum or None
        The second, against at most 20,000 rows of the training as background.
    anchor_ : RecencyFrequencyLogistic or None
        The plain logistic, where there is an anchor.
    classes_ : array of shape (2,)
        The outcomes; probabilities and log-odds speak of the second.
    n_features_in_ : int
        Columns seen by `fit`; their names, if they had any, in ``feature_names_in_``.

    Notes
    -----
    Folds that are not shuffled, or a calibration on rows in their order, cost a third of the AUC where
    rows come sorted by date. Weighing the classes alike would ruin the calibration and not help the
    ranking.

    References
    ----------
    .. [1] Breiman (1996), "Stacked regressions", Machine Learning 24, 49-64.
    .. [2] King and Zeng (2001), "Logistic regression in rare events data", Political Analysis 9,
           137-163.
    .. [3] Bates and Granger (1969), "The combination of forecasts", Operational Research Quarterly
           20, 451-468.

    Examples
    --------
    >>> from scipy.special import expit
    >>> x = np.linspace(-3, 3, 400)
    >>> y = (np.random.default_rng(0).random(400) < expit(2 * x)).astype(int)
    >>> model = OutcomeClassifier().fit(x[:, None], y)
    >>> reasons = model.contributions(x[:, None])
    >>> np.allclose(reasons.sum(1) + model.base_log_odds_, model.decision_function(x[:, None]))
    True
    """

    def __init__(
        self,
        *,
        max_trees: int = 300,
        n_folds: int = 5,
        max_rows: int = 60_000,
        anchor: Sequence[int] = (),
        random_state: int | None = 0,
    ) -> None:
        self.max_trees = max_trees
        self.n_folds = n_folds
        self.max_rows = max_rows
        self.anchor = anchor
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        times: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Learn the members, how they are joined, and what each column holds.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Columns of any kind; None, NaN or a blank where not known.
        y : array of shape (n,)
            Outcomes of exactly two classes.
        sample_weight : array of shape (n,), optional
            Non-negative weights.
        times : array of shape (n,), optional
            When each row's outcome was asked; then every fold is predicted from earlier rows only.
        groups : array of shape (n,), optional
            Whose row it is; rows of one account at several moments then share a fold, since the
            account would otherwise be recognised.

        Raises
        ------
        ValueError
            If `y` has not exactly two classes, or a column holds an infinite number.
        """
        # One thread: a second one gains little on tables of this size, and where another process works
        # beside it the two wait for each other in a busy loop, twenty times as long.
        with threadpool_limits(limits=1, user_api="openmp"):
            return self._fit(X, y, sample_weight, times=times, groups=groups)

    def _fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        *,
        times: ArrayLike | None,
        groups: ArrayLike | None,
    ) -> Self:
        table = self._table(X, reset=True)
        label, weight, used = self._checked_outcomes(y, sample_weight, len(table))
        part, self._shift = sample_rows(label, self.max_rows, self.random_state)
        label, weight, rows = label[part], weight[part], np.flatnonzero(used)[part]
        table = table.iloc[rows]
        moments = None if times is None else np.asarray(times)[rows]
        owners = None if groups is None else np.asarray(groups)[rows]
        design = self._fit_columns(table, label, weight)
        folds = make_folds(label, self.n_folds, self.random_state, times=moments, groups=owners)
        self.additive_ = AdditiveClassifier(calibrate_folds=0)
        if folds and times is None and not any(column.knows_outcomes for column in self.columns_):
            unseen = self._cross(design, label, weight, folds)
        else:
            unseen = self._cross_anew(table, label, weight, folds)
            self.additive_.fit(design.smooth, label, weight)
        self._join(unseen, label, weight, folds)
        self._fit_trees(design, label, weight)
        self._fit_anchor(design, label, weight, unseen)
        return self

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Return calibrated log-odds of ``classes_[1]``, shape (n,)."""
        contributions = self.contributions(X)
        return add_up(self.base_log_odds_, contributions)

    def contributions(self, X: ArrayLike) -> FloatArray:
        """Return what each column adds to the log-odds, shape (n, p).

        Shapley values against the training rows: exact, their mean over those is 0 for each column,
        and the sum of a row and ``base_log_odds_`` is `decision_function`.
        """
        table = self._checked_table(X)
        design = self._design(table)
        points = np.zeros((len(table), len(self.columns_)))
        if self.trees_ is not None:
            points += self.weights_[1] * self.trees_.contributions(design.tree)
        smooth = self.weights_[0] * self.additive_.contributions(design.smooth)
        for j, owner in enumerate(design.smooth_owner):
            points[:, owner] += smooth[:, j]
        if self.anchor_ is not None:
            chosen = list(self.anchor)
            points *= self._half
            points[:, chosen] += self._half * self.anchor_.contributions(design.tree[:, chosen])
        return points

    def _table(self, X: ArrayLike, *, reset: bool) -> pd.DataFrame:
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        checked = validate_data(self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan")
        if checked.dtype == object:
            check_array(checked, dtype=None, ensure_all_finite=False)
        return pd.DataFrame(checked)

    def _checked_table(self, X: ArrayLike) -> pd.DataFrame:
        check_is_fitted(self)
        return self._table(X, reset=False)

    def _fit_columns(self, table: pd.DataFrame, label: Labels, weight: FloatArray) -> Design:
        self.columns_: list[Column] = []
        smooth, trees = [], []
        for name in range(table.shape[1]):
            column, numbers = fit_column(table.iloc[:, name], label, weight, seed=self.random_state or 0)
            self.columns_.append(column)
            smooth.append(numbers.smooth)
            trees.append(numbers.tree)
        return _joined(smooth, trees)

    def _design(self, table: pd.DataFrame) -> Design:
        numbers = [column.numbers(table.iloc[:, j]) for j, column in enumerate(self.columns_)]
        return _joined([each.smooth for each in numbers], [each.tree for each in numbers])

    def _cross(self, design: Design, label: Labels, weight: FloatArray, folds: list[Fold]) -> FloatArray:
        """Fit the additive member; return both members' log-odds of rows that they have not seen, (n, 2)."""
        fold = np.empty(label.size, dtype=np.int64)
        for number, (_, rest) in enumerate(folds):
            fold[rest] = number
        additive = self.additive_.fit_crossed(design.smooth, label, fold, weight)
        stages = np.zeros((self.max_trees if self._grows(label) else 0, label.size))
        for train, rest in folds:
            seen = Part(design.tree[train], label[train], weight[train])
            unseen = Part(design.tree[rest], label[rest], weight[rest])
            if self._grows(label):
                stages[:, rest] = self._grow(self.columns_, seen, unseen)
        return self._choose(stages, additive, label, weight)

    def _cross_anew(
        self, table: pd.DataFrame, label: Labels, weight: FloatArray, folds: list[Fold]
    ) -> FloatArray:
        """Do the same where columns learn from outcomes: each fold finds out anew what they teach."""
        additive = np.full(label.size, np.nan)
        stages = np.zeros((self.max_trees if self._grows(label) else 0, label.size))
        for train, rest in folds:
            part = OutcomeClassifier(random_state=self.random_state)
            seen = part._fit_columns(table.iloc[train], label[train], weight[train])
            unseen = part._design(table.iloc[rest])
            member = AdditiveClassifier(calibrate_folds=0).fit(seen.smooth, label[train], weight[train])
            additive[rest] = member.decision_function(unseen.smooth)
            if self._grows(label):
                stages[:, rest] = self._grow(
                    part.columns_,
                    Part(seen.tree, label[train], weight[train]),
                    Part(unseen.tree, label[rest], weight[rest]),
                )
        return self._choose(stages, additive, label, weight)

    def _grows(self, label: Labels) -> bool:
        return self.max_trees > 0 and label.size >= _FEWEST_FOR_TREES

    def _grow(self, columns: list[Column], seen: Part, unseen: Part) -> FloatArray:
        """Return the unseen rows' log-odds after each tree, shape (max_trees, n)."""
        trees = self._boosting(columns, self.max_trees, **_STOPPING)
        trees.fit(
            seen.X, seen.label, _unless_even(seen.weight),
            X_val=unseen.X, y_val=unseen.label, sample_weight_val=_unless_even(unseen.weight),
        )  # fmt: skip
        found = list(trees.staged_decision_function(unseen.X))
        return np.array(found + found[-1:] * (self.max_trees - len(found)))

    def _choose(
        self, stages: FloatArray, additive: FloatArray, label: Labels, weight: FloatArray
    ) -> FloatArray:
        self.n_trees_, best = best_stage(stages, label, weight, np.isfinite(additive))
        return np.column_stack([additive, best])

    def _join(self, unseen: FloatArray, label: Labels, weight: FloatArray, folds: list[Fold]) -> None:
        """Learn intercept and weights of the members from log-odds of unseen rows."""
        known = np.isfinite(unseen[:, 0])
        if not folds or not known.any():
            self.weights_, self._intercept = np.array([1.0, 0.0]), 0.0
            return
        start = np.array([1.0, 0.0]) if self.n_trees_ == 0 else np.array([0.5, 0.5])
        self._intercept, self.weights_ = weigh_members(unseen[known], label[known], weight[known], start)

    def _fit_trees(self, design: Design, label: Labels, weight: FloatArray) -> None:
        self.base_log_odds_ = self._intercept + self._shift + self.weights_[0] * self.additive_.base_log_odds_
        self.trees_: TreeSum | None = None
        n_trees = round(self.n_trees_ * _MORE_ROWS)
        if n_trees and self.weights_[1] > 0.0:
            boosting = self._boosting(self.columns_, n_trees).fit(design.tree, label, _unless_even(weight))
            self.trees_ = from_boosting(boosting, design.tree[self._background(label.size)])
            self.base_log_odds_ += self.weights_[1] * self.trees_.base
        self.base_log_odds_ = float(self.base_log_odds_)

    def _background(self, n: int) -> Rows:
        if n <= _MOST_BACKGROUND_ROWS:
            return np.arange(n)
        rng = np.random.default_rng(self.random_state)
        return np.sort(rng.choice(n, _MOST_BACKGROUND_ROWS, replace=False))

    def _fit_anchor(self, design: Design, label: Labels, weight: FloatArray, unseen: FloatArray) -> None:
        """Give the plain logistic half, and calibrate the mixture on rows that the members had not seen."""
        self.anchor_: RecencyFrequencyLogistic | None = None
        known = np.isfinite(unseen[:, 0])
        if not len(self.anchor) or not known.any():
            return
        two = design.tree[:, list(self.anchor)]
        self.anchor_ = RecencyFrequencyLogistic().fit(two, label, weight)
        mixed = self._intercept + unseen[known] @ self.weights_ + self.anchor_.decision_function(two[known])
        line = fit_line(0.5 * mixed, label[known], weight[known], slope_prior_sd=_SLOPE_PRIOR_SD)
        self._half = 0.5 * line.slope
        both = self.base_log_odds_ - self._shift + self.anchor_.intercept_
        self.base_log_odds_ = float(self._half * both + line.intercept + self._shift)

    def _boosting(self, columns: list[Column], n_trees: int, **more: Any) -> HistGradientBoostingClassifier:
        categories = [column.is_category for column in columns]
        settings = {**_BOOSTING, "max_iter": n_trees, "random_state": self.random_state, **more}
        return HistGradientBoostingClassifier(**settings, categorical_features=categories)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _unless_even(weight: FloatArray) -> FloatArray | None:
    """Return weights that differ; for equal ones boosting finds its bins in a tenth of the time."""
    return None if np.ptp(weight) == 0.0 else weight


def _joined(smooth: list[FloatArray], trees: list[FloatArray]) -> Design:
    owner = np.repeat(np.arange(len(smooth)), [each.shape[1] for each in smooth])
    return Design(np.hstack(smooth), owner, np.column_stack(trees))
