from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from crm.views.access import HtmxRequest
from crm.views.context import THEMES
from crm.views.fragments import back

ONE_YEAR = 31_536_000


@login_not_required  # the sign-in page has the switch too
@require_POST
def theme_set(request: HtmxRequest) -> HttpResponse:
    response = back(request, "/")
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        response.set_cookie("theme", theme, max_age=ONE_YEAR, samesite="Lax", secure=request.is_secure())
    return response
