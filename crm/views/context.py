"""What every page knows: the reader's language, time zone and theme."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from crm.selectors.organisation import organisation_zone
from crm.services.schedules import FALLBACK_ZONE

THEMES = ("system", "light", "dark")


class PreferencesMiddleware:
    """Show times in the reader's zone. The language is Django's own business (cookie, browser)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(ZoneInfo(_zone_of(request))):
            return self.get_response(request)


def _zone_of(request: HttpRequest) -> str:
    """Return one's own zone, or the organisation's.

    Machines and the sign-in page get by without: they are answered while there is no database, too.
    """
    if not request.user.is_authenticated:
        return FALLBACK_ZONE
    return getattr(request.user, "time_zone", "") or organisation_zone()


def page_context(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("theme", "system")
    return {"theme": theme if theme in THEMES else "system", "themes": THEMES}
