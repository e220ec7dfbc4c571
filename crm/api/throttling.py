"""How many requests a key may send: a sliding window in Redis, so that all web processes count alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import redis
import structlog
from django.conf import settings
from redis.commands.core import Script
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

from crm.models import ApiPrincipal

if TYPE_CHECKING:
    from rest_framework.views import APIView  # it imports this module

log = structlog.get_logger(__name__)

# Counts this window and the one before, of which the part counts that still lies within one
# window's length. Refused requests don't count: who waits as told gets through. Redis's own clock
# and one script: two web processes can't both take the last one.
COUNT = """
local time = redis.call('TIME')
local limit, seconds = tonumber(ARGV[1]), tonumber(ARGV[2])
local at = (tonumber(time[1]) + tonumber(time[2]) / 1000000) / seconds
local window = math.floor(at)
local rest = 1 - (at - window)
local kept = redis.call('HMGET', KEYS[1], 'window', 'current', 'previous')
local kept_window = tonumber(kept[1])
local current, previous = 0, 0
if kept_window == window then
    current, previous = tonumber(kept[2]), tonumber(kept[3])
elseif kept_window == window - 1 then
    previous = tonumber(kept[2])
end
local used = current + previous * rest
if used + 1 <= limit then
    redis.call('HSET', KEYS[1], 'window', window, 'current', current + 1, 'previous', previous)
    redis.call('EXPIRE', KEYS[1], math.ceil(seconds * 2))
    return {1, math.floor(limit - used - 1), math.ceil(rest * seconds), 0}
end
local free = limit - 1
local wait
if current <= free then
    wait = rest - (free - current) / previous
else
    wait = rest + 1 - free / current
end
return {0, 0, math.ceil(rest * seconds), math.max(1, math.ceil(wait * seconds))}
"""


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


@cache
def _counter(url: str) -> Script:
    client = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
    return client.register_script(COUNT)


class KeyRateThrottle(BaseThrottle):
    """Leaves the `Rate` on the view as `rate`; without Redis requests go through uncounted."""

    seconds_to_wait: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        principal = request.user
        if not isinstance(principal, ApiPrincipal):
            return True
        limit, seconds = SimpleRateThrottle.parse_rate(self, api_settings.DEFAULT_THROTTLE_RATES["key"])
        name = f"{settings.CACHES['default']['KEY_PREFIX']}:api-rate:{principal.key.prefix}"
        try:
            count = _counter(settings.REDIS_URL)(keys=[name], args=[limit, seconds])
        except redis.RedisError as error:
            # The partners' systems matter more than their limits.
            log.warning("rate_not_counted", error=type(error).__name__)
            return True
        allowed, remaining, reset, wait = (int(part) for part in count)
        view.rate = Rate(limit, remaining, reset)
        self.seconds_to_wait = wait or None
        return bool(allowed)

    def wait(self) -> float | None:
        return self.seconds_to_wait
