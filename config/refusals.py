"""Requests that a page does not take: from whoever is no longer signed in, or of the wrong method."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

HOME = "/"


class SignInMiddleware(LoginRequiredMiddleware):
    """Lead to the sign-in page, and from there to a page that can be looked at.

    What a form was sent to often can't: after signing in, it is the page of the form that is meant.
    A part of a page is told instead, and shows nothing: what looks after itself stands still, because
    its page may hold what somebody has written, and what was clicked is asked for as a page (app.js).
    """

    def handle_no_permission(  # type: ignore[override] # whatever it is, the middleware sends it
        self, request: HttpRequest, view_func: Callable[..., Any]
    ) -> HttpResponse:
        if request.headers.get("HX-Request"):
            return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
        if request.method in ("GET", "HEAD"):
            return super().handle_no_permission(request, view_func)
        messages.warning(request, _("You were signed out. What you sent last has not been saved."))
        login_url = resolve_url(self.get_login_url(view_func))
        return redirect_to_login(_page_of_form(request), login_url, self.get_redirect_field_name(view_func))


class NotAllowedMiddleware:
    """Give a 405 of ours the page that the other refusals have. The API answers in its own terms."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not response.content:
            response.content = render_to_string("405.html", request=request).encode()
        return response


def _page_of_form(request: HttpRequest) -> str:
    """Return where the browser says that the form stood, if that is one of our pages."""
    named = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(named, {request.get_host()}, require_https=request.is_secure()):
        return HOME
    page = urlsplit(named)
    return f"{page.path}?{page.query}" if page.query else page.path or HOME
