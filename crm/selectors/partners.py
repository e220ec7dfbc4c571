"""Partners, their accounts and their keys, as the partner pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from crm.models import Account, ApiKey, Partner, PartnerAccount
from crm.models.access import Principal
from crm.selectors.account_criteria import matching
from crm.selectors.account_list import AccountRow, account_rows
from crm.selectors.keyset import Column, Order, Page, keyset_page

BY_NAME = Order("partners-by-name", (Column("name"), Column("pk")))
NEWEST_LINKS = Order("links-newest", (Column("since", descending=True), Column("pk", descending=True)))
LINKS_PER_PAGE = 25
CANDIDATES = 10
HIGH_CHURN = 0.5

# One round trip for the partners of a page.
_COUNTS = """
    SELECT wanted.id, linked.accounts, linked.leads, keys.open, keys.used_at
    FROM unnest(%(ids)s::bigint[]) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT account.id) FILTER (WHERE account.stage <> 'lead') AS accounts,
               count(DISTINCT account.id) FILTER (WHERE account.stage = 'lead') AS leads
        FROM crm_partneraccount AS link JOIN crm_account AS account ON account.id = link.account_id
        WHERE link.partner_id = wanted.id AND link.since <= now()
          AND (link.until IS NULL OR link.until > now())
    ) AS linked
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE revoked_at IS NULL) AS open, max(last_used_at) AS used_at
        FROM crm_apikey WHERE partner_id = wanted.id
    ) AS keys
"""
# What the accounts linked today bought in the last twelve months, up to the end of their book.
_WORTH = """
    SELECT sum(orders.amount_reporting), count(*) FILTER (WHERE score.value >= %(high)s)
    FROM (
        SELECT DISTINCT account_id FROM crm_partneraccount
        WHERE partner_id = %(partner)s AND since <= now() AND (until IS NULL OR until > now())
    ) AS link
    JOIN crm_account AS account ON account.id = link.account_id
    JOIN crm_book AS book ON book.id = account.book_id
    LEFT JOIN crm_score AS score ON score.account_id = account.id AND score.kind = 'churn'
    CROSS JOIN LATERAL (
        SELECT sum(amount_reporting) AS amount_reporting FROM crm_order
        WHERE account_id = account.id AND cancelled_at IS NULL
          AND placed_at >= coalesce(book.ends_at, now()) - interval '365 days'
          AND placed_at < coalesce(book.ends_at, now())
    ) AS orders
"""


@dataclass(frozen=True, slots=True)
class PartnerCounts:
    accounts: int = 0
    leads: int = 0
    open_keys: int = 0
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PartnerRow:
    partner: Partner
    counts: PartnerCounts


@dataclass(frozen=True, slots=True)
class PartnerWorth:
    bought: Decimal | None  # reporting currency
    likely_to_leave: int


@dataclass(frozen=True, slots=True)
class LinkRow:
    link: PartnerAccount
    row: AccountRow


def list_partners(
    principal: Principal,
    *,
    q: str = "",
    tier: str = "",
    state: str = "",
    after: str | None = None,
    before: str | None = None,
) -> tuple[Page[Partner], list[PartnerRow]]:
    """Return a page of partners by name, and its rows with what hangs on each."""
    partners = Partner.objects.visible_to(principal).select_related("book")
    if q:
        partners = partners.filter(Q(name__icontains=q) | Q(email__icontains=q))
    if tier in Partner.Tier.values:
        partners = partners.filter(tier=tier)
    if state in ("active", "inactive"):
        partners = partners.filter(is_active=state == "active")
    page = keyset_page(partners, order=BY_NAME, after=after, before=before)
    counts = count_for(page.rows)
    return page, [PartnerRow(partner, counts[partner.pk]) for partner in page.rows]


def count_for(partners: Sequence[Partner]) -> dict[int, PartnerCounts]:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"ids": [partner.pk for partner in partners]})
        return {pk: PartnerCounts(*counts) for pk, *counts in cursor}


def get_worth(partner: Partner) -> PartnerWorth:
    with connection.cursor() as cursor:
        cursor.execute(_WORTH, {"partner": partner.pk, "high": HIGH_CHURN})
        return PartnerWorth(*cursor.fetchone())


def list_links(
    principal: Principal,
    partner: Partner,
    *,
    tab: str,
    after: str | None = None,
    before: str | None = None,
) -> tuple[Page[PartnerAccount], list[LinkRow]]:
    """Return a page of the partner's links: to accounts, to leads, or the ones that ended."""
    links = PartnerAccount.objects.filter(partner=partner).select_related("account__owner")
    links = links.filter(account__in=Account.objects.visible_to(principal))
    if tab == "ended":
        links = links.filter(until__lte=Now())
    else:
        is_lead = Q(account__stage=Account.Stage.LEAD)
        links = links.exclude(until__lte=Now()).filter(is_lead if tab == "leads" else ~is_lead)
    page = keyset_page(links, order=NEWEST_LINKS, after=after, before=before, per_page=LINKS_PER_PAGE)
    shown = Account.objects.visible_to(principal).filter(pk__in=[link.account_id for link in page.rows])
    rows = {row.pk: row for row in account_rows(shown)}
    return page, [LinkRow(link, rows[link.account_id]) for link in page.rows]


def list_keys(principal: Principal, partner: Partner) -> QuerySet[ApiKey]:
    """Return the partner's keys, those that still open something first."""
    keys = ApiKey.objects.visible_to(principal).filter(partner=partner).select_related("created_by")
    return keys.order_by(F("revoked_at").desc(nulls_first=True), "-created_at", "-pk")


def find_candidates(principal: Principal, *, q: str) -> list[Account]:
    """Return some accounts that a partner could be linked to, by name or reference."""
    if not q.strip():
        return []
    criteria: dict[str, Any] = {"q": q}
    found = matching(Account.objects.visible_to(principal), criteria)
    return list(found.select_related("book").order_by("name", "pk")[:CANDIDATES])
