"""What is wrong with a table before anything is learnt from it: each finding names its column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from analytics.ml.columns import Column, as_text, find_column, fit_column
from analytics.ml.metrics import auc, auc_interval

FloatArray = NDArray[np.float64]
Labels = NDArray[np.int64]

TOO_GOOD = 0.95  # AUC of one column alone: nobody knows that before the event
_TOO_GOOD_SLACK = 0.01  # what chance may take from it
TOO_MUCH = 0.08  # AUC that the whole model owes to one column
FEWEST_POSITIVES = 20
FEW_POSITIVES = 100
_NAMED_AUC = 0.6  # a name alone accuses nobody: the column must tell something too
_DUPLICATED_SHARE = 0.01
_FINE_SHARE = 0.1  # distinct values of the finest column
_BLOCKS = 10  # in the order of time, for the drift of the base rate
_DRIFT_RATIO = 1.5
_DRIFT_P = 1e-6
_SAMPLE_ROWS = 8_000
_CANDIDATES = 4
_FOLDS = 3
_BINS = 30
_PRIOR_ROWS = 5.0

# Words of a column's name that speak of the event itself or of what follows it.
_AFTERWARDS = re.compile(
    r"(^|[\W_])(cancel[a-z]*|terminat[a-z]*|churn[a-z]*|clos(ed|ing|ure)|ended|left|exit[a-z]*|resol[a-z]*|refund[a-z]*"
    r"|chargeback|write_?off|written_off|recover[a-z]*|collections?|outcome|reason|after|post)($|[\W_])"
    r"|注销|取消|流失|原因|结果"
)
_SENSITIVE = re.compile(
    r"(^|[\W_])(sex|gender|age|birth|birthday|dob|race|ethnic\w*|religion|nationality|foreign\w*|marital|marriage"
    r"|married|disab\w*|orientation|pregnan\w*|politic\w*|union)($|[\W_])|性别|年龄|民族|宗教|国籍|婚姻|出生"
)
_IDENTIFIER = re.compile(r"(^|[\W_])(id|ids|uuid|guid|key|no|nr|num|number|code|ref)($|[\W_])|编号|号码")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Finding(NamedTuple):
    """Something that a person should know before trusting a model of this table.

    Attributes
    ----------
    code : str
        ``too_few_positives``, ``few_positives``, ``leak``, ``suspect_lift``, ``suspect_name``,
        ``suspect_date``, ``identifier``, ``constant``, ``duplicates``, ``drift`` or ``sensitive``.
    severity : str
        ``abstain`` (nothing can be learnt), ``refuse`` (the column must not be used), ``leave_out``
        (of no use), ``warn`` or ``note``.
    column : str or None
        Whose fault it is; None for the table's.
    data : dict
        Figures of the sentence.
    """

    code: str
    severity: str
    column: str | None
    data: dict[str, Any]

    @property
    def sentence(self) -> str:
        """The finding in English."""
        return _SENTENCES[self.code].format(column=self.column, **self.data)


_SENTENCES = {
    "too_few_positives": (
        "Only {positives} rows have the rarer outcome; {missing} more are needed before anything can be "
        "learnt."
    ),
    "few_positives": "Only {positives} rows have the rarer outcome: the figures are uncertain.",
    "leak": (
        "'{column}' alone predicts the outcome with an AUC of {auc:.3f}: it was refused, since nothing known "
        "before the event does that."
    ),
    "suspect_lift": (
        "'{column}' lifts the model's AUC from {without:.3f} to {with_it:.3f}. Is it really known before the "
        "event?"
    ),
    "suspect_name": (
        "The name of '{column}' says that it is known only after the event (AUC alone {auc:.3f})."
    ),
    "suspect_date": (
        "'{column}' is a date that is filled in for {positive_share:.0%} of one outcome and "
        "{negative_share:.0%} of the other: it may be set by the event."
    ),
    "identifier": "'{column}' tells rows apart and nothing else; it was left out.",
    "constant": "'{column}' has the same value everywhere; it was left out.",
    "duplicates": "{rows} rows ({share:.1%}) repeat another one: copies in two folds make figures too good.",
    "drift": (
        "The base rate moves from {low:.1%} to {high:.1%} along the rows: a model of the past will be "
        "miscalibrated, so check it in time order."
    ),
    "sensitive": "'{column}' may be a sensitive attribute; using it needs a reason and may be unlawful.",
}


def check_table(table: pd.DataFrame, y: Labels, *, order: Sequence[Any] | None = None) -> list[Finding]:
    """Look for what makes a model of this table wrong, useless or unfair.

    Parameters
    ----------
    table : DataFrame of shape (n, p)
        The columns that would be learnt from.
    y : array of shape (n,)
        Outcomes, 0 or 1.
    order : sequence of n, optional
        When each row was; without it the order of the rows counts.

    Returns
    -------
    list of Finding
        The gravest first; empty for a sound table.
    """
    label = np.asarray(y, dtype=np.int64)
    rarer = int(min(label.sum(), label.size - label.sum()))
    if rarer < FEWEST_POSITIVES:
        data = {"positives": rarer, "missing": FEWEST_POSITIVES - rarer}
        return [Finding("too_few_positives", "abstain", None, data)]
    found = [] if rarer >= FEW_POSITIVES else [Finding("few_positives", "warn", None, {"positives": rarer})]
    looks = [_Look(str(name), table.iloc[:, j], label) for j, name in enumerate(table.columns)]
    for look in looks:
        found += look.findings()
    found += _suspects_by_lift([look for look in looks if look.is_used], label)
    found += _duplicates(table, label) + _drift(label, order)
    grave = ("abstain", "refuse", "warn", "leave_out", "note")
    return sorted(found, key=lambda finding: grave.index(finding.severity))


@dataclass
class _Look:
    """One column, looked at by itself."""

    name: str
    values: pd.Series
    label: Labels
    column: Column = field(init=False)
    numbers: FloatArray = field(init=False)
    is_used: bool = field(init=False, default=True)
    auc: float = field(init=False, default=0.5)

    def findings(self) -> list[Finding]:
        if self.values.nunique(dropna=False) < 2:
            return self._without("constant", "leave_out", {})
        if self._is_identifier():
            return self._without("identifier", "leave_out", {})
        self.column, numbers = fit_column(self.values, self.label, np.ones(self.label.size), seed=0)
        self.numbers = numbers.tree
        alone = _alone(self.numbers, self.label, is_category=self.column.is_category)
        self.auc = auc(self.label, alone)
        chance = 2.0 * (self.auc - auc_interval(self.label, alone, confidence=0.68).low)
        found = []
        if self.auc > TOO_GOOD - min(_TOO_GOOD_SLACK, chance):
            return self._without("leak", "refuse", {"auc": self.auc})
        if self.auc >= _NAMED_AUC and _AFTERWARDS.search(_words(self.name)):
            found.append(Finding("suspect_name", "warn", self.name, {"auc": self.auc}))
        found += self._suspect_date()
        if _SENSITIVE.search(_words(self.name)):
            found.append(Finding("sensitive", "note", self.name, {}))
        return found

    def _without(self, code: str, severity: str, data: dict[str, Any]) -> list[Finding]:
        self.is_used = False
        return [Finding(code, severity, self.name, data)]

    def _is_identifier(self) -> bool:
        """Say whether the column has another value in each row and is no amount, date or prose."""
        filled = self.values.dropna()
        if filled.size < 0.95 * self.values.size or filled.nunique() < 0.99 * filled.size or filled.size < 50:
            return False
        if pd.api.types.is_float_dtype(filled) and not (filled == filled.round()).all():
            return False
        kind = find_column(self.values).kind
        if kind in ("date", "text"):
            return False
        if kind == "number":
            numbers = pd.to_numeric(filled, errors="coerce")
            whole = bool((numbers == numbers.round()).all())
            dense = numbers.max() - numbers.min() < 1.5 * filled.size
            return whole and bool(dense or _IDENTIFIER.search(_words(self.name)))
        return float(as_text(filled).str.len().mean()) < 50.0

    def _suspect_date(self) -> list[Finding]:
        if self.column.kind != "date":
            return []
        filled = ~np.isnan(self.numbers)
        shares = [float(filled[self.label == outcome].mean()) for outcome in (0, 1)]
        if abs(shares[1] - shares[0]) < 0.5:
            return []
        data = {"positive_share": shares[1], "negative_share": shares[0]}
        return [Finding("suspect_date", "warn", self.name, data)]


def _words(name: str) -> str:
    return _CAMEL.sub("_", name).lower()


def _alone(numbers: FloatArray, label: Labels, *, is_category: bool) -> FloatArray:
    """Return each row's share of positives among the rows that look like it in this column.

    It is learnt from other folds, in at most 30 bins, so a U-shaped column counts for what it tells.
    """
    if is_category:
        bins = np.nan_to_num(numbers, nan=-1.0).astype(np.int64) + 1
    else:
        known = ~np.isnan(numbers)
        edges: FloatArray = np.empty(0)
        if known.any():
            edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, _BINS + 1)[1:-1]))
        bins = np.where(known, np.searchsorted(edges, numbers, side="right") + 1, 0)
    share, size = label.mean(), int(bins.max()) + 1
    found = np.empty(label.size)
    for train, rest in StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(label, label):
        rows = np.bincount(bins[train], minlength=size) + _PRIOR_ROWS
        positives = np.bincount(bins[train], weights=label[train], minlength=size) + _PRIOR_ROWS * share
        found[rest] = (positives / rows)[bins[rest]]
    return found


def _suspects_by_lift(looks: list[_Look], label: Labels) -> list[Finding]:
    """Leave out the columns that tell most, one at a time, and see what the model loses."""
    candidates = sorted((look for look in looks if look.auc >= _NAMED_AUC), key=lambda look: -look.auc)
    if len(looks) < 2 or not candidates:
        return []
    rows = _sample(label)
    X = np.column_stack([look.numbers[rows] for look in looks])
    categories = np.array([look.column.is_category for look in looks])
    with_it = _quick_auc(X, label[rows], categories)
    found = []
    for look in candidates[:_CANDIDATES]:
        rest = np.array([other is not look for other in looks])
        without = _quick_auc(X[:, rest], label[rows], categories[rest])
        if with_it - without >= TOO_MUCH:
            found.append(Finding("suspect_lift", "warn", look.name, {"without": without, "with_it": with_it}))
    return found


def _quick_auc(X: FloatArray, label: Labels, categories: NDArray[np.bool_]) -> float:
    model = HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.1, max_leaf_nodes=8, early_stopping=False, random_state=0,
        categorical_features=categories,
    )  # fmt: skip
    unseen = np.empty(label.size)
    with threadpool_limits(limits=1, user_api="openmp"):
        for train, rest in StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(X, label):
            unseen[rest] = model.fit(X[train], label[train]).predict_proba(X[rest])[:, 1]
    return auc(label, unseen)


def _sample(label: Labels) -> NDArray[np.intp]:
    if label.size <= _SAMPLE_ROWS:
        return np.arange(label.size)
    return np.sort(np.random.default_rng(0).choice(label.size, _SAMPLE_ROWS, replace=False))


def _duplicates(table: pd.DataFrame, label: Labels) -> list[Finding]:
    """Count copies, where the columns are fine enough that two rows don't agree by chance."""
    if max(table.iloc[:, j].nunique() for j in range(table.shape[1])) < _FINE_SHARE * label.size:
        return []
    whole = pd.concat([table.reset_index(drop=True), pd.Series(label, name="")], axis=1)
    rows = int(whole.astype("string").duplicated().sum())
    if rows < _DUPLICATED_SHARE * label.size:
        return []
    return [Finding("duplicates", "warn", None, {"rows": rows, "share": rows / label.size})]


def _drift(label: Labels, order: Sequence[Any] | None) -> list[Finding]:
    """Compare the base rates of blocks in order; two rows in three hundred can't drift."""
    if order is not None:
        label = label[np.argsort(np.asarray(order), kind="stable")]
    blocks = np.array_split(label, _BLOCKS)
    rows, positives = np.array([b.size for b in blocks]), np.array([b.sum() for b in blocks])
    share = label.mean()
    statistic = float(((positives - rows * share) ** 2 / (rows * share * (1.0 - share))).sum())
    rates = positives / rows
    if chi2.sf(statistic, _BLOCKS - 1) > _DRIFT_P or rates.max() < _DRIFT_RATIO * max(rates.min(), 1e-9):
        return []
    return [Finding("drift", "warn", None, {"low": float(rates.min()), "high": float(rates.max())})]
