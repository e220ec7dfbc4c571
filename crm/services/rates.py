"""How often something may happen: a sliding window in Redis, so that all web processes count alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import redis
import structlog
from django.conf import settings
from redis.commands.core import Script

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
class Count:
    is_allowed: bool
    remaining: int
    reset_seconds: int
    wait_seconds: int


@cache
def _counter(url: str) -> Script:
    client = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
    return client.register_script(COUNT)


def count_one(*, name: str, limit: int, seconds: int) -> Count | None:
    """Count one more of `name`. Without Redis nothing is counted, and None is returned."""
    key = f"{settings.CACHES['default']['KEY_PREFIX']}:{name}"
    try:
        answer = _counter(settings.REDIS_URL)(keys=[key], args=[limit, seconds])
    except redis.RedisError as error:
        log.warning("rate_not_counted", error=type(error).__name__)
        return None
    allowed, remaining, reset, wait = (int(part) for part in answer)
    return Count(bool(allowed), remaining, reset, wait)
