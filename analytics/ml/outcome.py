"""Probabilities of an outcome whose every reason can be read and added up."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from analytics.ml.basis import ColumnBasis, fit_basis, orthonormal
from analytics.ml.calibration import Line, fit_line
from analytics.ml.newton import RidgeLogistic, out_of_fold_log_odds

FloatArray = NDArray[np.float64]

# Prior standard deviation, in log-odds, of the effect of one standard deviation of a column at
# C = 1, and the part of it that bends get: what is not in the data should be small and straight.
_EFFECT_SD = 0.22
_BEND_SHARE = 0.3
_SLOPE_PRIOR_SD = 0.5  # a handful of rows must not turn the model upside down


class BinaryProbability(ClassifierMixin, BaseEstimator):
    """What the classifiers share: checks of input, and predictions from log-odds."""

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Return log-odds of ``classes_[1]``, shape (n,)."""
        raise NotImplementedError

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return probabilities of ``classes_``, shape (n, 2)."""
        positive = expit(self.decision_function(X))
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the likelier class of each row, shape (n,)."""
        log_odds = self.decision_function(X)
        likelier: NDArray[Any] = self.classes_[(log_odds > 0.0).astype(int)]
        return likelier

    def _checked_training(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None
    ) -> tuple[FloatArray, NDArray[np.int64], FloatArray]:
        """Return rows of positive weight, their class 0 or 1, and weights."""
        X_ = validate_data(self, X, ensure_all_finite="allow-nan", dtype=np.float64)
        label, weight, used = self._checked_outcomes(y, sample_weight, X_.shape[0])
        return X_[used], label, weight

    def _checked_outcomes(
        self, y: ArrayLike, sample_weight: ArrayLike | None, n: int
    ) -> tuple[NDArray[np.int64], FloatArray, NDArray[np.bool_]]:
        """Return classes 0 or 1 and weights of the rows of positive weight, and which those are."""
        if y is None:
            raise ValueError("This classifier requires y to be passed, but the target y is None")
        y_ = column_or_1d(y, warn=True)
        check_classification_targets(y_)
        check_consistent_length(y_, np.empty(n))
        weight = _check_sample_weight(
            sample_weight, np.empty((n, 1)), dtype=np.float64, ensure_non_negative=True
        )
        used = weight > 0.0
        y_, weight = y_[used], weight[used]
        self.classes_, label = np.unique(y_, return_inverse=True)
        if type_of_target(y_) != "binary" or self.classes_.size != 2:
            raise ValueError(
                "Only binary classification is supported: the outcome must have two classes, "
                f"got {self.classes_.size} class(es) (target type {type_of_target(y_)})"
            )
        return label, weight, used

    def _checked(self, X: ArrayLike) -> FloatArray:
        check_is_fitted(self)
        checked: FloatArray = validate_data(
            self, X, ensure_all_finite="allow-nan", dtype=np.float64, reset=False
        )
        return checked

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags


class AdditiveClassifier(BinaryProbability):
    r"""Calibrated probability as a sum of smooth functions, one for each column.

    .. math:: \mathrm{logit} P(y = 1 | x) = b + \sum_j f_j(x_j)

    Each :math:`f_j` is a natural cubic spline with straight tails on quantile knots of the
    column, plus a constant for "not known"; all are centred on the training mean and shrunk
    together by an L2 penalty. Slope and intercept of the whole are then learnt from shuffled,
    stratified out-of-fold log-odds.

    Parameters
    ----------
    n_knots : int
        Knots of each column's curve, at least 3 for any bend.
    C : float
        Inverse strength of the penalty, positive.
    calibrate_folds : int
        Folds for the calibration; 0 or 1 leaves it out, and so do classes with fewer than two
        rows. Rarer classes get fewer folds.
    random_state : int or None
        Seed of the folds.

    Attributes
    ----------
    base_log_odds_ : float
        :math:`b`: the log-odds of an account that is average in every function.
    columns_ : list of (ColumnBasis or None)
        The functions of each column; None for a column that does not vary.
    coefs_ : list of arrays
        Calibrated weight of each function, log-odds a unit of the function.
    means_ : list of arrays
        Training mean of each function over the rows where the column is known.
    missing_coefs_, missing_shares_ : arrays of shape (n_features_in_,)
        Calibrated log-odds of "not known" against known, and its share in training.
    calibration_slope_, calibration_intercept_ : float
        What the out-of-fold log-odds asked for; 1 and 0 where calibration was left out.
    classes_ : array of shape (2,)
        The outcomes; probabilities and log-odds speak of the second.
    n_features_in_ : int
        Columns seen by `fit`.

    Notes
    -----
    Interactions are left out on purpose, which is what makes the reasons add up exactly.
    Duplicates of a row may fall into two folds, so weights and repeated rows agree exactly only
    without calibration.

    References
    ----------
    .. [1] Hastie and Tibshirani (1986), "Generalized additive models", Statistical Science 1,
           297-318.
    .. [2] Platt (1999), "Probabilistic outputs for support vector machines", in Advances in
           Large Margin Classifiers.

    Examples
    --------
    >>> x = np.linspace(-3, 3, 400)
    >>> y = (np.random.default_rng(0).random(400) < expit(2 * x)).astype(int)
    >>> model = AdditiveClassifier().fit(x[:, None], y)
    >>> reasons = model.contributions(x[:, None])
    >>> np.allclose(reasons.sum(1) + model.base_log_odds_, model.decision_function(x[:, None]))
    True
    """

    def __init__(
        self,
        *,
        n_knots: int = 6,
        C: float = 1.0,
        calibrate_folds: int = 5,
        random_state: int | None = 0,
    ) -> None:
        self.n_knots = n_knots
        self.C = C
        self.calibrate_folds = calibrate_folds
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn the functions and their calibration.

        Parameters
        ----------
        X : array of shape (n, p)
            Numbers; NaN where not known.
        y : array of shape (n,)
            Outcomes of exactly two classes.
        sample_weight : array of shape (n,), optional
            Non-negative weights.

        Raises
        ------
        ValueError
            If `y` has not exactly two classes, `X` an infinite value, or `C` is not positive.
        """
        if self.C <= 0.0:
            raise ValueError("C must be positive")
        X_, label, weight = self._checked_training(X, y, sample_weight)
        problem, theta, mixes = self._solve(X_, label, weight)
        self._keep(mixes, theta, self._calibrate(problem, theta))
        return self

    def fit_crossed(
        self, X: ArrayLike, y: ArrayLike, fold: NDArray[np.int64], sample_weight: ArrayLike | None = None
    ) -> FloatArray:
        """Learn the functions without calibration; return log-odds of rows by models that had not seen them.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`; weights must be positive.
        fold : int array of shape (n,)
            Fold of each row, from 0; a row's log-odds are those of a model fitted on the other folds.
        """
        X_, label, weight = self._checked_training(X, y, sample_weight)
        problem, theta, mixes = self._solve(X_, label, weight)
        self._keep(mixes, theta, Line(1.0, 0.0))
        return out_of_fold_log_odds(problem, theta, fold)

    def _solve(
        self, X: FloatArray, label: NDArray[np.int64], weight: FloatArray
    ) -> tuple[RidgeLogistic, FloatArray, list[FloatArray | None]]:
        design, mixes = self._fit_columns(X, weight)
        problem = RidgeLogistic(design, label.astype(np.float64), weight, 1.0 / (self.C * _EFFECT_SD**2))
        return problem, problem.minimise(problem.start()), mixes

    def _keep(self, mixes: list[FloatArray | None], theta: FloatArray, line: Line) -> None:
        self._store(mixes, line.slope * theta[1:])
        self.base_log_odds_ = float(line.slope * theta[0] + line.intercept)
        self.calibration_slope_, self.calibration_intercept_ = line

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Return calibrated log-odds of ``classes_[1]``, shape (n,)."""
        contributions = self.contributions(X)
        return add_up(self.base_log_odds_, contributions)

    def contributions(self, X: ArrayLike) -> FloatArray:
        """Return what each column adds to the log-odds, shape (n, p).

        The mean over the training rows is 0 for each column; the sum of a row and
        ``base_log_odds_`` is `decision_function`.
        """
        X_ = self._checked(X)
        parts = np.zeros(X_.shape)
        for j, basis in enumerate(self.columns_):
            missing = np.isnan(X_[:, j])
            if basis is not None:
                known = basis.evaluate(X_[~missing, j]) - self.means_[j]
                parts[~missing, j] = _weighed(known, self.coefs_[j])
            parts[:, j] += (missing - self.missing_shares_[j]) * self.missing_coefs_[j]
        return parts

    def _fit_columns(self, X: FloatArray, weight: FloatArray) -> tuple[FloatArray, list[FloatArray | None]]:
        """Choose each column's functions; return the design and each column's mixing matrix."""
        self.columns_: list[ColumnBasis | None] = []
        self.means_: list[FloatArray] = []
        self.missing_shares_ = np.average(np.isnan(X), axis=0, weights=weight)
        blocks: list[FloatArray] = [np.zeros((X.shape[0], 0))]
        mixes: list[FloatArray | None] = []
        for j in range(X.shape[1]):
            block, mix = self._fit_column(X[:, j], weight)
            blocks.append(block)
            mixes.append(mix)
            if self._has_indicator(j):
                blocks.append(self._indicator(j, X))
        return np.hstack(blocks), mixes

    def _fit_column(self, x: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        known = ~np.isnan(x)
        basis = fit_basis(x[known], weight[known], self.n_knots) if known.any() else None
        self.columns_.append(basis)
        if basis is None:
            self.means_.append(np.empty(0))
            return np.zeros((x.size, 0)), None
        functions = basis.evaluate(x[known])
        self.means_.append(np.average(functions, axis=0, weights=weight[known]))
        centred = functions - self.means_[-1]
        mix = orthonormal(centred, weight[known])
        mix[:, 1:] *= _BEND_SHARE
        block = np.zeros((x.size, mix.shape[1]))  # a row that is not known stands at the mean
        block[known] = centred @ mix
        return block, mix

    def _has_indicator(self, j: int) -> bool:
        return bool(0.0 < self.missing_shares_[j] < 1.0)

    def _indicator_sd(self, j: int) -> float:
        share = self.missing_shares_[j]
        return float(np.sqrt(share * (1.0 - share)))

    def _indicator(self, j: int, X: FloatArray) -> FloatArray:
        centred: FloatArray = np.isnan(X[:, [j]]) - self.missing_shares_[j]
        return centred / self._indicator_sd(j)

    def _calibrate(self, problem: RidgeLogistic, theta: FloatArray) -> Line:
        """Learn slope and intercept from log-odds of rows that each model has not seen."""
        label = problem.y
        folds = min(self.calibrate_folds, int(np.bincount(label.astype(np.int64)).min()))
        if folds < 2:
            return Line(1.0, 0.0)
        splitter = StratifiedKFold(folds, shuffle=True, random_state=self.random_state)
        fold = np.empty(label.size, dtype=np.int64)
        for number, (_, held_out) in enumerate(splitter.split(label, label)):
            fold[held_out] = number
        unseen = out_of_fold_log_odds(problem, theta, fold)
        line = fit_line(unseen, label, problem.weight, slope_prior_sd=_SLOPE_PRIOR_SD)
        if line.slope > 0.0:
            return line
        return Line(0.0, float(problem.start()[0]))  # no signal: everybody gets the base rate

    def _store(self, mixes: list[FloatArray | None], coef: FloatArray) -> None:
        """Translate weights of the design back to weights of each column's functions."""
        self.coefs_: list[FloatArray] = []
        self.missing_coefs_ = np.zeros(len(mixes))
        at = 0
        for j, mix in enumerate(mixes):
            width = 0 if mix is None else mix.shape[1]
            self.coefs_.append(np.empty(0) if mix is None else mix @ coef[at : at + width])
            at += width
            if self._has_indicator(j):
                self.missing_coefs_[j] = coef[at] / self._indicator_sd(j)
                at += 1


class RecencyFrequencyLogistic(BinaryProbability):
    r"""Logistic regression on a few counts and ages: what a model must beat to be worth it.

    .. math:: \mathrm{logit} P(y = 1 | x) = b + \sum_j w_j\,
              \frac{\mathrm{sign}(x_j) \log(1 + |x_j|) - m_j}{s_j}

    Parameters
    ----------
    C : float
        Inverse strength of the L2 penalty on :math:`w`.

    Attributes
    ----------
    mean_, scale_, coef_ : arrays of shape (n_features_in_,)
        :math:`m`, :math:`s` (1 for a column that does not vary) and :math:`w`.
    intercept_ : float
        :math:`b`, in log-odds.
    classes_ : array of shape (2,)
        The outcomes; probabilities and log-odds speak of the second.

    Notes
    -----
    A value that is not known counts as the column's mean.
    """

    def __init__(self, *, C: float = 1.0) -> None:
        self.C = C

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from `X` of shape (n, p), NaN allowed, and two-class outcomes `y`.

        Raises
        ------
        ValueError
            If `y` has not exactly two classes, `X` an infinite value, or `C` is not positive.
        """
        if self.C <= 0.0:
            raise ValueError("C must be positive")
        X_, label, weight = self._checked_training(X, y, sample_weight)
        logs = _signed_log(X_)
        known = ~np.isnan(logs)
        mass = np.maximum(weight @ known, np.finfo(float).tiny)
        self.mean_ = weight @ np.where(known, logs, 0.0) / mass
        spread = np.sqrt(weight @ np.where(known, logs - self.mean_, 0.0) ** 2 / mass)
        self.scale_ = np.where(spread > 1e-12, spread, 1.0)
        standard = self._standardise(X_)
        problem = RidgeLogistic(standard, label.astype(np.float64), weight, 1.0 / self.C)
        theta = problem.minimise(problem.start())
        self.intercept_, self.coef_ = float(theta[0]), theta[1:]
        return self

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Return log-odds of ``classes_[1]``, shape (n,)."""
        contributions = self.contributions(X)
        return add_up(self.intercept_, contributions)

    def contributions(self, X: ArrayLike) -> FloatArray:
        """Return what each column adds to the log-odds, shape (n, p); its mean over the training is 0."""
        parts: FloatArray = self._standardise(self._checked(X)) * self.coef_
        return parts

    def _standardise(self, X: FloatArray) -> FloatArray:
        return np.nan_to_num((_signed_log(X) - self.mean_) / self.scale_, nan=0.0)


def add_up(base: float, contributions: FloatArray) -> FloatArray:
    """Return log-odds, shape (n,), from what each column adds, shape (n, p).

    Column by column: `sum` and `@` give another last bit when other rows stand beside a row.
    """
    log_odds = np.full(contributions.shape[0], base)
    for column in contributions.T:
        log_odds += column
    return log_odds


def _weighed(X: FloatArray, weights: FloatArray) -> FloatArray:
    """Return each row's weighted sum, to the same bit whichever rows stand beside it."""
    return add_up(0.0, X * weights)


def _signed_log(x: FloatArray) -> FloatArray:
    return np.sign(x) * np.log1p(np.abs(x))
