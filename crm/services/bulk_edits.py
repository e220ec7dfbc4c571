"""Changing many accounts at once, in change sets that can be taken back for 30 days."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Literal

from crm.models import Account, ChangeSet, Job, User
from crm.services.change_sets import open_change_set, record_updated
from crm.services.feed import record_changes


@transaction.atomic
def assign_accounts(*, account_ids: Iterable[int], owner: User, by: User) -> tuple[ChangeSet | None, int]:
    """Give the accounts to this person and their team; return the change set and how many changed hands.

    Those that belong to them already are left alone; without any other there is no change set.
    """
    wanted = _belonging_to_others(account_ids, owner)
    if not wanted:
        return None, 0
    change_set = open_change_set(kind=ChangeSet.Kind.BULK_EDIT, owner=by, data=assigned_to(owner))
    return change_set, assign_in(change_set=change_set, account_ids=wanted, owner=owner)


@transaction.atomic
def assign_in(*, change_set: ChangeSet, account_ids: Iterable[int], owner: User) -> int:
    """Give a batch of accounts to this person as a step of a change set. Twice, the second finds nothing."""
    wanted = _belonging_to_others(account_ids, owner)
    if not wanted:
        return 0
    values: dict[str, Composable] = {"owner_id": Literal(owner.pk)}
    if owner.team_id is not None:
        values["team_id"] = Literal(owner.team_id)
    source = SQL("unnest({}::bigint[]) AS wanted (id) WHERE t.id = wanted.id").format(Literal(wanted))
    with connection.cursor() as cursor:
        changed = record_updated(
            cursor,
            change_set_id=change_set.pk,
            table=Account._meta.db_table,
            assignments=values,
            source=source,
            is_record=True,
        )
    record_changes(kind="account.updated", pairs=[(pk, pk) for pk in wanted])
    return changed


@transaction.atomic
def change_set_of_job(*, job_id: int, owner: User, by: User) -> ChangeSet:
    """Return the change set of a job's edit, made by its first attempt."""
    Job.objects.select_for_update(of=("self",)).get(pk=job_id)
    data = {**assigned_to(owner), "job": job_id}
    known = ChangeSet.objects.filter(kind=ChangeSet.Kind.BULK_EDIT, data__job=job_id).first()
    return known or open_change_set(kind=ChangeSet.Kind.BULK_EDIT, owner=by, data=data)


def assigned_to(owner: User) -> dict[str, object]:
    return {"edit": "assign", "to": owner.pk}


def _belonging_to_others(account_ids: Iterable[int], owner: User) -> list[int]:
    """Return those of the accounts that will change hands, locked."""
    accounts = Account.objects.filter(pk__in=list(account_ids)).exclude(owner=owner)
    return list(accounts.select_for_update().order_by("pk").values_list("pk", flat=True))
