"""Tracked sites: by id, by origin, and with what they reported lately."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.db import connection

from crm.models import EventRetention, TrackedSite
from crm.models.access import Principal

DAYS_SHOWN = 30
UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")  # what browsers read otherwise than we do
HOST = re.compile(r"[a-z0-9.-]+")  # as browsers send it: other alphabets are written in this one
_LATELY = """
    SELECT site.id, last.seen_at, last.visitors, last.joined, last.bots
    FROM unnest(%(ids)s::bigint[]) AS site (id)
    CROSS JOIN LATERAL (
        SELECT max(last_seen_at) AS seen_at, count(*) FILTER (WHERE NOT is_bot) AS visitors,
               count(*) FILTER (WHERE account_id IS NOT NULL) AS joined,
               count(*) FILTER (WHERE is_bot) AS bots
        FROM crm_visitor WHERE site_id = site.id
    ) AS last
"""
# Sessions hold the count of their events, so no event is read.
_BY_DAY = """
    SELECT calendar.day::date, coalesce(seen.events, 0), coalesce(seen.bots, 0)
    FROM generate_series((now() AT TIME ZONE %(zone)s)::date - %(days)s + 1,
                         (now() AT TIME ZONE %(zone)s)::date, interval '1 day') AS calendar (day)
    LEFT JOIN (
        SELECT (started_at AT TIME ZONE %(zone)s)::date AS day,
               sum(session.events) FILTER (WHERE NOT session.is_bot) AS events,
               sum(session.events) FILTER (WHERE session.is_bot) AS bots
        FROM crm_websession AS session JOIN crm_visitor AS visitor ON visitor.id = session.visitor_id
        WHERE visitor.site_id = %(site)s AND started_at > now() - make_interval(days => %(days)s + 1)
        GROUP BY 1
    ) AS seen ON seen.day = calendar.day::date
    ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class SiteRow:
    site: TrackedSite
    last_seen_at: datetime | None = None
    visitors: int = 0
    joined: int = 0
    bots: int = 0


@dataclass(frozen=True, slots=True)
class SiteDay:
    day: date
    events: int
    bots: int


@dataclass(frozen=True, slots=True)
class SiteOverview:
    row: SiteRow
    days: list[SiteDay] = field(default_factory=list)

    @property
    def events(self) -> int:
        return sum(day.events for day in self.days)

    @property
    def recent(self) -> list[SiteDay]:
        """The days on which something came, the newest first."""
        return [day for day in reversed(self.days) if day.events or day.bots]

    @property
    def numbers(self) -> list[int]:
        return [day.events for day in self.days]


def find_site(public_id: str) -> TrackedSite | None:
    """Return the site of this id if it is switched on; an id that is none finds none."""
    try:
        wanted = UUID(public_id)
    except ValueError:
        return None
    sites = TrackedSite.objects.select_related("book")
    return sites.filter(public_id=wanted, is_enabled=True).first()


def find_site_of(origin: str) -> TrackedSite | None:
    if not origin:
        return None
    sites = TrackedSite.objects.select_related("book").order_by("pk")
    return sites.filter(is_enabled=True, origins__contains=[origin]).first()


def origin_of(address: str) -> str:
    """Return scheme, host and port of an address as browsers say them, or nothing if it has none."""
    if UNSAFE.search(address):
        return ""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not HOST.fullmatch(host or "") or "@" in parts.netloc:
        return ""
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")


def list_sites(principal: Principal) -> list[SiteRow]:
    sites = TrackedSite.objects.visible_to(principal).select_related("book").order_by("name", "pk")
    return _rows(list(sites))


def get_site_overview(site: TrackedSite, *, zone: str) -> SiteOverview:
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, {"site": site.pk, "days": DAYS_SHOWN, "zone": zone})
        days = [SiteDay(*row) for row in cursor.fetchall()]
    return SiteOverview(_rows([site])[0], days)


def list_retention() -> dict[str, int]:
    """Return for how many days events of each kind are kept; a kind without an entry is kept for good."""
    return dict(EventRetention.objects.values_list("kind", "days"))


def _rows(sites: Sequence[TrackedSite]) -> list[SiteRow]:
    with connection.cursor() as cursor:
        cursor.execute(_LATELY, {"ids": [site.pk for site in sites]})
        found = {pk: rest for pk, *rest in cursor.fetchall()}
    return [SiteRow(site, *found[site.pk]) for site in sites]
