"""Who may do what. One table; views, menus and tests all read it."""

from typing import TYPE_CHECKING, Union

from django.contrib.auth.models import AnonymousUser

if TYPE_CHECKING:
    from crm.models.partners import ApiPrincipal
    from crm.models.people import User

Principal = Union["User", "ApiPrincipal", AnonymousUser]

VIEW_ALL_ACCOUNTS = "accounts.view_all"
EDIT_ACCOUNTS = "accounts.edit"
EXPORT_ACCOUNTS = "accounts.export"
WORK_TICKETS = "tickets.work"
VIEW_CAMPAIGNS = "campaigns.view"
VIEW_PARTNERS = "partners.view"
MANAGE_PARTNERS = "partners.manage"
VIEW_MODELS = "models.view"
PROMOTE_MODELS = "models.promote"
VIEW_DATA_QUALITY = "quality.view"
IMPORT_DATA = "data.import"
MANAGE_DATA = "data.manage"
MERGE_ACCOUNTS = "accounts.merge"
ERASE_ACCOUNTS = "accounts.erase"
MANAGE_ATTRIBUTES = "attributes.manage"
MANAGE_BOOKS = "books.manage"
VIEW_ALL_JOBS = "jobs.view_all"
VIEW_AUDIT = "audit.view"
MANAGE_ORGANISATION = "organisation.manage"
MANAGE_PEOPLE = "people.manage"

_STAFF = {VIEW_CAMPAIGNS}

CAPABILITIES: dict[str, frozenset[str]] = {
    "sales": frozenset(_STAFF | {EDIT_ACCOUNTS, EXPORT_ACCOUNTS, WORK_TICKETS, MERGE_ACCOUNTS}),
    "support": frozenset(_STAFF | {VIEW_ALL_ACCOUNTS, EDIT_ACCOUNTS, WORK_TICKETS, MERGE_ACCOUNTS}),
    "marketing": frozenset(_STAFF | {VIEW_ALL_ACCOUNTS, EXPORT_ACCOUNTS, VIEW_MODELS}),
    "analyst": frozenset(
        _STAFF
        | {VIEW_ALL_ACCOUNTS, EXPORT_ACCOUNTS, VIEW_MODELS, PROMOTE_MODELS, VIEW_DATA_QUALITY}
        | {VIEW_ALL_JOBS, VIEW_PARTNERS, IMPORT_DATA, MERGE_ACCOUNTS}
    ),
    "partner_manager": frozenset(
        _STAFF | {VIEW_ALL_ACCOUNTS, EDIT_ACCOUNTS, MERGE_ACCOUNTS} | {VIEW_PARTNERS, MANAGE_PARTNERS}
    ),
    "administrator": frozenset(
        _STAFF
        | {VIEW_ALL_ACCOUNTS, EDIT_ACCOUNTS, EXPORT_ACCOUNTS, WORK_TICKETS}
        | {VIEW_PARTNERS, MANAGE_PARTNERS, VIEW_MODELS, PROMOTE_MODELS}
        | {VIEW_DATA_QUALITY, VIEW_ALL_JOBS, VIEW_AUDIT}
        | {IMPORT_DATA, MANAGE_DATA, MERGE_ACCOUNTS, ERASE_ACCOUNTS}
        | {MANAGE_ORGANISATION}
        | {MANAGE_ATTRIBUTES, MANAGE_BOOKS}
        | {MANAGE_PEOPLE}
    ),
}


def can(principal: Principal, capability: str) -> bool:
    """Say whether this person may do that; nobody signed out may do anything."""
    if not getattr(principal, "is_authenticated", False):
        return False
    return capability in CAPABILITIES.get(getattr(principal, "role", ""), frozenset())


def sees_every_account(principal: Principal) -> bool:
    return can(principal, VIEW_ALL_ACCOUNTS)
