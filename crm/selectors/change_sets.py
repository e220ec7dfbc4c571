"""What the pages of bulk changes show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Now

from crm.models import Account, ChangedRows, ChangeSet, User
from crm.models.access import Principal
from crm.selectors.words import record_words

SHOWN = 100


class _Cardinality(Func):
    function = "cardinality"
    output_field = IntegerField()


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that an undo left alone, with the account that it is or belongs to, where one may see it."""

    code: str
    kind: str  # what people call such a record
    account: Account | None


def list_bulk_edits(principal: Principal) -> list[ChangeSet]:
    """Return the latest bulk edits that somebody may see, with how many rows each changed."""
    return list(_bulk_edits(principal).order_by("-made_at", "-pk")[:SHOWN])


def get_bulk_edits(principal: Principal) -> QuerySet[ChangeSet]:
    return _bulk_edits(principal)


def count_changed(change_set: ChangeSet) -> int:
    return change_set.steps.aggregate(n=Sum(_Cardinality(F("row_ids"))))["n"] or 0


def list_refused(principal: Principal, change_set: ChangeSet) -> list[Refused]:
    """Return what an undo left alone because somebody had changed it since."""
    kept = change_set.data.get("refused", [])[:SHOWN]
    owners = _accounts_of(kept)
    seen = Account.objects.visible_to(principal).in_bulk(set(owners.values()))
    return [
        Refused(row["code"], _kind(row["table"]), seen.get(owners.get((row["table"], row["id"]), 0)))
        for row in kept
    ]


def _accounts_of(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], int]:
    """Return to which account each row belongs: ids are those of the table that the row stands in."""
    found: dict[tuple[str, int], int] = {}
    for model in apps.get_app_config("crm").get_models():
        table = model._meta.db_table
        ids = [row["id"] for row in rows if row["table"] == table]
        if model is Account:
            found |= {(table, pk): pk for pk in ids}
        elif ids and any(field.attname == "account_id" for field in model._meta.concrete_fields):
            pairs = model._base_manager.filter(pk__in=ids).values_list("pk", "account_id")
            found |= {(table, pk): account_id for pk, account_id in pairs if account_id}
    return found


def _kind(table: str) -> str:
    return record_words(table.partition("_")[2])


def people_assigned_to(change_sets: list[ChangeSet]) -> dict[int, User]:
    return User.objects.in_bulk([change_set.data.get("to", 0) for change_set in change_sets])


def _bulk_edits(principal: Principal) -> QuerySet[ChangeSet]:
    steps = ChangedRows.objects.filter(change_set=OuterRef("pk")).order_by().values("change_set")
    changed = Subquery(steps.values(n=Sum(_Cardinality(F("row_ids")))))
    visible = ChangeSet.objects.visible_to(principal).filter(kind=ChangeSet.Kind.BULK_EDIT)
    return visible.select_related("owner", "job").annotate(
        changed=Coalesce(changed, 0), is_in_time=Q(undo_until__gt=Now())
    )
