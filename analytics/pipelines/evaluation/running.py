"""One evaluation of any kind, as the command and the page's job ask for it.

A kind is imported when it is asked for: each brings numeric libraries of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pandas as pd

from analytics.pipelines.evaluation.comparing import Compared
from analytics.pipelines.evaluation.progress import Progress, quiet
from analytics.pipelines.evaluation.reading import BadInput, Table
from analytics.pipelines.evaluation.report import plain

Options = Mapping[str, Any]
MOST_SEED = 1 << 32  # as scikit-learn takes them
OUTCOME = ("target", "positive", "exclude", "time", "folds", "seed", "cost_fp", "cost_fn")
CHURN = ("account", "date", "amount", "horizon_days", "seed")
VALUE = ("account", "date", "amount")
RECOMMEND = (
    "account", "product", "date", "test_days", "test_share", "new_only", "seed", "quantity", "price",
    "invoice", "cancel_prefix",
)  # fmt: skip


def run_evaluation(
    kind: str, table: Table, options: Options, *, progress: Progress = quiet
) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """Return what JSON can hold of the figures, and each scored row where there is one.

    Options that aren't there have the command's defaults.

    :raises BadInput: when columns or options don't fit the table.
    """
    if not 0 <= (options.get("seed") or 0) < MOST_SEED:
        raise BadInput("bad_seed", seed=options["seed"])
    progress(kind, 0, 1)
    result, predictions = _KINDS[kind](table.frame, options, progress)
    notes = [note._asdict() | {"sentence": note.sentence} for note in table.notes]
    result["warnings"] = [each["sentence"] for each in notes] + list(result.get("warnings", []))
    result["findings"] = notes + list(result.get("findings", []))
    return plain(result), predictions


def day_of(text: str | None) -> pd.Timestamp | None:
    """Read a day.

    :raises BadInput: when it is none.
    """
    try:
        return pd.Timestamp(date.fromisoformat(text.strip())) if text else None
    except ValueError as error:
        raise BadInput("bad_date", value=text) from error


def _chosen(options: Options, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: options[name] for name in names if options.get(name) is not None}


def _outcome(frame: pd.DataFrame, options: Options, progress: Progress) -> Compared:
    from analytics.pipelines.evaluation.outcome import evaluate_outcome  # noqa: PLC0415 (numeric libraries, read where they are used)

    return evaluate_outcome(frame, progress=progress, **_chosen(options, OUTCOME))


def _churn(frame: pd.DataFrame, options: Options, progress: Progress) -> Compared:
    from analytics.pipelines.evaluation.churn import evaluate_churn  # noqa: PLC0415 (numeric libraries, read where they are used)

    as_of = day_of(options.get("as_of"))
    return evaluate_churn(frame, as_of=as_of, progress=progress, **_chosen(options, CHURN))


def _value(frame: pd.DataFrame, options: Options, _progress: Progress) -> tuple[dict[str, Any], None]:
    from analytics.pipelines.evaluation.value import evaluate_value  # noqa: PLC0415 (numeric libraries, read where they are used)

    end = day_of(options["calibration_end"])
    return evaluate_value(frame, calibration_end=end, **_chosen(options, VALUE)), None


def _recommend(frame: pd.DataFrame, options: Options, _progress: Progress) -> tuple[dict[str, Any], None]:
    from analytics.pipelines.evaluation.recommend import evaluate_recommend  # noqa: PLC0415 (numeric libraries, read where they are used)

    return evaluate_recommend(frame, **_chosen(options, RECOMMEND)), None


_KINDS: dict[str, Callable[[pd.DataFrame, Options, Progress], tuple[dict[str, Any], pd.DataFrame | None]]] = {
    "outcome": _outcome,
    "churn": _churn,
    "value": _value,
    "recommend": _recommend,
}
