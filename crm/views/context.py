"""What every page knows: the reader's language, time zone and theme."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

THEMES = ("system", "light", "dark")


class PreferencesMiddleware:
    """Show times in the reader's zone. The language is Django's own business (cookie, browser)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = getattr(request.user, "time_zone", "") or "Europe/London"
        with timezone.override(ZoneInfo(zone)):
            return self.get_response(request)


def page_context(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("theme", "system")
    return {"theme": theme if theme in THEMES else "system", "themes": THEMES}
