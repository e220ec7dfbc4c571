"""What the pages of tracked sites use: the script, the address it reports to, and tracked links.

Nobody is signed in here, no session is read or made, and no answer says anything about anybody.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from crm.models import TrackedSite
from crm.selectors.sites import find_site, find_site_of, origin_of
from crm.services.beacons import MAX_BYTES, BeaconError, read_beacon
from crm.services.collecting import collect, may_send
from crm.services.visitors import TokenInvalidError, arrival_token

SCRIPT = Path(__file__).parent.parent / "collector" / "sextant.min.js"
ONE_HOUR = 3600


@login_not_required
@cache_control(public=True, max_age=ONE_HOUR)
@require_safe
def collector_script(_request: HttpRequest) -> HttpResponse:
    """Answer the same text to everybody: it reads the site from its own address."""
    answer = HttpResponse(_script(), content_type="text/javascript; charset=utf-8")
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer


@login_not_required
@csrf_exempt
@never_cache
@require_http_methods(["POST", "OPTIONS"])
def collector_receive(request: HttpRequest) -> HttpResponse:
    """Take what a page reports. The answer is 204 whatever came of it."""
    answer = HttpResponse(status=204)
    patch_vary_headers(answer, ["Origin"])
    origin = request.headers.get("Origin", "")
    site = find_site(request.GET.get("site", ""))
    if site is None or origin not in site.origins:
        return answer
    _allow(answer, origin)
    if request.method == "POST" and not _refuses(request):
        _take(request, site)
    return answer


@login_not_required
@never_cache
@require_safe
def tracked_link(request: HttpRequest, token: str) -> HttpResponse:
    """Send a reader of ours on to one of our sites, with a token that tells it who came.

    A token that has expired leads there all the same, as nobody. Elsewhere no link leads.
    """
    to = request.GET.get("to", "")
    site = find_site_of(origin_of(to))
    if site is None:
        raise Http404
    try:
        mark = f"sx={arrival_token(link_token=token, book=site.book)}"
    except TokenInvalidError:
        mark = ""
    answer = HttpResponseRedirect(_with_fragment(to, mark))
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


@cache
def _script() -> str:
    return SCRIPT.read_text(encoding="utf-8").strip()


def _refuses(request: HttpRequest) -> bool:
    """Say whether the browser asks not to be tracked; the script asks it too, other senders may not."""
    return "1" in (request.headers.get("DNT"), request.headers.get("Sec-GPC"))


def _take(request: HttpRequest, site: TrackedSite) -> None:
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES:
        return
    try:
        beacon = read_beacon(request.body)
    except BeaconError:
        return
    if may_send(site=site, visitor=beacon.visitor):
        collect(site=site, beacon=beacon, user_agent=request.headers.get("User-Agent", ""))


def _allow(answer: HttpResponse, origin: str) -> None:
    answer.headers["Access-Control-Allow-Origin"] = origin
    answer.headers["Access-Control-Allow-Methods"] = "POST"
    answer.headers["Access-Control-Allow-Headers"] = "Content-Type"


def _with_fragment(to: str, mark: str) -> str:
    """Put the token where neither the site's log nor its links to others carry it: after the #."""
    address, _, fragment = to.partition("#")
    return f"{address}#{'&'.join(filter(None, (fragment, mark)))}" if fragment or mark else address
