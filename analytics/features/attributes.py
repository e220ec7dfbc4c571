"""Attributes that an administrator has ticked as known before the outcome."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from ibis import _

from analytics.features.known import NUMBER_UNITS, Known, days

MOST_CODES = 10
NUMBERS = ("number", "boolean")


@dataclass(frozen=True)
class Attribute:
    """One ticked attribute and the columns that it becomes."""

    id: int
    key: str
    type: str
    has_history: bool = False
    codes: tuple[str, ...] = ()

    def columns(self) -> list[str]:
        if self.type in NUMBERS:
            history = ["_max", "_mean", "_change", "_previous"] if self.has_history else []
            return [f"attr_{self.key}{suffix}" for suffix in ["", *history]]
        if self.type == "date":
            return [f"attr_{self.key}_days"]
        return [f"attr_{self.key}={code}" for code in self.codes]


def ticked_attributes(known: Known, names: Sequence[str] | None) -> list[Attribute]:
    """Return the ticked attributes, with the columns that a model was trained on if it is named.

    Which attributes are ticked is a setting, of today. Which codes get a column is learnt from
    the whole book as of the moment, once, when a model is trained; later it goes by `names`.
    """
    ticked = known.tables["attribute"].filter(_.is_known_before).order_by("id").to_pyarrow().to_pylist()
    found = [Attribute(row["id"], row["key"], row["type"]) for row in ticked]
    if not found:
        return []
    if names is None:
        return _as_seen(known, found)
    named = [_as_named(attribute, names) for attribute in found]
    return [attribute for attribute in named if set(attribute.columns()) & set(names)]


def _as_named(attribute: Attribute, names: Sequence[str]) -> Attribute:
    start = f"attr_{attribute.key}="
    codes = tuple(name.removeprefix(start) for name in names if name.startswith(start))
    has_history = f"attr_{attribute.key}_mean" in names
    return Attribute(attribute.id, attribute.key, attribute.type, has_history, codes)


def _as_seen(known: Known, attributes: Iterable[Attribute]) -> list[Attribute]:
    values = Known(known.tables, known.book_id, known.moment).attribute_values()
    counts = values.group_by("attribute_id", "code").aggregate(times=_.count()).to_pyarrow().to_pylist()
    most = values.group_by("attribute_id", "account_id").aggregate(times=_.count())
    longest = most.group_by("attribute_id").aggregate(longest=_.times.max()).to_pyarrow().to_pylist()
    versions = {row["attribute_id"]: row["longest"] for row in longest}
    return [
        Attribute(a.id, a.key, a.type, versions[a.id] > 1, _frequent(counts, a.id))
        for a in attributes
        if a.id in versions
    ]


def _frequent(counts: list[dict[str, object]], attribute_id: int) -> tuple[str, ...]:
    mine = [row for row in counts if row["attribute_id"] == attribute_id and row["code"] is not None]
    mine.sort(key=lambda row: (-int(str(row["times"])), str(row["code"])))
    # Engines don't tell columns apart by letters' case: of “Berlin” and “berlin” the more frequent has one.
    spelt: dict[str, str] = {}
    for row in mine:
        spelt.setdefault(str(row["code"]).casefold(), str(row["code"]))
    return tuple(sorted(list(spelt.values())[:MOST_CODES]))


def attribute_features(known: Known, attributes: Sequence[Attribute]) -> ir.Table:
    """Return one row for every account that has a value of any attribute."""
    values = known.attribute_values()
    newest = ibis.window(
        group_by=[values.account_id, values.attribute_id],
        order_by=[values.valid_from_us.desc(), values.id.desc()],
    )
    history = values.mutate(position=ibis.row_number().over(newest))
    holds = _.valid_to_us.isnull() | (_.valid_to_us >= known.moment)
    history = history.mutate(is_current=(_.position == 0) & holds)
    columns: dict[str, ir.Value] = {}
    for number, attribute in enumerate(attributes):
        columns |= _aggregates(attribute, f"a{number}")
    counts = history.group_by("account_id").aggregate(**columns)
    features: dict[str, ir.Value] = {}
    for number, attribute in enumerate(attributes):
        features |= _columns(known, attribute, f"a{number}")
    return counts.select("account_id", **features)


def _aggregates(attribute: Attribute, name: str) -> dict[str, ir.Value]:
    mine = _.attribute_id == attribute.id
    current = mine & _.is_current
    if attribute.type == "date":
        return {f"{name}_now": _.moment_us.max(where=current)}
    if attribute.type not in NUMBERS:
        return {f"{name}_now": _.code.max(where=current)}
    now = {f"{name}_now": _.number.max(where=current)}
    if not attribute.has_history:
        return now
    return now | {
        f"{name}_units": _.number_units.max(where=current),
        f"{name}_max": _.number.max(where=mine),
        f"{name}_previous": _.number.max(where=mine & (_.position == 1)),
        f"{name}_sum": _.number_units.sum(where=mine),
        f"{name}_count": _.number_units.count(where=mine),
    }


def _columns(known: Known, attribute: Attribute, name: str) -> dict[str, ir.Value]:
    now = _[f"{name}_now"]
    start = f"attr_{attribute.key}"
    if attribute.type == "date":
        return {f"{start}_days": days(known.since(now))}
    if attribute.type not in NUMBERS:
        return {f"{start}={code}": (now == code).cast("int32").cast("float64") for code in attribute.codes}
    if not attribute.has_history:
        return {start: now}
    units, total, count = (_[f"{name}_{part}"].cast("float64") for part in ("units", "sum", "count"))
    earlier = (total - units) / (count - 1.0).nullif(0.0)
    return {
        start: now,
        f"{start}_max": _[f"{name}_max"],
        f"{start}_mean": total / count.nullif(0.0) / NUMBER_UNITS,
        f"{start}_change": (units - earlier) / NUMBER_UNITS,
        f"{start}_previous": _[f"{name}_previous"],
    }
