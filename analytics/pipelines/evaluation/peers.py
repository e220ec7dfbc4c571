"""The methods that ours is held against, as anybody would set them up, on the same rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

FloatArray = NDArray[np.float64]
MOST_LEVELS = 50  # of a column of categories; rarer ones share one
MOST_ROWS = 50_000  # that the slow ones learn from, to bound the time
BLOCK_ROWS = 50_000  # scored at once: one-hot, more of them might not fit into the memory
FEW_ROWS = 5_000
SLOW = ("logistic", "random_forest", "neural_network")


def as_plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a typed table as numbers and objects, which is what the peers read."""
    plain = {}
    for name in frame.columns:
        values = frame[name]
        if pd.api.types.is_datetime64_any_dtype(values):
            days = values.astype("datetime64[ns]").astype("int64") / 86_400_000_000_000
            plain[name] = days.where(values.notna(), np.nan).astype(np.float64)
        elif pd.api.types.is_numeric_dtype(values):
            plain[name] = values.astype(np.float64)
        else:
            plain[name] = values.fillna("missing").astype(str).astype(object)
    return pd.DataFrame(plain)


def peers(plain: pd.DataFrame, *, seed: int) -> dict[str, Callable[[], Any]]:
    """Return how to make each method for a table of these columns."""
    numbers = [name for name in plain.columns if pd.api.types.is_numeric_dtype(plain[name])]
    numbers = [name for name in numbers if plain[name].notna().any()]
    categories = [name for name in plain.columns if not pd.api.types.is_numeric_dtype(plain[name])]
    as_numbers = partial(_as_numbers, numbers, categories)
    return {
        "majority": lambda: DummyClassifier(strategy="prior"),
        "logistic": lambda: make_pipeline(as_numbers(), LogisticRegression(max_iter=1000)),
        "hgb_default": lambda: _boosting(numbers, categories, seed),
        "random_forest": lambda: make_pipeline(
            as_numbers(),
            RandomForestClassifier(300, min_samples_leaf=3, n_jobs=2, random_state=seed),
        ),
        "neural_network": lambda: make_pipeline(
            as_numbers(),
            # A tenth of few rows says too little to stop by.
            MLPClassifier(
                (10, 10), alpha=0.1, early_stopping=len(plain) >= FEW_ROWS, max_iter=300, random_state=seed
            ),
        ),
    }


def _as_numbers(numbers: list[str], categories: list[str]) -> ColumnTransformer:
    amount = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    level = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MOST_LEVELS, sparse_output=False
    )
    return ColumnTransformer([("amount", amount, numbers), ("level", level, categories)])


def _boosting(numbers: list[str], categories: list[str], seed: int) -> Pipeline:
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=200, dtype=np.float64
    )
    known = FunctionTransformer(_with_something_known)
    columns = ColumnTransformer([("amount", known, numbers), ("level", codes, categories)])
    is_category = [False] * len(numbers) + [True] * len(categories)
    return make_pipeline(
        columns, HistGradientBoostingClassifier(categorical_features=is_category, random_state=seed)
    )


def _with_something_known(amounts: pd.DataFrame) -> FloatArray:
    """Return zeros for a column in which these rows know nothing: boosting can't bin it."""
    found = np.array(amounts, dtype=np.float64)
    found[:, np.isnan(found).all(axis=0)] = 0.0
    return found


def fit_peer(
    name: str,
    model: Any,
    *,
    plain: pd.DataFrame,
    label: NDArray[np.int64],
    train: NDArray[np.intp],
    seed: int,
) -> Any:
    """Fit one method on these rows, the slow ones on at most 50,000 of them."""
    if name in SLOW and train.size > MOST_ROWS:
        train = np.sort(np.random.default_rng(seed).choice(train, MOST_ROWS, replace=False))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # early stopping and the cap are meant
        warnings.simplefilter("ignore", UserWarning)  # levels of a fold that the other folds lack
        return model.fit(plain.iloc[train], label[train])


def probability_of(model: Any, plain: pd.DataFrame) -> FloatArray:
    blocks = [plain.iloc[at : at + BLOCK_ROWS] for at in range(0, len(plain), BLOCK_ROWS)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = np.concatenate([np.asarray(model.predict_proba(block)[:, 1]) for block in blocks])
    return np.clip(found.astype(np.float64), 0.0, 1.0)
