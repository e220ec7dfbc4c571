"""Two accounts that are one customer become one account, and can become two again.

All that hangs on the other account moves to the survivor, whichever app's table it stands in. Where
a table allows one row only (one enrolment in a campaign, one outcome per cut-off, one open link of a
partner), the survivor's stands and the other's goes into the change set. Numbers computed about the
other alone go there too: the survivor is scored anew. What was predicted stays filed under the
account that it was predicted for. docs/decisions/merging.md says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models import Exists, Model, OuterRef, Q
from django.db.models.functions import Now

from crm.models import (
    Account,
    Basket,
    ChangedRows,
    ChangeSet,
    DeletedKey,
    DuplicatePair,
    ExternalId,
    IdempotencyKey,
    MatchKey,
    MergedAccount,
    Recommendation,
    Score,
    User,
    Value,
)
from crm.models.fields import CurrentXid
from crm.services import merge_steps
from crm.services.feed import record_change
from crm.services.matching import compare, score_of, store_keys
from crm.services.merge_fields import Choices, settle_histories, taken, write_fields
from crm.services.owned import Owned

KEPT_FOR = timedelta(days=365)  # so long a merge can be taken back
COMPUTED: tuple[type[Model], ...] = (Score, Value, Recommendation, Basket)
# Decided pair by pair below, made anew from the account, or kept whole beside the change set.
NOT_MOVED: tuple[type[Model], ...] = (*COMPUTED, MatchKey, DuplicatePair)


class MergeRefusedError(Exception):
    """These two can't be merged. `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class UnmergeRefusedError(MergeRefusedError):
    """The merge can't be taken back as things stand. `code` says why."""


def account_columns() -> Iterator[tuple[type[Model], str]]:
    """Yield every column that leads to an account: of every app, through the registry of models.

    The audit's tables have no key in the database: what was done to an account stays its history.
    """
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            leads_there = isinstance(field, models.ForeignKey) and field.related_model is Account
            if leads_there and merge_steps.is_enforced(field):
                yield model, str(field.column)
    yield IdempotencyKey, "account_id"  # outlives the account, but should lead to the survivor


@transaction.atomic
def merge(*, survivor: Account, other: Account, choices: Choices, by: User | None) -> ChangeSet:
    """Make one account of two and return the change set that takes it back.

    :param choices: field -> "survivor" or "other"; a field that isn't named fills the survivor's gaps.
    :raises MergeRefusedError: for an account with itself, with one of another book, or with one gone.
    """
    survivor, other = _locked(survivor, other)
    change_set = ChangeSet.objects.create(
        kind=ChangeSet.Kind.MERGE, owner=by, undo_until=Now() + KEPT_FOR,
        data={"survivor_id": survivor.pk, "account_id": other.pk},
    )  # fmt: skip
    chosen = taken(survivor, other, choices)
    _remove_computed(change_set, other)
    _hand_on_decisions(change_set, survivor, other)
    moved = settle_histories(change_set, survivor, other, chosen)
    counts = _move_rows(change_set, survivor, other)
    merge_steps.remember_row(change_set, Account, survivor.pk)
    write_fields(change_set, survivor, chosen, moved=moved)
    merge_steps.remember_edit(change_set, Account, survivor.pk)
    MatchKey.objects.filter(account=other).delete()
    merge_steps.remove(change_set, Account, [other.pk])
    MergedAccount.objects.create(public_id=other.public_id, survivor=survivor, change_set=change_set)
    _mark_earlier(survivor.pk)
    change_set.data["counts"] = counts
    change_set.save(update_fields=["data"])
    store_keys([survivor.pk])
    record_change(kind="account.deleted", object_id=other.pk, account_id=other.pk)
    _tell("account.merged", survivor.pk, other.pk, change_set)
    return change_set


@transaction.atomic
def unmerge(*, change_set: ChangeSet, by: User | None) -> ChangeSet:
    """Make two accounts of one again; return the change set, whose data lists what was left alone.

    Every column comes back except `revision`, `updated_at` and the stamps that say when the database
    learnt of a row. What was edited since the merge stays with the survivor, and so does what is new.

    :raises UnmergeRefusedError: when it was taken back before, is too old, or the survivor was itself
        merged into another account, which has to be taken back first.
    """
    merged = _standing(change_set)
    survivor_id, account_id = merged.survivor_id, change_set.data["account_id"]
    merged.delete()
    kept: list[dict[str, Any]] = []
    for step in change_set.steps.select_related("change_set").order_by("-pk"):
        kept += merge_steps.take_back(step)
    change_set.state, change_set.undone_at = ChangeSet.State.UNDONE, Now()
    change_set.data |= {"kept": kept, "undone_by": by.pk if by else None}
    change_set.save(update_fields=["state", "undone_at", "data"])
    change_set.refresh_from_db()
    _mark_earlier(account_id)
    store_keys([survivor_id, account_id])
    record_change(kind="account.updated", object_id=account_id, account_id=account_id)
    _tell("account.unmerged", survivor_id, account_id, change_set)
    return change_set


@transaction.atomic
def keep_apart(*, pair: DuplicatePair, by: User | None) -> None:
    """Say that these are two, for good: they are not proposed again."""
    DuplicatePair.objects.filter(pk=pair.pk).update(
        state=DuplicatePair.State.KEPT_APART, decided_at=Now(), decided_by=by
    )


def propose(*, one: Account, two: Account) -> DuplicatePair:
    """Return the pair of these two, whom somebody takes for one; made if there is none yet.

    :raises MergeRefusedError: when they could not be merged.
    """
    if refused := _refusal(one, two):
        raise MergeRefusedError(refused)
    first, second = sorted((one, two), key=lambda account: account.pk)
    store_keys([first.pk, second.pk])
    hits = compare(first, second)
    pair, _made = DuplicatePair.objects.get_or_create(
        first=first, second=second, defaults={"hits": hits, "score": score_of(hits)}
    )
    return pair


def merged_into(account_id: int) -> list[int]:
    """Return the accounts that went into this one, and those that had gone into them."""
    sets = ChangeSet.objects.filter(kind=ChangeSet.Kind.MERGE).exclude(state=ChangeSet.State.UNDONE)
    found = list(sets.filter(data__survivor_id=account_id).values_list("data__account_id", flat=True))
    return [*found, *(pk for away in found for pk in merged_into(away))]


def forget_merges(account_ids: Sequence[int]) -> None:
    """Erase what change sets keep of these accounts; their merges can't be taken back any more."""
    merges = ChangeSet.objects.filter(kind=ChangeSet.Kind.MERGE)
    merges.filter(Q(data__survivor_id__in=account_ids) | Q(data__account_id__in=account_ids)).delete()


def seal_merges(account_ids: Sequence[int]) -> None:
    """Empty what change sets keep of these accounts: merges stand, and can't be taken back any more."""
    merges = ChangeSet.objects.filter(kind=ChangeSet.Kind.MERGE)
    of_these = Q(data__survivor_id__in=account_ids) | Q(data__account_id__in=account_ids)
    ids = list(merges.filter(of_these).values_list("pk", flat=True))
    ChangedRows.objects.filter(change_set__in=ids).delete()
    ChangeSet.objects.filter(pk__in=ids).update(undo_until=Now())


def _refusal(one: Account, two: Account) -> str:
    if one.pk == two.pk:
        return "same_account"
    return "different_books" if one.book_id != two.book_id else ""


def _locked(survivor: Account, other: Account) -> tuple[Account, Account]:
    """Return both as they stand now. Nothing new can hang on them until the merge is through."""
    rows = Account.objects.select_for_update().filter(pk__in=[survivor.pk, other.pk]).order_by("pk")
    found = {account.pk: account for account in rows}
    if refused := _refusal(survivor, other) or ("" if len(found) == 2 else "gone"):
        raise MergeRefusedError(refused)
    return found[survivor.pk], found[other.pk]


def _standing(change_set: ChangeSet) -> MergedAccount:
    """Return the merge, locked with its survivor, or say why it can't be taken back."""
    standing = MergedAccount.objects.select_for_update().filter(change_set=change_set)
    merged = standing.first()
    if merged is None:
        raise UnmergeRefusedError("taken_back")
    if standing.filter(change_set__undo_until__lt=Now()).exists():
        raise UnmergeRefusedError("too_late")
    if merged.survivor_id != change_set.data["survivor_id"]:
        raise UnmergeRefusedError("merged_again")
    Account.objects.select_for_update().get(pk=merged.survivor_id)
    return merged


def _remove_computed(change_set: ChangeSet, other: Account) -> None:
    for model in COMPUTED:
        rows = model._base_manager.filter(account_id=other.pk)
        merge_steps.remove(change_set, model, list(rows.values_list("pk", flat=True)))


def _hand_on_decisions(change_set: ChangeSet, survivor: Account, other: Account) -> None:
    """Who was kept apart from the other is kept apart from the survivor; proposals are made anew."""
    pairs = DuplicatePair.objects.filter(Q(first=other) | Q(second=other))
    made = []
    for pair in pairs.filter(state=DuplicatePair.State.KEPT_APART):
        third = pair.second_id if pair.first_id == other.pk else pair.first_id
        if third == survivor.pk:
            continue
        first_id, second_id = sorted((third, survivor.pk))
        details = {"score": pair.score, "hits": pair.hits, "state": pair.state,
                   "decided_at": pair.decided_at, "decided_by": pair.decided_by}  # fmt: skip
        inherited, is_new = DuplicatePair.objects.get_or_create(
            first_id=first_id, second_id=second_id, defaults=details
        )
        made += [inherited.pk] if is_new else []
    merge_steps.remember_inserted(change_set, DuplicatePair, made)
    merge_steps.remove(change_set, DuplicatePair, list(pairs.values_list("pk", flat=True)))


def _move_rows(change_set: ChangeSet, survivor: Account, other: Account) -> dict[str, dict[str, int]]:
    """Move everything; return by table how many rows moved and how many gave way."""
    counts: dict[str, dict[str, int]] = {}
    for model, column in account_columns():
        if model in NOT_MOVED:
            continue
        dropped = Owned()
        dropped.gather(model, _in_the_way(model, column, survivor, other))
        for table, ids in reversed(dropped.ids.items()):  # they come back in the opposite order
            merge_steps.remove(change_set, table, ids)
        moved = merge_steps.move(change_set, model, column, old=other.pk, new=survivor.pk)
        if moved or dropped.ids:
            gone = sum(len(ids) for ids in dropped.ids.values())
            counts[merge_steps.table_of(model)] = {"moved": moved, "gave_way": gone}
    of_accounts = "kind = 'account'"
    merge_steps.move(change_set, ExternalId, "row_id", old=other.pk, new=survivor.pk, only=of_accounts)
    return counts


def _in_the_way(model: type[Model], column: str, survivor: Account, other: Account) -> set[int]:
    """Return the other's rows beside which the table already has one of the survivor."""
    found: set[int] = set()
    for fields, condition in _unique_with(model, column):
        rows = model._base_manager.filter(condition)
        twins = rows.filter(**{column: survivor.pk}, **{name: OuterRef(name) for name in fields})
        beside = rows.filter(Exists(twins), **{column: other.pk})
        found |= set(beside.values_list("pk", flat=True))
    return found


def _unique_with(model: type[Model], column: str) -> Iterator[tuple[Sequence[str], Q]]:
    """Yield what must differ between rows of one account, and for which rows that is so."""
    name = next(field.name for field in model._meta.concrete_fields if field.column == column)
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and name in constraint.fields:
            yield [other for other in constraint.fields if other != name], constraint.condition or Q()


def _mark_earlier(survivor_id: int) -> None:
    """Let the lake read again into whom accounts went whose survivor has just become another."""
    gone = MergedAccount.objects.filter(survivor_id=survivor_id).values_list("change_set__data", flat=True)
    keys = DeletedKey.objects.filter(table_name=Account._meta.db_table)
    keys.filter(row_id__in=[data["account_id"] for data in gone]).update(changed_xid=CurrentXid())


def _tell(kind: str, survivor_id: int, account_id: int, change_set: ChangeSet) -> None:
    """Tell the feed what became of whom, and that the survivor's numbers are out of date."""
    record_change(kind=kind, object_id=account_id, account_id=survivor_id, data={"change_set": change_set.pk})
    record_change(kind="account.updated", object_id=survivor_id, account_id=survivor_id)
