"""First-party behaviour: what the pages of our own sites report about visitors who agreed to it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import connection, transaction

from crm.models import Product, TrackedSite, Visitor
from crm.services.beacons import Beacon, Seen
from crm.services.event_store import EventRow, insert_events
from crm.services.rates import count_one
from crm.services.visitors import (
    ARRIVE,
    IDENTIFY,
    Person,
    TokenInvalidError,
    find_by_email,
    join_visitor,
    read_token,
)

VISITOR_A_MINUTE = 120
SITE_A_MINUTE = 30_000
# Programs that say so themselves; those that don't are found by how fast they are (sessions.py).
# Cubot makes telephones.
BOT = re.compile(
    r"(?<!cu)bot\b|bots\b|crawl|spider|slurp|archiver|headless|phantomjs|selenium|puppeteer|playwright"
    r"|lighthouse|pagespeed|monitor|uptime|pingdom|scrap|fetch|preview|facebookexternalhit|mediapartners"
    r"|python|curl|wget|httpclient|http-client|okhttp|libwww|java/|go-http|node-fetch|axios|ruby|perl",
    re.IGNORECASE,
)
# The row's lock makes a visitor's requests wait for each other: none is stored without the account
# that another one is just finding out.
SEE = """
INSERT INTO crm_visitor AS known (site_id, key, joined, is_bot) VALUES (%(site)s, %(key)s, '', %(is_bot)s)
ON CONFLICT (key) DO UPDATE SET last_seen_at = now(), is_bot = known.is_bot OR excluded.is_bot
RETURNING id, account_id, is_bot
"""
JOINED_BY = {IDENTIFY: Visitor.Joined.SIGN_IN, ARRIVE: Visitor.Joined.LINK}


def is_bot(user_agent: str) -> bool:
    """Say whether this is a program by its own account. People's browsers name themselves."""
    return not user_agent.strip() or BOT.search(user_agent) is not None


def may_send(*, site: TrackedSite, visitor: str) -> bool:
    """Count one request of the visitor and of the site, and say whether they stay within their rates."""
    rates = {
        f"collect:{site.pk}:{visitor}": VISITOR_A_MINUTE,
        f"collect:{site.pk}": SITE_A_MINUTE,
    }
    counts = (count_one(name=name, limit=limit, seconds=60) for name, limit in rates.items())
    return all(count is None or count.is_allowed for count in counts)


def visitor_key(*, site: TrackedSite, visitor: str) -> str:
    """Return the visitor's name among all sites."""
    return f"{site.pk}-{visitor}"


@transaction.atomic
def collect(*, site: TrackedSite, beacon: Beacon, user_agent: str) -> int:
    """Store what a visitor did and join it to a person if it was told who that is.

    Return how many events were stored: an event that came before is not stored again.
    """
    key = visitor_key(site=site, visitor=beacon.visitor)
    with connection.cursor() as cursor:
        cursor.execute(SEE, {"site": site.pk, "key": key, "is_bot": is_bot(user_agent)})
        visitor_id, account_id, known_bot = cursor.fetchone()
    if not known_bot and (joined := _join(site, visitor_id, beacon)):
        account_id = joined.account_id
    products = _products(site, beacon.events)
    rows = [
        EventRow(
            kind=seen.kind,
            at=None,
            account_id=account_id,
            visitor=key,
            product_id=products.get(seen.product_code),
            term=seen.term,
            source="" if _is_own(site, seen.source) else seen.source,
            medium=seen.medium,
            campaign_code=seen.campaign_code,
            duration_seconds=seen.duration_seconds,
            page=seen.page,
            is_bot=known_bot,
            key=seen.key,
        )
        for seen in beacon.events
    ]
    return insert_events(sender=f"site:{site.pk}", rows=rows) if rows else 0


def _join(site: TrackedSite, visitor_id: int, beacon: Beacon) -> Person | None:
    """Join the visitor to whom a token or a form names. When that is nobody, nobody is told."""
    person, how = _by_token(site, beacon.token)
    if person is None:
        person, how = _by_form(site, beacon.form), Visitor.Joined.FORM
    if person is not None:
        join_visitor(visitor_id=visitor_id, person=person, how=how)
    return person


def _by_token(site: TrackedSite, token: str) -> tuple[Person | None, Visitor.Joined]:
    for purpose, how in JOINED_BY.items() if token else ():
        try:
            return read_token(token=token, purpose=purpose, book=site.book), how
        except TokenInvalidError:
            continue
    return None, Visitor.Joined.FORM


def _by_form(site: TrackedSite, said: str) -> Person | None:
    if "@" in said:
        return find_by_email(email=said, book=site.book)
    return _by_token(site, said)[0]


def _products(site: TrackedSite, events: Sequence[Seen]) -> dict[str, int]:
    codes = {event.product_code for event in events if event.product_code}
    if not codes:
        return {}
    return dict(Product.objects.filter(book=site.book, code__in=codes).values_list("code", "pk"))


def _is_own(site: TrackedSite, source: str) -> bool:
    """Say whether somebody came from another page of the same site, which refers to nobody."""
    return any(source == origin.partition("://")[2] for origin in site.origins)
