"""Custom attributes: what they are, the current values on the account, and since when each has held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction
from django.db.models import DateTimeField, Func

from crm.models import Account, AttributeDefinition, AttributeValue


class ClockTimestamp(Func):
    """The database's clock at this moment, not at the start of the transaction."""

    function = "clock_timestamp"
    template = "%(function)s()"
    output_field = DateTimeField()


class UnknownAttributeError(LookupError):
    """A value was given for an attribute that nobody defined."""


class AttributeExistsError(Exception):
    """There is an attribute of this key already."""


class AttributeChangedError(Exception):
    """Somebody else saved the attribute first; nothing was written."""


class AttributeUsedError(Exception):
    """Accounts have, or had, a value of it: without its definition that would mean nothing."""


class ChoiceUsedError(Exception):
    """Accounts have a choice that would go; the first argument is its code."""


class ColumnClashError(Exception):
    """Models would call columns of two attributes the same; the first argument is the other's label."""


# What a model's columns of one attribute end with, after its key.
COLUMN_SUFFIXES = ("", "_max", "_mean", "_change", "_previous", "_days")
CHANGEABLE = frozenset({"label", "choices", "is_known_before", "is_sensitive"})


@transaction.atomic
def create_definition(*, details: Mapping[str, Any]) -> AttributeDefinition:
    """Define an attribute.

    :raises AttributeExistsError: when the key is taken, be it in other letters.
    :raises ColumnClashError: when it is ticked and its columns are those of another one.
    """
    _take_turns()
    if AttributeDefinition.objects.filter(key__iexact=details["key"]).exists():
        raise AttributeExistsError(details["key"])
    definition = AttributeDefinition(**details)
    _refuse_clash(definition)
    definition.save(force_insert=True)
    return definition


@transaction.atomic
def edit_definition(
    *, definition: AttributeDefinition, revision: int, changes: Mapping[str, Any]
) -> AttributeDefinition:
    """Store label, choices and marks if the definition still is at `revision`; key and type stay.

    :raises AttributeChangedError: when somebody saved it in between.
    :raises ChoiceUsedError: when a choice would go that accounts have.
    :raises ColumnClashError: when it is ticked and its columns are those of another one.
    """
    _take_turns()
    stands = AttributeDefinition.objects.select_for_update().filter(pk=definition.pk, revision=revision)
    found = stands.first()
    if found is None:
        raise AttributeChangedError
    gone = set(found.choices) - set(changes.get("choices", found.choices))
    for code in sorted(gone):
        if _is_chosen(found.key, code):
            raise ChoiceUsedError(code)
    for name in CHANGEABLE & set(changes):
        setattr(found, name, changes[name])
    _refuse_clash(found)
    found.save(update_fields=sorted(CHANGEABLE))
    found.refresh_from_db()
    return found


@transaction.atomic
def delete_definition(*, definition: AttributeDefinition) -> None:
    """Delete an attribute that no account has or had a value of.

    :raises AttributeUsedError: if one did. Models of then learnt from it, and features as of then need it.
    """
    # Whoever is writing a value holds the definition; we wait for them, and they find it gone after us.
    if not AttributeDefinition.objects.select_for_update().filter(pk=definition.pk).exists():
        return
    if AttributeValue.objects.filter(attribute=definition).exists():
        raise AttributeUsedError
    # Values written by hand have no history. Nobody deletes attributes often, so accounts may be read for it.
    if Account.objects.filter(attributes__has_key=definition.key).exists():
        raise AttributeUsedError
    AttributeDefinition.objects.filter(pk=definition.pk).delete()


def _take_turns() -> None:
    """Keep two who tick attributes at once from making a clash that neither of them sees."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('attribute definitions', 0))")


def _is_chosen(key: str, code: str) -> bool:
    """Say whether an account has the choice; files may have brought its code as a number."""
    codes: list[str | int] = [code, int(code)] if code.isdecimal() else [code]
    return any(Account.objects.filter(attributes__contains={key: one}).exists() for one in codes)


def _refuse_clash(definition: AttributeDefinition) -> None:
    """Refuse a tick that would give a model two columns of one name; engines don't tell letters' case."""
    if not definition.is_known_before:
        return
    mine = _column_names(definition.key)
    ticked = AttributeDefinition.objects.filter(is_known_before=True).exclude(pk=definition.pk)
    for key, label in ticked.values_list("key", "label"):
        if mine & _column_names(key):
            raise ColumnClashError(label)


def _column_names(key: str) -> set[str]:
    return {key.casefold() + suffix for suffix in COLUMN_SUFFIXES}


def changed_values(*, account: Account, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of `values` that differ from what the account has; None takes a value away."""
    return {key: value for key, value in values.items() if account.attributes.get(key) != value}


def merged(*, account: Account, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the account's attributes as they will read after these changes."""
    result = {**account.attributes, **changes}
    return {key: value for key, value in result.items() if value is not None}


def record_attribute_history(*, account: Account, changes: Mapping[str, Any]) -> None:
    """End what held until now and begin what holds from now on.

    The caller stores `merged()` on the account in the same transaction.

    :raises UnknownAttributeError: for a key without a definition.
    """
    if not changes:
        return
    ids = dict(AttributeDefinition.objects.filter(key__in=changes).values_list("key", "pk"))
    if unknown := set(changes) - set(ids):
        raise UnknownAttributeError(", ".join(sorted(unknown)))
    current = AttributeValue.objects.filter(account=account, valid_to=None)
    current.filter(attribute_id__in=ids.values()).update(valid_to=ClockTimestamp())
    AttributeValue.objects.bulk_create(
        AttributeValue(account=account, attribute_id=ids[key], value=value, valid_from=ClockTimestamp())
        for key, value in changes.items()
        if value is not None
    )
