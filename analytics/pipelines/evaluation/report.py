"""A result as JSON, which knows no NaN, and as rows of text for terminal and paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

NO_FIGURES = ("curves", "findings", "warnings", "baselines", "top_features", "ours")
WIDTH = 28
MOST_FEATURES = 15


def plain(value: Any) -> Any:
    """Return what JSON can hold: numbers of numpy as Python's, and nothing for what is no number.

    >>> plain({"a": np.float64("nan"), "b": (np.int64(1), np.inf)})
    {'a': None, 'b': [1, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | np.ndarray):
        return [plain(part) for part in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value if value is None else str(value)


def figure_rows(result: Mapping[str, Any]) -> list[list[str]]:
    """Return name and value of every figure that stands for itself."""
    return [[name, _shown(value)] for name, value in result.items() if name not in NO_FIGURES]


def method_rows(result: Mapping[str, Any]) -> list[list[str]]:
    """Return our figures and those of the other methods, the names of the figures first."""
    baselines = result.get("baselines") or {}
    if not baselines:
        return []
    names = list(next(iter(baselines.values())))
    ours = result.get("ours") or {name: result.get(name) for name in names}
    methods = {"ours": ours, **baselines}
    return [
        ["method", *names],
        *([method, *(_shown(figures.get(name)) for name in names)] for method, figures in methods.items()),
    ]


def feature_rows(result: Mapping[str, Any]) -> list[list[str]]:
    """Return column, mean share of the log-odds, and where the column drives them."""
    return [
        [each["column"], f"{each['points']:.4f}", _direction(each)]
        for each in result.get("top_features") or []
    ]


def as_lines(kind: str, result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the readable table: the figures, the methods side by side, the columns, the warnings."""
    yield f"{kind}, {result['rows']:,} rows" if "rows" in result else kind
    for name, value in figure_rows(result):
        yield f"  {name:<{WIDTH}}{value}"
    methods = method_rows(result)
    if methods:
        widths = [max(len(name), 7) + 3 for name in methods[0][1:]]
        yield ""
        for method, *cells in methods:
            yield f"  {method:<{WIDTH}}" + "".join(
                f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)
            )
    features = feature_rows(result)[:MOST_FEATURES]
    if features:
        yield ""
        yield "  columns by their mean share of the log-odds"
        yield from (f"  {name[:40]:<42}{points:>8}  {words}" for name, points, words in features)
    if result.get("warnings"):
        yield ""
        yield "Warnings"
        yield from (f"  {each}" for each in result["warnings"])


def _direction(feature: Mapping[str, Any]) -> str:
    if feature["direction"] == "levels":
        return f"highest {feature['highest']}, lowest {feature['lowest']}"
    return str(feature["direction"])


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "; ".join(_shown(part) for part in value)
    return str(value)
