"""Who may open a view: capabilities for whole pages, `visible_to` for the rows on them."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar, cast
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django_htmx.middleware import HtmxDetails

from crm.models import User
from crm.models.access import can

P = ParamSpec("P")
M = TypeVar("M", bound=Model)
R = TypeVar("R", bound=HttpResponseBase)


class HtmxRequest(HttpRequest):
    """A request of somebody signed in, as the middleware leaves it."""

    htmx: HtmxDetails
    user: User


View = Callable[Concatenate[HtmxRequest, P], R]


def require_capability(capability: str) -> Callable[[View[P, R]], View[P, R]]:
    """Answer 403 to everybody whose role lacks the capability."""

    def decorate(view: View[P, R]) -> View[P, R]:
        @wraps(view)
        def guarded(request: HtmxRequest, *args: P.args, **kwargs: P.kwargs) -> R:
            if not can(request.user, capability):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return cast("View[P, R]", guarded)

    return decorate


def get_visible(queryset: QuerySet[M], **lookup: object) -> M:
    """Return the one row of a queryset already narrowed by `visible_to`, or answer 404.

    A row that exists and is not visible answers like one that doesn't exist, and so does an id
    that is none.
    """
    try:
        return queryset.get(**lookup)
    except (ObjectDoesNotExist, ValidationError) as error:
        raise Http404 from error


def valid_ids(texts: Iterable[str]) -> list[UUID]:
    """Return those of the texts that are ids; a form can send anything."""
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
