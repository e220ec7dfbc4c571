"""What two accounts say about the same thing, and what the one that stays will say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from crm.models import Account, AttributeDefinition, AttributeValue, ChangeSet
from crm.services import merge_steps
from crm.services.attributes import record_attribute_history

Side = Literal["survivor", "other"]
Choices = Mapping[str, str]  # field -> "survivor" | "other"
ATTRIBUTE = "attr_"
FIELDS = (
    "name", "kind", "stage", "owner", "country", "industry", "currency", "customer_since", "website",
    "tax_id", "email", "phone",
)  # fmt: skip
# A person's accounts belong to the person's team.
TOGETHER = {"owner": ("owner_id", "team_id")}
EMPTY = (None, "")


@dataclass(frozen=True, slots=True)
class Taken:
    """What the survivor takes from the other: columns, and custom attributes by key."""

    columns: dict[str, Any]
    attributes: dict[str, Any]


def fields_of(*accounts: Account) -> list[str]:
    """Return the names of all that these accounts could say: their columns, their attributes."""
    keys = sorted({key for account in accounts for key in account.attributes})
    return [*FIELDS, *(f"{ATTRIBUTE}{key}" for key in keys)]


def value_of(account: Account, name: str) -> Any:
    if name.startswith(ATTRIBUTE):
        return account.attributes.get(name.removeprefix(ATTRIBUTE))
    return getattr(account, f"{name}_id" if name == "owner" else name)


def default_side(survivor: Account, other: Account, name: str) -> Side:
    """Return whose value is taken when nobody chose: what the survivor lacks comes from the other."""
    lacks = value_of(survivor, name) in EMPTY and value_of(other, name) not in EMPTY
    return "other" if lacks else "survivor"


def taken(survivor: Account, other: Account, choices: Choices) -> Taken:
    columns: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    for name in fields_of(survivor, other):
        if choices.get(name, default_side(survivor, other, name)) != "other":
            continue
        if name.startswith(ATTRIBUTE):
            attributes[name.removeprefix(ATTRIBUTE)] = value_of(other, name)
        else:
            columns |= {column: getattr(other, column) for column in TOGETHER.get(name, (name,))}
    return Taken(columns, attributes)


def settle_histories(change_set: ChangeSet, survivor: Account, other: Account, chosen: Taken) -> set[str]:
    """Take out the other's histories of attributes that the survivor keeps its own word on.

    What is left moves over like everything else. Return the keys of which that is so.
    """
    of_other = AttributeValue.objects.filter(account=other)
    own = AttributeValue.objects.filter(account=survivor).values("attribute_id")
    staying = AttributeDefinition.objects.exclude(key__in=chosen.attributes).values("pk")
    dropped = set(of_other.filter(attribute_id__in=own).values_list("pk", flat=True))
    dropped |= set(of_other.filter(attribute_id__in=staying).values_list("pk", flat=True))
    merge_steps.remove(change_set, AttributeValue, dropped)
    moving = of_other.filter(valid_to=None).values_list("attribute__key", flat=True)
    return set(moving)


def write_fields(change_set: ChangeSet, survivor: Account, chosen: Taken, *, moved: set[str]) -> None:
    """Write what the survivor takes; a new value of an attribute of its own holds from now on."""
    attributes = {**survivor.attributes, **chosen.attributes}
    columns = {
        **chosen.columns,
        "attributes": {key: value for key, value in attributes.items() if value is not None},
    }
    changed = {name: value for name, value in columns.items() if getattr(survivor, name) != value}
    if changed:
        Account.objects.filter(pk=survivor.pk).update(**changed)
    _write_history(change_set, survivor, {k: v for k, v in chosen.attributes.items() if k not in moved})


def _write_history(change_set: ChangeSet, survivor: Account, changes: dict[str, Any]) -> None:
    known = dict(AttributeDefinition.objects.filter(key__in=changes).values_list("key", "pk"))
    current = AttributeValue.objects.filter(account=survivor, attribute_id__in=known.values(), valid_to=None)
    ended = list(current.values_list("pk", flat=True))
    record_attribute_history(account=survivor, changes={key: changes[key] for key in known})
    merge_steps.remember_updated(change_set, AttributeValue, ended, {"valid_to": None})
    begun = list(current.values_list("pk", flat=True))
    merge_steps.remember_inserted(change_set, AttributeValue, begun)
