"""Making and editing accounts and their contacts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from crm.models import Account, Contact
from crm.services.attributes import changed_values, merged, record_attribute_history
from crm.services.feed import record_change
from crm.services.match_keys import KEYED
from crm.services.matching import store_keys


class EditConflictError(Exception):
    """Somebody else saved the record first. `current` is the record as it stands now."""

    def __init__(self, current: Account | Contact) -> None:
        super().__init__(f"{current!r} is at revision {current.revision}")
        self.current = current


@transaction.atomic
def create_account(*, details: Mapping[str, Any], attributes: Mapping[str, Any] | None = None) -> Account:
    """Make an account; it belongs to its owner's team unless the details say otherwise."""
    known = {key: value for key, value in (attributes or {}).items() if value is not None}
    account = Account(**{**_with_team(details), "attributes": known})
    account.save(force_insert=True)
    record_attribute_history(account=account, changes=known)
    store_keys([account.pk])
    record_change(kind="account.created", object_id=account.pk, account_id=account.pk)
    return account


@transaction.atomic
def edit_account(
    *,
    account: Account,
    revision: int,
    changes: Mapping[str, Any],
    attributes: Mapping[str, Any] | None = None,
) -> Account:
    """Store the changes if the account still is at `revision`; return it as it then stands.

    :raises EditConflictError: when somebody saved it in between; nothing is written.
    """
    custom = changed_values(account=account, values=attributes or {})
    columns = _with_team({key: value for key, value in changes.items() if getattr(account, key) != value})
    if custom:
        columns["attributes"] = merged(account=account, changes=custom)
    at_revision = Account.objects.filter(pk=account.pk, revision=revision)
    written = at_revision.update(**columns) if columns else int(at_revision.exists())
    if not written:
        raise EditConflictError(Account.objects.get(pk=account.pk))
    record_attribute_history(account=account, changes=custom)
    if not columns.keys().isdisjoint(KEYED):
        store_keys([account.pk])
    if columns:
        fields = sorted({*columns, *custom} - {"attributes"})
        record_change(
            kind="account.updated", object_id=account.pk, account_id=account.pk, data={"fields": fields}
        )
    return Account.objects.get(pk=account.pk)


@transaction.atomic
def save_contact(
    *, account: Account, details: Mapping[str, Any], contact: Contact | None = None, revision: int = 0
) -> Contact:
    """Add a contact, or edit one that still is at `revision`.

    :raises EditConflictError: when somebody saved it in between; nothing is written.
    """
    if contact is None:
        contact = Contact.objects.create(account=account, **details)
    elif not Contact.objects.filter(pk=contact.pk, revision=revision).update(**details):
        raise EditConflictError(Contact.objects.get(pk=contact.pk))
    else:
        contact.refresh_from_db()
    store_keys([account.pk])
    return contact


def _with_team(details: Mapping[str, Any]) -> dict[str, Any]:
    owner = details.get("owner")
    if owner is None or owner.team_id is None or details.get("team"):
        return dict(details)
    return {**details, "team": owner.team}
