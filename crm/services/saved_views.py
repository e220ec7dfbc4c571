"""Saved views of lists: a name for a query string."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import Max

from crm.models import SavedView, User


class ViewNameTakenError(Exception):
    """This person already has a view of this name on this page."""


@transaction.atomic
def save_view(*, owner: User, page: str, name: str, query: str, is_shared: bool = False) -> SavedView:
    """Keep a list's state under a name, as the last tab.

    :raises ViewNameTakenError: if the person has one of this name.
    """
    last = SavedView.objects.filter(owner=owner, page=page).aggregate(last=Max("position"))["last"]
    view = SavedView(
        owner=owner, page=page, name=name, query=query, is_shared=is_shared,
        position=0 if last is None else last + 1,
    )  # fmt: skip
    try:
        with transaction.atomic():
            view.save(force_insert=True)
    except IntegrityError as error:
        raise ViewNameTakenError(name) from error
    return view


def update_view_query(*, view: SavedView, query: str) -> None:
    SavedView.objects.filter(pk=view.pk).update(query=query)


def rename_view(*, view: SavedView, name: str, is_shared: bool) -> None:
    """Rename a view and say who sees it.

    :raises ViewNameTakenError: if the owner has another one of this name.
    """
    try:
        with transaction.atomic():
            SavedView.objects.filter(pk=view.pk).update(name=name, is_shared=is_shared)
    except IntegrityError as error:
        raise ViewNameTakenError(name) from error


@transaction.atomic
def set_default_view(*, view: SavedView, is_default: bool) -> None:
    """Let the list open with this view, instead of any other of the same person."""
    mine = SavedView.objects.filter(owner_id=view.owner_id, page=view.page)
    mine.filter(is_default=True).update(is_default=False)
    if is_default:
        mine.filter(pk=view.pk).update(is_default=True)


@transaction.atomic
def shift_view(*, view: SavedView, by: int) -> None:
    """Move a tab one place to the left (-1) or to the right (1) among its owner's."""
    mine = SavedView.objects.select_for_update().filter(owner_id=view.owner_id, page=view.page)
    views = list(mine.order_by("position", "pk"))
    at = next(index for index, other in enumerate(views) if other.pk == view.pk)
    to = min(max(at + by, 0), len(views) - 1)
    views.insert(to, views.pop(at))
    for position, other in enumerate(views):
        other.position = position
    SavedView.objects.bulk_update(views, ["position"])


def delete_view(*, view: SavedView) -> None:
    SavedView.objects.filter(pk=view.pk).delete()
