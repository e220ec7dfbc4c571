"""Which part of a page a request wants."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme

from crm.views.access import HtmxRequest


def wants_fragment(request: HtmxRequest) -> bool:
    return bool(request.htmx) and not request.htmx.boosted


def fragment(request: HtmxRequest, name: str) -> str:
    """Return "#name" for an htmx request and "" for one that needs the whole page."""
    return f"#{name}" if wants_fragment(request) else ""


def render_part(
    request: HtmxRequest, template: str, name: str, context: dict[str, object], status: int = 200
) -> HttpResponse:
    """Render the page, or only its part `name` when htmx asks for it."""
    response = render(request, f"{template}{fragment(request, name)}", context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def back(request: HtmxRequest, default: str) -> HttpResponse:
    """Send the browser to the form's own `next` if that is ours, else to `default`."""
    target = request.POST.get("next", "")
    own = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return redirect(target if own else default)
