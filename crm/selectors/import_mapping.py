"""Which column of a file goes to which field: guessed, offered and checked."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.text import slugify

from crm.models import AttributeDefinition
from crm.selectors.import_kinds import Field, Kind
from crm.selectors.import_synonyms import SYNONYMS

Mapping_ = dict[str, Any]
HORIZONS = range(1, 3_661)  # days
ATTRIBUTE_TYPES = {"number", "text", "date", "boolean"}
# What the sample of a column was found to be, as a type of attribute.
ATTRIBUTE_TYPE_OF = {"number": "number", "bool": "boolean", "date": "date", "moment": "date"}


def plain(header: str) -> str:
    """Return a heading without case, width, spaces and marks."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", header).casefold())


def words_of(kind: Kind, field: Field) -> list[str]:
    """Return what the field's column may be headed with, the likeliest first."""
    own = SYNONYMS.get(f"{kind.code}.{field.name}") or SYNONYMS.get(field.name, "")
    return list(dict.fromkeys([plain(field.name), plain(str(field.label)), *own.split()]))


def guess_mapping(kind: Kind, columns: Sequence[str]) -> Mapping_:
    """Give each column the field that it is most likely headed for; None where there is none."""
    ranked = sorted(
        (words_of(kind, field).index(plain(column)), place, field.name, column)
        for place, field in enumerate(kind.fields)
        for column in columns
        if plain(column) in words_of(kind, field)
    )
    guessed: Mapping_ = dict.fromkeys(columns)
    taken: set[str] = set()
    for _rank, _place, name, column in ranked:
        if guessed[column] is None and name not in taken:
            guessed[column] = {"field": name}
            taken.add(name)
    return guessed


def offered_attributes(
    columns: Sequence[str], types: Mapping[str, str], mapping: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """Return for each column without a place the custom attribute that it could be."""
    known = {
        key: (label, kind)
        for key, label, kind in AttributeDefinition.objects.values_list("key", "label", "type")
    }
    offered = {}
    for place, column in enumerate(columns):
        if mapping.get(column) is None:
            key = attribute_key(column, place)
            inferred = (column[:120], ATTRIBUTE_TYPE_OF.get(types.get(column, ""), "text"))
            label, kind = known.get(key, inferred)
            offered[column] = {"key": key, "label": label, "type": kind}
    return offered


def attribute_key(column: str, place: int) -> str:
    """Return a key out of the heading; a heading without Latin letters is called by its place."""
    return slugify(column).replace("-", "_")[:60] or f"column_{place + 1}"


def mapping_problems(kind: Kind, columns: Sequence[str], mapping: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what is wrong with a mapping, as codes with field or column; empty when it will do."""
    targets = {column: target for column, target in mapping.items() if target}
    fields = [target["field"] for target in targets.values() if "field" in target]
    return [
        *({"code": "column_unknown", "column": column} for column in targets if column not in set(columns)),
        *_field_problems(kind, fields),
        *_attribute_problems(kind, targets),
        *_outcome_problems(kind, set(columns), targets),
    ]


def _field_problems(kind: Kind, fields: Sequence[str]) -> list[dict[str, Any]]:
    known = {field.name for field in kind.fields}
    return [
        *({"code": "field_unknown", "field": name} for name in fields if name not in known),
        *({"code": "field_twice", "field": name} for name, times in Counter(fields).items() if times > 1),
        *({"code": "field_missing", "field": name} for name in kind.required if name not in fields),
        *(
            {"code": "one_of_missing", "fields": list(group)}
            for group in kind.any_of
            if not set(group) & set(fields)
        ),
    ]


def _attribute_problems(kind: Kind, targets: Mapping[str, Any]) -> list[dict[str, Any]]:
    wanted = {column: target["attribute"] for column, target in targets.items() if "attribute" in target}
    if wanted and not kind.takes_attributes:
        return [{"code": "no_attributes_here", "column": column} for column in wanted]
    stand = dict(AttributeDefinition.objects.values_list("key", "type"))
    twice = {key for key, times in Counter(one.get("key") for one in wanted.values()).items() if times > 1}
    problems = []
    for column, one in wanted.items():
        key = str(one.get("key", ""))
        if not re.fullmatch(r"[-\w]{1,60}", key, re.ASCII) or one.get("type") not in ATTRIBUTE_TYPES:
            problems.append({"code": "attribute_invalid", "column": column})
        elif key in twice:
            problems.append({"code": "attribute_twice", "column": column})
        elif stand.get(key, one["type"]) not in (one["type"], "choice"):
            problems.append({"code": "attribute_has_another_type", "column": column, "type": stand[key]})
    return problems


def _outcome_problems(kind: Kind, columns: set[str], targets: Mapping[str, Any]) -> list[dict[str, Any]]:
    problems = []
    for column, target in targets.items():
        outcome = target.get("outcome")
        if outcome is None:
            continue
        if not kind.takes_outcome:
            problems.append({"code": "no_outcome_here", "column": column})
        elif not outcome.get("kind") or outcome.get("date_column") not in columns:
            problems.append({"code": "outcome_needs_kind_and_date", "column": column})
        elif (outcome.get("horizon_days") or 1) not in HORIZONS:
            problems.append({"code": "outcome_needs_days", "column": column})
    return problems
