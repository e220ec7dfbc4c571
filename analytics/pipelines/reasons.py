"""From contributions of columns to reasons that people read: codes and values, never sentences."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.features import group_of, reason_values
from crm.models import AttributeDefinition

Values = Callable[[Mapping[str, float], str], dict[str, Any]]
MOST_REASONS = 8  # the rest is summed as "other", so that base and points still add to the score


def groups_of(names: Iterable[str]) -> dict[str, str]:
    """Return the group of each column; a ticked attribute may be called like another's column."""
    keys = frozenset(AttributeDefinition.objects.filter(is_known_before=True).values_list("key", flat=True))
    return {name: group_of(name, keys=keys) for name in names}


def group_contributions(
    contributions: NDArray[np.float64], names: list[str], groups: Mapping[str, str]
) -> tuple[list[str], NDArray[np.float64]]:
    """Sum columns that say the same thing, shape (n, columns) to (n, groups). Unit: log-odds."""
    codes = sorted({groups[name] for name in names})
    points = np.zeros((len(contributions), len(codes)))
    for column, name in enumerate(names):  # not by `@`, whose last bit depends on how many rows there are
        points[:, codes.index(groups[name])] += contributions[:, column]
    return codes, points


def build_reasons(
    points: Sequence[float], codes: list[str], row: Mapping[str, float], values: Values
) -> list[dict[str, Any]]:
    """Return one account's reasons, strongest first; their points add to the log-odds less base."""
    spoke = [i for i, point in enumerate(points) if point != 0.0]
    spoke.sort(key=lambda i: -abs(points[i]))
    reasons = [
        {"code": codes[i], "points": points[i], "values": values(row, codes[i])} for i in spoke[:MOST_REASONS]
    ]
    if len(spoke) > MOST_REASONS:
        rest = float(np.array([points[i] for i in spoke[MOST_REASONS:]]).sum())
        reasons.append({"code": "other", "points": rest, "values": {}})
    return reasons


def values_with_names() -> Values:
    """Return `reason_values` that names attributes and their choices as administrators did."""
    definitions = {attribute.key: attribute for attribute in AttributeDefinition.objects.all()}

    def values(row: Mapping[str, float], code: str) -> dict[str, Any]:
        found: dict[str, Any] = dict(reason_values(row, code))
        definition = definitions.get(code.removeprefix("attribute:"))
        if definition is not None and code.startswith("attribute:"):
            found["label"] = definition.label
            if "value" in found:
                found["value"] = definition.choices.get(str(found["value"]), found["value"])
        return found

    return values
