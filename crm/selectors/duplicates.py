"""Accounts that may be one, those that were made one, and what tells them apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import OuterRef, Subquery
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Now

from crm.models import Account, ChangedRows, ChangeSet, DuplicatePair, MergedAccount
from crm.models.access import Principal
from crm.selectors.account_criteria import matching
from crm.selectors.keyset import Column, Order, Page, keyset_page

LIKELIEST = Order("duplicates-likeliest", (Column("score", descending=True), Column("pk")))
NEWEST = Order("merges-newest", (Column("pk", descending=True),))
PER_PAGE = 25
CANDIDATES = 10
TAKEN_BACK = 20

_WEIGHT = """
    SELECT a.id,
           (SELECT count(*) FROM crm_order WHERE account_id = a.id),
           (SELECT max(placed_at) FROM crm_order WHERE account_id = a.id),
           (SELECT count(*) FROM crm_contact WHERE account_id = a.id),
           (SELECT count(*) FROM crm_ticket WHERE account_id = a.id)
    FROM crm_account AS a WHERE a.id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Weight:
    """How much hangs on an account."""

    orders: int = 0
    last_order_at: datetime | None = None
    people: int = 0
    tickets: int = 0


def list_pairs(
    principal: Principal, *, after: str | None = None, before: str | None = None
) -> Page[DuplicatePair]:
    """Return the proposed pairs of which this person sees both, the likeliest first."""
    pairs = DuplicatePair.objects.visible_to(principal).filter(state=DuplicatePair.State.PROPOSED)
    pairs = pairs.select_related("first", "second")
    return keyset_page(pairs, order=LIKELIEST, after=after, before=before, per_page=PER_PAGE)


def get_weights(*accounts: Account) -> dict[int, Weight]:
    with connection.cursor() as cursor:
        cursor.execute(_WEIGHT, [[account.pk for account in accounts]])
        return {pk: Weight(*numbers) for pk, *numbers in cursor}


def list_merges(
    principal: Principal, *, after: str | None = None, before: str | None = None
) -> Page[MergedAccount]:
    """Return the merges that can be taken back, into accounts that this person sees, the latest first."""
    visible = MergedAccount.objects.visible_to(principal).select_related("survivor", "change_set__owner")
    merges = visible.filter(change_set__undo_until__gt=Now()).annotate(
        name=_name_of_the_other(OuterRef("change_set"))
    )
    return keyset_page(merges, order=NEWEST, after=after, before=before, per_page=PER_PAGE)


def list_taken_back(principal: Principal) -> list[ChangeSet]:
    """Return the merges that were undone lately, with what was left alone."""
    undone = ChangeSet.objects.visible_to(principal).filter(
        kind=ChangeSet.Kind.MERGE, state=ChangeSet.State.UNDONE
    )
    named = undone.annotate(name=_name_of_the_other(OuterRef("pk"))).order_by("-undone_at", "-pk")
    return list(named[:TAKEN_BACK])


def find_partners_in_merging(principal: Principal, account: Account, *, q: str) -> list[Account]:
    """Return some accounts that this one could be merged with, by name or reference."""
    if not q.strip():
        return []
    criteria: dict[str, Any] = {"q": q}
    found = matching(Account.objects.visible_to(principal).filter(book=account.book_id), criteria)
    return list(found.exclude(pk=account.pk).order_by("name", "pk")[:CANDIDATES])


def _name_of_the_other(change_set: OuterRef) -> Subquery:
    step = ChangedRows.objects.filter(
        change_set=change_set, table_name=Account._meta.db_table, action=ChangedRows.Action.DELETED
    )
    return Subquery(step.values_list(KeyTextTransform("name", KeyTransform(0, "old_rows")))[:1])
