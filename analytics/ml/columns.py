"""A table as people keep it, as numbers: what each column holds is found out once and kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import logit
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

FloatArray = NDArray[np.float64]

NOTHING = ("", "nan", "null", "n/a", "na", "?")  # what people and programs write for "not known"
_READABLE = 0.95  # of the filled cells: then the column holds numbers or dates and the rest is not known
_FEWEST_OF_LEVEL = 10  # rarer categories can't be told apart; they share one
_MOST_LEVELS = 40  # of more, each is summed up by its outcomes
_PRIOR_ROWS = 10.0  # of average outcome that each of many categories begins with
_LONG_TEXT = 25.0  # characters on average from which a cell is prose
_TEXT_BUCKETS = 1 << 15
_CROSS_FOLDS = 4  # outcomes seen through a category or a text must not be a row's own
_DATE = r"^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[ T].*)?$|^\d{1,2}[-/.]\d{1,2}[-/.]\d{4}(?:[ T].*)?$"
_DAY_US = 86_400_000_000


class Numbers(NamedTuple):
    """One column as the members read it.

    Attributes
    ----------
    smooth : array of shape (n, k)
        Amounts and indicators, NaN where not known, for curves.
    tree : array of shape (n,)
        Amounts or codes from 0, NaN where not known, for trees.
    """

    smooth: FloatArray
    tree: FloatArray


@dataclass
class Column:
    """How one column becomes numbers.

    Attributes
    ----------
    kind : str
        ``number``, ``date``, ``category``, ``many`` (categories, each summed up by its outcomes),
        ``text``, or ``nothing`` for a text or categories that predict nothing.
    levels : list of str
        Categories told apart, commonest first.
    points : array of shape (levels,) or (65 536,)
        Log-odds of each of many categories, or of each bucket of letter sequences of a text.
    rest : float
        Log-odds of a category that is not among them, or of an empty text.
    """

    kind: str
    levels: list[str] = field(default_factory=list)
    points: FloatArray = field(default_factory=lambda: np.empty(0))
    rest: float = 0.0

    @property
    def is_category(self) -> bool:
        """Whether trees read codes, not amounts."""
        return self.kind == "category"

    @property
    def knows_outcomes(self) -> bool:
        """Whether its numbers were learnt from the outcomes."""
        return self.kind in ("many", "text")

    def numbers(self, values: pd.Series) -> Numbers:
        """Return the column of any table as numbers; an unknown category is not known."""
        if self.kind == "category":
            return self._as_codes(values)
        if self.kind == "nothing":
            return Numbers(np.zeros((len(values), 1)), np.zeros(len(values)))
        read = {"number": _finite_numbers, "date": _read_dates, "many": self._by_level, "text": self._by_text}
        found = read[self.kind](values)
        return Numbers(found[:, None], found)

    def _as_codes(self, values: pd.Series) -> Numbers:
        codes = _codes(values, self.levels)
        smooth = (codes[:, None] == np.arange(len(self.levels))).astype(np.float64)
        return Numbers(smooth, np.where(codes < 0, np.nan, codes.astype(np.float64)))

    def _by_level(self, values: pd.Series) -> FloatArray:
        codes = _codes(values, self.levels)
        return np.append(self.points, self.rest)[codes]

    def _by_text(self, values: pd.Series) -> FloatArray:
        return np.asarray(_letters(values) @ self.points + self.rest, dtype=np.float64)


def find_column(values: pd.Series) -> Column:
    """Say what a column holds, from its cells alone."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return Column("date")
    if pd.api.types.is_numeric_dtype(values):
        return Column("number")
    text = as_text(values)
    filled = text.dropna()
    if filled.empty or _share_read(_parse_numbers(filled)) >= _READABLE:
        return Column("number")
    if _share_read(_parse_dates(filled)) >= _READABLE:
        return Column("date")
    counts = filled.value_counts()
    if filled.str.len().mean() >= _LONG_TEXT and counts.size > max(_MOST_LEVELS, filled.size // 4):
        return Column("text")
    common = [str(level) for level in sorted(counts.index, key=lambda level: (-counts[level], level))]
    common = [level for level in common if counts[level] >= min(_FEWEST_OF_LEVEL, filled.size // 4)]
    return Column("category" if counts.size <= _MOST_LEVELS else "many", common)


def fit_column(
    values: pd.Series, label: NDArray[np.int64], weight: FloatArray, *, seed: int
) -> tuple[Column, Numbers]:
    """Find out what a column holds and learn what it needs of the outcomes.

    Returns
    -------
    Column, Numbers
        For other rows, and of these rows: where outcomes are seen through a category or a text,
        each row is given what the others teach, not its own outcome.
    """
    column = find_column(values)
    if column.kind not in ("many", "text"):
        numbers = column.numbers(values)
        if np.isnan(numbers.tree).all():  # nothing is known in these rows, perhaps in others
            column = Column("nothing")
            numbers = column.numbers(values)
        return column, numbers
    folds = min(_CROSS_FOLDS, int(np.bincount(label, minlength=2).min()))
    crossed = np.zeros(label.size)
    if folds >= 2:
        for train, rest in StratifiedKFold(folds, shuffle=True, random_state=seed).split(label, label):
            part = _learn(column, values.iloc[train], label[train], weight[train])
            crossed[rest] = part.numbers(values.iloc[rest]).tree
    column = _learn(column, values, label, weight)
    if folds < 2 or not _teaches(crossed, label):
        column = Column("nothing")
        return column, column.numbers(values)
    return column, Numbers(crossed[:, None], crossed)


def as_text(values: pd.Series) -> pd.Series:
    """Return cells as trimmed text, NA where nothing is written."""
    text = values.astype("string").str.strip()
    return text.mask(text.str.casefold().isin(NOTHING))


def _learn(column: Column, values: pd.Series, label: NDArray[np.int64], weight: FloatArray) -> Column:
    if column.kind == "many":
        return _learn_levels(column, values, label, weight)
    letters = _letters(values)
    model = LogisticRegression(C=1.0, solver="liblinear").fit(letters, label, sample_weight=weight)
    return Column("text", points=model.coef_[0], rest=float(model.intercept_[0]))


def _learn_levels(column: Column, values: pd.Series, label: NDArray[np.int64], weight: FloatArray) -> Column:
    """Sum up each category by the log-odds of its outcomes, drawn towards the average."""
    codes = _codes(values, column.levels)
    share = float(np.average(label, weights=weight))
    rows = np.bincount(codes + 1, weights=weight, minlength=len(column.levels) + 1)
    positives = np.bincount(codes + 1, weights=weight * label, minlength=len(column.levels) + 1)
    points = logit((positives + _PRIOR_ROWS * share) / (rows + _PRIOR_ROWS))
    return Column("many", column.levels, points[1:], float(points[0]))


def _codes(values: pd.Series, levels: list[str]) -> NDArray[np.intp]:
    """Return each cell's place among the levels, -1 where it is none of them."""
    return np.asarray(
        pd.Index(levels, dtype=object).get_indexer(as_text(values).astype(object)), dtype=np.intp
    )


def _teaches(log_odds: FloatArray, label: NDArray[np.int64]) -> bool:
    """Say whether unseen rows of the outcome surely stand higher, by two standard errors."""
    spread = log_odds.std() * label.std()
    if spread == 0.0:
        return False
    return float(np.mean((log_odds - log_odds.mean()) * label) / spread * np.sqrt(label.size)) > 2.0


def _letters(values: pd.Series) -> csr_matrix:
    """Count sequences of two to four letters, which serve Chinese as well as English."""
    words = HashingVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), n_features=_TEXT_BUCKETS, alternate_sign=False, lowercase=True
    )
    return csr_matrix(words.transform(as_text(values).fillna("").tolist()))


def as_numbers(values: pd.Series) -> FloatArray:
    """Return cells as numbers, NaN where none is written; infinite ones stay."""
    if pd.api.types.is_numeric_dtype(values):
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
    return np.asarray(_parse_numbers(as_text(values)), dtype=np.float64)


def _finite_numbers(values: pd.Series) -> FloatArray:
    numbers = as_numbers(values)
    if np.isinf(numbers).any():
        raise ValueError(f"column {values.name!r} holds an infinite number")
    return numbers


def _parse_numbers(text: pd.Series) -> pd.Series:
    """Read numbers, also with thousands' marks, a currency's sign or a per cent sign."""
    plain = _as_floats(text)
    if plain.notna().sum() == text.notna().sum():
        return plain
    bare = text.str.replace(r"[\s$€£¥%]|(?<=\d)[,'’](?=\d{3}(?:\D|$))", "", regex=True)
    return plain.fillna(_as_floats(with_leading_minus(bare)))


def with_leading_minus(text: pd.Series) -> pd.Series:
    """Write (12.50) and 12.50-, as ledgers have them, like -12.50."""
    return text.str.replace(r"^\((\d[^()]*)\)$|^(\d.*)-$", r"-\1\2", regex=True)


def _as_floats(text: pd.Series) -> pd.Series:
    return pd.to_numeric(text.astype(object), errors="coerce").astype(np.float64)


def _read_dates(values: pd.Series) -> FloatArray:
    """Return days since 1970."""
    moments = values if pd.api.types.is_datetime64_any_dtype(values) else _parse_dates(as_text(values))
    if getattr(moments.dtype, "tz", None) is not None:
        moments = moments.dt.tz_convert(None)
    # Not nanoseconds: they don't reach 9999-12-31, which many write for "not yet".
    since = moments.astype("datetime64[us]").astype("int64").to_numpy() / _DAY_US
    return np.where(moments.isna(), np.nan, since)


def _parse_dates(text: pd.Series) -> pd.Series:
    dated = text.where(text.str.match(_DATE).fillna(value=False))
    return pd.to_datetime(dated, errors="coerce", format="mixed", utc=True).dt.tz_convert(None)


def _share_read(found: pd.Series) -> float:
    return float(found.notna().mean())
