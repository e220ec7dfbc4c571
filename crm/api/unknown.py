"""Answers of the API that come from no view of its own: problems too, never pages."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from crm.api.base import ApiView
from crm.api.errors import MEDIA_TYPE, problem


class UnknownView(ApiView):
    """Every address below /api/ that is nobody's, for every method and with or without a key."""

    authentication_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request.accepted_renderer = self.get_renderers()[0]
        request.accepted_media_type = request.accepted_renderer.media_type
        raise NotFound(_detail(request.path))


def server_error(request: HttpRequest) -> JsonResponse:
    """Say that we failed, and under which id the log has it."""
    detail = _("Something went wrong on our side. Name the request_id when you tell us.")
    body = problem(request, status=500, code="server_error", detail=detail)
    return JsonResponse(body, status=500, content_type=MEDIA_TYPE)


def _detail(path: str) -> str:
    if not path.endswith("/") and _is_known(f"{path}/"):
        return _("Nothing at this address; with a slash at its end there is.")
    return _("Nothing at this address.")


def _is_known(path: str) -> bool:
    try:
        found = resolve(path)
    except Resolver404:
        return False
    return getattr(found.func, "cls", None) is not UnknownView  # which every address below /api/ leads to
