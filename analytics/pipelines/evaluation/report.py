"""A result as JSON, which knows no NaN, and as lines that are read in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

NOT_IN_LINES = ("curves", "findings", "warnings", "baselines", "top_features", "ours")
WIDTH = 22


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


def as_lines(kind: str, result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the readable table: the figures, the methods side by side, the columns, the warnings."""
    yield f"{kind}, {result['rows']:,} rows" if "rows" in result else kind
    for name, value in result.items():
        if name not in NOT_IN_LINES:
            yield f"  {name:<{WIDTH}}{_shown(value)}"
    yield from _methods(result)
    yield from _features(result.get("top_features") or [])
    warnings = result.get("warnings") or []
    if warnings:
        yield ""
        yield "Warnings"
        yield from (f"  {each}" for each in warnings)


def _methods(result: Mapping[str, Any]) -> Iterator[str]:
    baselines = result.get("baselines") or {}
    if not baselines:
        return
    names = list(next(iter(baselines.values())))
    ours = result.get("ours") or {name: result.get(name) for name in names}
    yield ""
    yield f"  {'method':<{WIDTH}}" + "".join(f"{name:>{max(len(name), 7) + 3}}" for name in names)
    for method, figures in {"ours": ours, **baselines}.items():
        cells = (f"{_shown(figures.get(name)):>{max(len(name), 7) + 3}}" for name in names)
        yield f"  {method:<{WIDTH}}" + "".join(cells)


def _features(features: list[Mapping[str, Any]]) -> Iterator[str]:
    if not features:
        return
    yield ""
    yield "  columns by their mean share of the log-odds"
    for each in features[:15]:
        words = each["direction"]
        if words == "levels":
            words = f"highest {each['highest']}, lowest {each['lowest']}"
        yield f"  {each['column'][:40]:<42}{each['points']:8.4f}  {words}"


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(_shown(part) for part in value)
    return str(value)
