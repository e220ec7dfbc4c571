"""What may be a minute old, kept in the process that asked for it.

Only for what decides how fast or how complete an offer is, and never what is true of an account: which
countries a menu lists, whether a filter's matches are few enough to be named, and whether a list has more
than are counted. And for the time zone of the organisation, in which every page shows its moments.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")

SECONDS = 60.0
MOST = 1_000  # values kept; the one kept longest makes room for a new one
_kept: dict[Hashable, tuple[float, Any]] = {}
_alone = Lock()  # of the threads of a web process


def lately(key: Hashable, make: Callable[[], T], *, keep: Callable[[T], bool] = lambda _value: True) -> T:
    """Return what `make` said for this key within the last minute, or ask it now.

    `keep` says which answers may be given again.
    """
    asked_at, value = _kept.get(key, (-SECONDS, None))
    if time.monotonic() - asked_at < SECONDS:
        return value  # type: ignore[no-any-return] # what `make` returned for this very key
    value = make()
    if not keep(value):
        return value
    with _alone:
        _kept.pop(key, None)  # asked again, it is the newest
        if len(_kept) >= MOST:
            del _kept[next(iter(_kept))]
        _kept[key] = (time.monotonic(), value)
    return value


def forget_lately() -> None:
    """Start over: after a change that whoever made it should see at once, and between tests."""
    with _alone:
        _kept.clear()
