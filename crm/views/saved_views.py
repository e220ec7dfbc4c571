"""Tabs of a list: its saved views."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.models import SavedView
from crm.selectors.directory import ViewName
from crm.services.saved_views import (
    ViewNameTakenError,
    delete_view,
    rename_view,
    save_view,
    set_default_view,
    shift_view,
    update_view_query,
)
from crm.views.access import HtmxRequest, get_visible
from crm.views.listing import state_of

PAGES = {"account-list": "crm:account-list"}


@dataclass(frozen=True, slots=True)
class Tab:
    view: ViewName
    url: str
    is_own: bool
    is_current: bool


@dataclass(frozen=True, slots=True)
class Tabs:
    tabs: tuple[Tab, ...]
    current: Tab | None
    is_changed: bool  # the list no longer shows what its view has kept
    state: str
    page: str


def view_tabs(request: HtmxRequest, page: str, views: Sequence[ViewName]) -> Tabs:
    wanted, user_id = request.GET.get("view", ""), request.user.pk
    tabs = tuple(
        Tab(view, view_url(page, view), view.owner_id == user_id, view.public_id == wanted) for view in views
    )
    current = next((tab for tab in tabs if tab.is_current), None)
    state = state_of(request.GET)
    kept = state_of(QueryDict(current.view.query)) if current else ""
    return Tabs(tabs, current, state != kept, state, page)


def default_view_url(tabs: Tabs) -> str:
    return next((tab.url for tab in tabs.tabs if tab.is_own and tab.view.is_default), "")


def view_url(page: str, view: SavedView | ViewName) -> str:
    query = f"&{view.query}" if view.query else ""
    return f"{reverse(PAGES[page])}?view={view.public_id}{query}"


@require_POST
def saved_view_create(request: HtmxRequest) -> HttpResponse:
    page, name = request.POST.get("page", ""), request.POST.get("name", "").strip()[:60]
    if page not in PAGES or not name:
        messages.error(request, _("A view needs a name."))
        return HttpResponseRedirect(reverse(PAGES.get(page, "crm:account-list")))
    query = _posted_state(request)
    try:
        view = save_view(
            owner=request.user, page=page, name=name, query=query, is_shared="is_shared" in request.POST
        )
    except ViewNameTakenError:
        messages.error(request, _("You already have a view called “%(name)s”.") % {"name": name})
        return HttpResponseRedirect(f"{reverse(PAGES[page])}?{query}")
    return HttpResponseRedirect(view_url(view.page, view))


@require_POST
def saved_view_change(request: HtmxRequest, public_id: str) -> HttpResponse:
    """Save, rename, move, choose or delete one of one's own views."""
    view = get_visible(SavedView.objects.filter(owner=request.user), public_id=public_id)
    action = request.POST.get("action", "")
    try:
        _apply(request, view, action)
    except ViewNameTakenError as error:
        messages.error(request, _("You already have a view called “%(name)s”.") % {"name": error})
    if action == "delete":
        return HttpResponseRedirect(f"{reverse(PAGES[view.page])}?view=all")
    view.refresh_from_db()
    return HttpResponseRedirect(view_url(view.page, view))


def _apply(request: HtmxRequest, view: SavedView, action: str) -> None:
    match action:
        case "save":
            update_view_query(view=view, query=_posted_state(request))
        case "rename":
            name = request.POST.get("name", "").strip()[:60] or view.name
            rename_view(view=view, name=name, is_shared="is_shared" in request.POST)
        case "delete":
            delete_view(view=view)
        case "left" | "right":
            shift_view(view=view, by=-1 if action == "left" else 1)
        case "default" | "no_default":
            set_default_view(view=view, is_default=action == "default")


def _posted_state(request: HtmxRequest) -> str:
    return request.POST.get("query", "")[:2000]
