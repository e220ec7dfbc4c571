"""A past campaign for the demo books: nobody was written to, and the effect is planted.

What accounts did without it is real (their orders, their payments). Of the treated who did not
respond, a known share is turned into responders, so that the measured lift can be held against
the truth. Everything is drawn from hashes: the same salt gives the same campaign.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from campaigns.models import Campaign
from campaigns.services.enrolment import enrol_audience
from crm.models import Book, Organisation, Score


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated. Shares are 0..1 of those who came through the step before."""

    code: str
    name: str
    channel: Campaign.Channel
    score: Score.Kind  # whose value decides who is enrolled, and foretells the response
    at_least: float
    is_complement: bool  # a high score foretells that the account will *not* respond
    planted_share: float  # of the treated who would not have responded otherwise
    planted_amount: Decimal  # money of each planted response, reporting currency
    cost: Decimal
    budget: Decimal
    holdout_share: float = 0.2
    response_days: int = 30


PLANS = {
    "wholesale": Plan(
        code="autumn-gift-range",
        name="Autumn gift range",
        channel=Campaign.Channel.EMAIL,
        score=Score.Kind.PURCHASE,
        at_least=0.0,
        is_complement=False,
        planted_share=0.10,
        planted_amount=Decimal("210"),
        cost=Decimal("2400"),
        budget=Decimal("3000"),
    ),
    "bank": Plan(
        code="payment-plan-call",
        name="Payment plan call",
        channel=Campaign.Channel.PHONE,
        score=Score.Kind.PAYMENT_RISK,
        at_least=0.2,
        is_complement=True,
        planted_share=0.12,
        planted_amount=Decimal("35"),
        cost=Decimal("9000"),
        budget=Decimal("10000"),
    ),
}

# Real behaviour within the window: an order (wholesale), or no default (bank).
_REAL_RESPONSES = {
    Score.Kind.PURCHASE: """
        SELECT e.id, min(o.placed_at), sum(o.amount_reporting)
        FROM campaigns_enrolment e
        JOIN crm_order o ON o.account_id = e.account_id AND o.kind = 'sale'
             AND o.placed_at >= %(start)s AND o.placed_at < %(stop)s
        WHERE e.campaign_id = %(campaign)s GROUP BY e.id
    """,
    Score.Kind.PAYMENT_RISK: """
        SELECT e.id, %(stop)s - interval '1 second', 0
        FROM campaigns_enrolment e
        JOIN crm_outcome f ON f.account_id = e.account_id AND f.kind = 'default'
        WHERE e.campaign_id = %(campaign)s AND NOT f.happened AND f.cutoff_at <= %(start)s
              AND f.observed_at <= %(stop)s + interval '2 days'
    """,
}


@transaction.atomic
def simulate_past_campaign(*, book: Book, at: datetime) -> Campaign:
    """Enrol the book's audience as of `at`, and let the past answer. Once only: a rerun returns it.

    The published scores and recommendations must be those of `at`.
    """
    plan = PLANS[book.code]
    existing = Campaign.objects.filter(code=plan.code).first()
    if existing is not None:
        return existing
    campaign = _create(book, plan, at)
    enrol_audience(campaign=campaign, score=plan.score, at_least=plan.at_least, at=at)
    window: dict[str, Any] = {
        "campaign": campaign.pk,
        "salt": campaign.salt,
        "start": at,
        "stop": at + timedelta(days=plan.response_days),
    }
    with connection.cursor() as cursor:
        cursor.execute(_OFFER, window)
        cursor.execute(_DELIVER, window)
        cursor.execute(_RESPOND.format(responses=_REAL_RESPONSES[plan.score]), window)
        cursor.execute(_PLANT, window | {"share": plan.planted_share, "amount": plan.planted_amount})
        if plan.channel == Campaign.Channel.EMAIL:
            cursor.execute(_OPEN, window)
            cursor.execute(_CLICK, window)
        cursor.execute(_BUY, window)
    return campaign


def _create(book: Book, plan: Plan, at: datetime) -> Campaign:
    return Campaign.objects.create(
        book=book,
        name=plan.name,
        code=plan.code,
        channel=plan.channel,
        state=Campaign.State.DONE,
        audience={"book": book.code, "score": plan.score, "at_least": plan.at_least},
        starts_at=at,
        ends_at=at + timedelta(days=plan.response_days),
        response_days=plan.response_days,
        response_score=plan.score,
        response_is_complement=plan.is_complement,
        holdout_share=plan.holdout_share,
        salt=f"demo-{plan.code}",
        budget_amount=plan.budget,
        cost_amount=plan.cost,
        currency=Organisation.objects.get().reporting_currency,
        is_simulated=True,
    )


_OFFER = """
    INSERT INTO campaigns_offered (enrolment_id, product_id, rank, kind)
    SELECT e.id, r.product_id, r.rank, r.kind
    FROM campaigns_enrolment e JOIN crm_recommendation r ON r.account_id = e.account_id
    WHERE e.campaign_id = %(campaign)s AND r.rank <= 3
    ON CONFLICT DO NOTHING
"""

_DELIVER = """
    INSERT INTO campaigns_delivery
        (campaign_id, step, account_id, contact_id, state, handed_over_at, changed_at)
    SELECT e.campaign_id, 1, e.account_id, c.id,
           CASE WHEN sextant_hashed_share(%(salt)s || ':bounce:' || c.id) < 0.015
                THEN 'hard_bounce' ELSE 'delivered' END,
           %(start)s, %(start)s + interval '1 minute'
    FROM campaigns_enrolment e
    JOIN LATERAL (SELECT id FROM crm_contact WHERE account_id = e.account_id ORDER BY id LIMIT 1) c
         ON true
    WHERE e.campaign_id = %(campaign)s AND e.arm = 'treated'
    ON CONFLICT DO NOTHING
"""

_RESPOND = """
    INSERT INTO campaigns_response (enrolment_id, kind, at, amount_reporting, is_simulated)
    SELECT id, 'converted', at, amount, false FROM ({responses}) AS r (id, at, amount)
    ON CONFLICT DO NOTHING
"""

_PLANT = """
    INSERT INTO campaigns_response (enrolment_id, kind, at, amount_reporting, is_simulated)
    SELECT e.id, 'converted', %(start)s + interval '3 days', %(amount)s, true
    FROM campaigns_enrolment e
    WHERE e.campaign_id = %(campaign)s AND e.arm = 'treated'
      AND sextant_hashed_share(%(salt)s || ':planted:' || e.account_id) < %(share)s
    ON CONFLICT DO NOTHING
"""

_OPEN = """
    INSERT INTO campaigns_response (enrolment_id, kind, at, amount_reporting, is_simulated)
    SELECT e.id, 'opened', d.changed_at + interval '1 hour', 0, true
    FROM campaigns_delivery d
    JOIN campaigns_enrolment e ON e.campaign_id = d.campaign_id AND e.account_id = d.account_id
    WHERE d.campaign_id = %(campaign)s AND d.state = 'delivered'
      AND sextant_hashed_share(%(salt)s || ':open:' || e.account_id) < 0.38
    ON CONFLICT DO NOTHING
"""

_CLICK = """
    INSERT INTO campaigns_response (enrolment_id, kind, at, amount_reporting, is_simulated)
    SELECT r.enrolment_id, 'clicked', r.at + interval '2 minutes', 0, true
    FROM campaigns_response r JOIN campaigns_enrolment e ON e.id = r.enrolment_id
    WHERE e.campaign_id = %(campaign)s AND r.kind = 'opened'
      AND sextant_hashed_share(%(salt)s || ':click:' || e.account_id) < 0.24
    ON CONFLICT DO NOTHING
"""

# What went out and was bought is real for the demo too: orders within the window.
_BUY = """
    UPDATE campaigns_offered f SET bought_at = b.at
    FROM (
        SELECT f2.id, min(o.placed_at) AS at
        FROM campaigns_offered f2
        JOIN campaigns_enrolment e ON e.id = f2.enrolment_id
        JOIN crm_order o ON o.account_id = e.account_id AND o.kind = 'sale'
             AND o.placed_at >= %(start)s AND o.placed_at < %(stop)s
        JOIN crm_orderline l ON l.order_id = o.id AND l.product_id = f2.product_id
        WHERE e.campaign_id = %(campaign)s GROUP BY f2.id
    ) b WHERE b.id = f.id
"""
