"""Reading what a browser sends: everything is bounded, and what doesn't fit is left out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm.models import Event

MAX_BYTES = 16_384
MAX_EVENTS = 50
A_DAY = 86_400
VISITOR = re.compile(r"[a-z0-9]{12,40}")
KEY = re.compile(r"[\w-]{8,32}", re.ASCII)
HOST = re.compile(r"[a-z0-9.-]{1,60}(:\d+)?")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class BeaconError(ValueError):
    """What was sent names no visitor, or isn't even JSON."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that a visitor did."""

    kind: str
    key: str
    page: str = ""
    product_code: str = ""
    term: str = ""
    duration_seconds: float | None = None
    source: str = ""  # utm_source, else the host that referred
    medium: str = ""
    campaign_code: str = ""


@dataclass(frozen=True, slots=True)
class Beacon:
    visitor: str
    events: list[Seen] = field(default_factory=list)
    token: str = ""
    form: str = ""  # an address that was typed, or a token that the form carried


def read_beacon(body: bytes) -> Beacon:
    """Return what was sent; events that make no sense are left out.

    :raises BeaconError: when there is no visitor to speak of.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BeaconError from error
    if not isinstance(said, dict) or not VISITOR.fullmatch(str(said.get("v", ""))):
        raise BeaconError
    events = said.get("e")
    sent = events[:MAX_EVENTS] if isinstance(events, list) else []
    seen = [one for event in sent if isinstance(event, dict) and (one := _seen(event))]
    return Beacon(said["v"], seen, token=_text(said, "i", 200), form=_text(said, "m", 254))


def _seen(event: Mapping[str, Any]) -> Seen | None:
    kind, key = event.get("t"), event.get("k")
    if kind not in Event.Kind.values or not isinstance(key, str) or not KEY.fullmatch(key):
        return None
    return Seen(
        kind=str(kind),
        key=key,
        page=_path(_text(event, "p", 1000)),
        product_code=_text(event, "c", 40),
        term=_text(event, "q", 200),
        duration_seconds=_duration(event.get("d")),
        source=_text(event, "us", 60) or _host(_text(event, "r", 70)),
        medium=_text(event, "um", 60),
        campaign_code=_text(event, "uc", 60),
    )


def _text(said: Mapping[str, Any], name: str, longest: int) -> str:
    value = said.get(name)
    return UNPRINTABLE.sub("", value)[:longest].strip() if isinstance(value, str) else ""


def _path(text: str) -> str:
    """Return the path alone: what stands in a query may name a person."""
    return re.split(r"[?#]", text)[0][:200] if text.startswith("/") else ""


def _host(text: str) -> str:
    return text.lower()[:60] if HOST.fullmatch(text.lower()) else ""


def _duration(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared first: a whole number may be longer than any float.
    return float(value) if 0 <= value <= A_DAY and math.isfinite(value) else None
