"""The envelope of lists: `{"data", "next", "previous"}`, paged by the last row seen, not by offset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from crm.selectors.keyset import Order, keyset_page

if TYPE_CHECKING:
    from rest_framework.views import APIView  # it imports this module

PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
CURSORS = {
    "after": "Cursor of the page that follows, as `next` has it.",
    "before": "Cursor of the page that goes before, as `previous` has it.",
}


class Ordered(Protocol):
    """A view that says how its list is sorted, and what becomes of each row."""

    def page_order(self) -> Order: ...

    def as_row(self, found: Any) -> Any: ...


class EnvelopePagination(BasePagination):
    def paginate_queryset(self, queryset: Any, request: Request, view: Any | None = None) -> list[Any]:
        ordered: Ordered = view  # type: ignore[assignment] # DRF declares less than it sends
        after, before = (request.query_params.get(name) or None for name in CURSORS)
        page = keyset_page(
            queryset, order=ordered.page_order(), after=after, before=before, per_page=_limit(request),
            as_row=ordered.as_row,
        )  # fmt: skip
        if page.is_broken:
            message = _("This is not a cursor of this list in this order.")
            raise ValidationError({"after" if after else "before": [message]}, "cursor_invalid")
        self.next_link = _link(request, "after", page.next_cursor)
        self.previous_link = _link(request, "before", page.previous_cursor)
        return list(page.rows)

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"data": data, "next": self.next_link, "previous": self.previous_link})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["data", "next", "previous"],
            "properties": {"data": schema, "next": link, "previous": link},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        bounds = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": PAGE_SIZE}
        parameters: dict[str, tuple[dict[str, Any], str]] = {
            name: ({"type": "string"}, text) for name, text in CURSORS.items()
        }
        parameters["limit"] = (bounds, "How many rows a page has.")
        return [
            {"name": name, "in": "query", "required": False, "description": text, "schema": schema}
            for name, (schema, text) in parameters.items()
        ]


def _limit(request: Request) -> int:
    given = request.query_params.get("limit", str(PAGE_SIZE))
    if given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= MAX_PAGE_SIZE:
        return int(given)
    message = _("A whole number from 1 to %(most)s.") % {"most": MAX_PAGE_SIZE}
    raise ValidationError({"limit": [message]}, "out_of_range")


def _link(request: Request, name: str, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    url = request.build_absolute_uri()
    for other in CURSORS:
        url = remove_query_param(url, other)
    return str(replace_query_param(url, name, cursor))
