"""Every error as RFC 9457 says: `application/problem+json`, with a code and the request's id."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

MEDIA_TYPE = "application/problem+json"


class Conflict(exceptions.APIException):
    status_code = HTTPStatus.CONFLICT
    default_code = "conflict"


class Unprocessable(exceptions.APIException):
    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code = "unprocessable"


class TooLarge(exceptions.APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer what DRF's views raise. What nobody expected stays an error of the server."""
    if (known := _as_api_exception(error)) is None:
        return None
    body = problem(
        context["request"],
        status=known.status_code,
        code=_code(known),
        detail=_detail(known),
        errors=list(_fields(known.detail)) if isinstance(known, exceptions.ValidationError) else [],
    )
    return Response(body, known.status_code, headers=_headers(known), content_type=MEDIA_TYPE)


def problem(
    request: Request | HttpRequest,
    *,
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": errors or [],
        "request_id": getattr(request, "request_id", ""),
    }


def _as_api_exception(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, Http404):
        return exceptions.NotFound(_("Nothing at this address that this key may see."))
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, RequestDataTooBig):
        return TooLarge(_("The request is too large."))
    return None


def _code(error: exceptions.APIException) -> str:
    if isinstance(error, exceptions.ValidationError):
        return "validation_failed"
    return str(error.get_codes()) if isinstance(error.detail, str) else error.default_code


def _detail(error: exceptions.APIException) -> str:
    if isinstance(error, exceptions.ValidationError):
        return _("The request is not valid: see errors.")
    return str(error.detail)


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if scheme := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = scheme
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return headers


def _fields(detail: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """Yield one error a message, with the JSON pointer (RFC 6901) to what it is about."""
    if isinstance(detail, dict):
        for key, part in detail.items():
            step = "" if key == "non_field_errors" else "/" + str(key).replace("~", "~0").replace("/", "~1")
            yield from _fields(part, pointer + step)
    elif isinstance(detail, list):
        for position, part in enumerate(detail):
            is_message = isinstance(part, exceptions.ErrorDetail)
            yield from _fields(part, pointer if is_message else f"{pointer}/{position}")
    else:
        yield {"pointer": pointer, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}
