"""What no page can make sense of is refused before one is asked."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, QueryDict

FORM = "application/x-www-form-urlencoded"
API = "/api/"


class RefuseNulMiddleware:
    """PostgreSQL's text can't hold a NUL, so that none is searched for or stored.

    Forms refuse it by themselves; what a view reads from the query string or a small form does not.
    Files and JSON have readers of their own, and so has the API, which answers in its own terms.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(API):
            return self.get_response(request)
        if _holds_nul(request.GET) or (request.content_type == FORM and _holds_nul(request.POST)):
            raise BadRequest("a NUL in a parameter")
        return self.get_response(request)


def _holds_nul(given: QueryDict) -> bool:
    return any("\x00" in value for _name, values in given.lists() for value in values)
