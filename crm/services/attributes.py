"""Custom attributes: the current values on the account, and since when each has held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import DateTimeField, Func

from crm.models import Account, AttributeDefinition, AttributeValue


class ClockTimestamp(Func):
    """The database's clock at this moment, not at the start of the transaction."""

    function = "clock_timestamp"
    template = "%(function)s()"
    output_field = DateTimeField()


class UnknownAttributeError(LookupError):
    """A value was given for an attribute that nobody defined."""


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
