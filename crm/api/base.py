"""What every view of the API shares."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import APIView

from crm.api.errors import TooLarge
from crm.api.throttling import Rate
from crm.models import ApiPrincipal

M = TypeVar("M", bound=Model)
Row = TypeVar("Row")

PAGING = frozenset({"after", "before", "limit"})
MAX_BODY_BYTES = 1_000_000


class BoundedJsonParser(JSONParser):
    """DRF reads the stream itself, past Django's own limit on the size of a request."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        request = parser_context["request"]
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY_BYTES:
            raise TooLarge(_("The request is larger than %(bytes)s bytes.") % {"bytes": MAX_BODY_BYTES})
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError(_("The JSON is nested too deeply.")) from error


# Names its `scope`, answers in UTC, and says on every answer how much of the rate is left. (As a
# docstring this would become the description of every endpoint.)
class ApiView(APIView):
    scope: ClassVar[str | None] = None
    parser_classes = (BoundedJsonParser,)
    metadata_class = None
    rate: Rate | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with timezone.override(UTC):
            return super().dispatch(request, *args, **kwargs)

    @property
    def principal(self) -> ApiPrincipal:
        """The calling key; there is one, for `HasScope` lets nobody else in."""
        return self.request.user  # type: ignore[return-value] # declared as Django's own user

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse parameters that nobody knows: a misspelt filter must not answer everything."""
        super().initial(request, *args, **kwargs)
        if unknown := set(request.query_params) - self.known_parameters():
            message = [_("There is no such parameter.")]
            raise ValidationError(dict.fromkeys(sorted(unknown), message), "unknown_parameter")

    def known_parameters(self) -> frozenset[str]:
        return frozenset()

    def check_permissions(self, request: Request) -> None:
        """Count before asking for scopes: a key that lacks them uses up its rate too."""
        super().check_throttles(request)
        super().check_permissions(request)

    def check_throttles(self, request: Request) -> None:
        """Done: DRF would count here, after the permissions."""

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer.headers.setdefault("Cache-Control", "private, no-cache")
        patch_vary_headers(answer, ["Authorization", "Accept-Language"])
        for name, value in (self.rate.headers() if self.rate else {}).items():
            answer.headers[name] = value
        return answer


class ListView(ApiView, ListAPIView[M]):
    own_parameters: ClassVar[frozenset[str]] = frozenset()

    def known_parameters(self) -> frozenset[str]:
        filters = getattr(self, "filterset_class", None)
        return PAGING | self.own_parameters | frozenset(filters.base_filters if filters else ())

    def filter_queryset(self, queryset: QuerySet[M, Row]) -> QuerySet[M, Row]:
        if set(self.request.query_params) <= PAGING | self.own_parameters:
            return queryset  # a form of twenty fields is not made to find nothing in it
        return super().filter_queryset(queryset)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.to_rows(page or ()))

    def as_row(self, found: Any) -> Any:
        """Return a row as `to_rows` wants it: the model itself, where the list is not read as tuples."""
        return found

    def to_rows(self, page: Sequence[Any]) -> Any:
        return self.get_serializer(page, many=True).data


def conditional(request: Request, body: dict[str, Any], *, revision: int) -> Response:
    """Answer 304 when the caller has this very body. Its ETag is the revision and a digest.

    The revision alone would miss new scores, which are published beside the account, and words.
    """
    text = json.dumps(body, cls=JSONEncoder, sort_keys=True)
    etag = f'"{revision}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"'
    known = [tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))]
    if etag in known or "*" in known:
        return Response(status=304, headers={"ETag": etag})
    return Response(body, headers={"ETag": etag})
