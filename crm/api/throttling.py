"""How many requests a key may send in a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

from crm.models import ApiPrincipal
from crm.services.rates import count_one

if TYPE_CHECKING:
    from rest_framework.views import APIView  # it imports this module


@dataclass(frozen=True, slots=True)
class Rate:
    """What is left to a key after this request, for the `RateLimit-*` headers."""

    limit: int
    remaining: int
    reset_seconds: int

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }


class KeyRateThrottle(BaseThrottle):
    """Leaves the `Rate` on the view as `rate`; without Redis requests go through uncounted.

    The partners' systems matter more than their limits.
    """

    seconds_to_wait: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        principal = request.user
        if not isinstance(principal, ApiPrincipal):
            return True
        limit, seconds = SimpleRateThrottle.parse_rate(self, api_settings.DEFAULT_THROTTLE_RATES["key"])
        count = count_one(name=f"api-rate:{principal.key.prefix}", limit=limit, seconds=seconds)
        if count is None:
            return True
        view.rate = Rate(limit, count.remaining, count.reset_seconds)
        self.seconds_to_wait = count.wait_seconds or None
        return count.is_allowed

    def wait(self) -> float | None:
        return self.seconds_to_wait
