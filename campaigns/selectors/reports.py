"""A campaign's report: few set-based queries, whatever the size of the audience."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet

from campaigns.models import Campaign, Delivery, Enrolment, LiftReport, Offered, Response
from crm.models import Account
from crm.models.access import Principal

BAND_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
SAMPLE_RATIO_ALARM = 0.01  # below this p-value the draw is not to be trusted
STEPS = ("enrolled", "holdout", "treated", "sent", "delivered", "opened", "clicked", "converted")


@dataclass(frozen=True, slots=True)
class AudienceBand:
    """How many enrolled accounts had a score, or a value, of this band when they were enrolled."""

    low: float
    high: float
    treated: int
    holdout: int


@dataclass(frozen=True, slots=True)
class OfferRow:
    product: str
    kind: str
    offered: int
    bought: int

    @property
    def share(self) -> float:
        return self.bought / self.offered if self.offered else 0.0


@dataclass(frozen=True, slots=True)
class CampaignReport:
    campaign: Campaign
    lift: LiftReport | None
    counts: dict[str, int]
    scores: dict[str, list[AudienceBand]]
    values: dict[str, list[AudienceBand]]
    offers: list[OfferRow]
    offered: int
    bought: int

    @property
    def draw_is_sound(self) -> bool:
        return self.lift is None or self.lift.sample_ratio_p_value >= SAMPLE_RATIO_ALARM

    @property
    def cost_per_conversion(self) -> float | None:
        """Cost of each incremental conversion; None unless some were surely gained."""
        if self.lift is None or self.lift.incremental_conversions_low <= 0:
            return None
        return float(self.campaign.cost_amount) / self.lift.incremental_conversions

    @property
    def return_interval(self) -> tuple[float, float, float] | None:
        """Return on the cost: (incremental money - cost) / cost, with its 90 % interval.

        None unless money was surely gained or lost: a share of noise looks like a finding.
        """
        cost, lift = float(self.campaign.cost_amount), self.lift
        if lift is None or cost == 0:
            return None
        gains = (lift.incremental_amount, lift.incremental_amount_low, lift.incremental_amount_high)
        known = [gain for gain in gains if gain is not None]
        if len(known) < len(gains) or known[1] <= 0 <= known[2]:
            return None
        middle, bottom, top = ((gain - cost) / cost for gain in known)
        return middle, bottom, top

    @property
    def holdout_hits(self) -> tuple[int, int]:
        """Return in how many bands of the holdout the prediction lay within the interval; of how many."""
        bands = self.bands("holdout")
        return sum(band["low"] <= band["predicted"] <= band["high"] for band in bands), len(bands)

    def bands(self, group: str) -> list[dict[str, Any]]:
        """Return predicted against actual response by band, for the holdout or the treated."""
        if self.lift is None:
            return []
        return [band for band in self.lift.bands if band["group"] == group]


def get_campaign_report(campaign: Campaign) -> CampaignReport:
    offers = _offers(campaign)
    totals = Offered.objects.filter(enrolment__campaign=campaign, enrolment__arm="treated").aggregate(
        offered=Count("pk"), bought=Count("pk", filter=Q(bought_at__isnull=False))
    )
    return CampaignReport(
        campaign=campaign,
        lift=LiftReport.objects.filter(campaign=campaign).first(),
        counts=_counts(campaign),
        scores=_score_bands(campaign),
        values=_value_bands(campaign),
        offers=offers,
        offered=totals["offered"],
        bought=totals["bought"],
    )


def list_accounts_at(campaign: Campaign, step: str, principal: Principal) -> QuerySet[Account]:
    """Return the accounts behind a number of the funnel that this person may see.

    :raises ValueError: if there is no such step.
    """
    enrolments = Enrolment.objects.filter(campaign=campaign)
    match step:
        case "enrolled":
            chosen = enrolments
        case "holdout" | "treated":
            chosen = enrolments.filter(arm=step)
        case "sent" | "delivered":
            deliveries = Delivery.objects.filter(campaign=campaign)
            if step == "delivered":
                deliveries = deliveries.filter(state=Delivery.State.DELIVERED)
            chosen = enrolments.filter(account__in=deliveries.values("account"))
        case "opened" | "clicked" | "converted":
            chosen = enrolments.filter(arm="treated", responses__kind=step)
        case _:
            raise ValueError(f"{step!r} is not a step of the funnel.")
    return Account.objects.visible_to(principal).filter(pk__in=chosen.values("account"))


def _counts(campaign: Campaign) -> dict[str, int]:
    arms = Enrolment.objects.filter(campaign=campaign).aggregate(
        enrolled=Count("pk"),
        holdout=Count("pk", filter=Q(arm=Enrolment.Arm.HOLDOUT)),
        treated=Count("pk", filter=Q(arm=Enrolment.Arm.TREATED)),
    )
    sends = Delivery.objects.filter(campaign=campaign).aggregate(
        sent=Count("pk"),
        delivered=Count("pk", filter=Q(state=Delivery.State.DELIVERED)),
        bounced=Count("pk", filter=Q(state__in=["hard_bounce", "soft_bounce"])),
        complaints=Count("pk", filter=Q(state=Delivery.State.COMPLAINT)),
    )
    treated = Response.objects.filter(enrolment__campaign=campaign, enrolment__arm="treated")
    kinds = dict(treated.values_list("kind").annotate(n=Count("pk")))
    return {**arms, **sends, **{kind: kinds.get(kind, 0) for kind in Response.Kind.values}}


# The last band holds 1 too; width_bucket gives it a bucket of its own otherwise.
_SCORE_BANDS = """
    SELECT s.key, least(width_bucket(s.value::float8, 0, 1, 5), 5), e.arm, count(*)
    FROM campaigns_enrolment e, jsonb_each_text(e.scores) s
    WHERE e.campaign_id = %s GROUP BY 1, 2, 3
"""

_VALUE_BANDS = """
    WITH each AS (
        SELECT v.key, v.value::float8 AS amount, e.arm,
               ntile(4) OVER (PARTITION BY v.key ORDER BY v.value::float8) AS quarter
        FROM campaigns_enrolment e, jsonb_each_text(e.values) v
        WHERE e.campaign_id = %s
    )
    SELECT key, quarter, min(amount), max(amount),
           count(*) FILTER (WHERE arm = 'treated'), count(*) FILTER (WHERE arm = 'holdout')
    FROM each GROUP BY key, quarter ORDER BY key, quarter
"""

_OFFERS = """
    SELECT p.name, mode() WITHIN GROUP (ORDER BY f.kind), count(*), count(f.bought_at)
    FROM campaigns_offered f
    JOIN campaigns_enrolment e ON e.id = f.enrolment_id
    JOIN crm_product p ON p.id = f.product_id
    WHERE e.campaign_id = %s AND e.arm = 'treated'
    GROUP BY p.id ORDER BY count(f.bought_at) DESC, count(*) DESC, p.id LIMIT 10
"""


def _rows(sql: str, campaign: Campaign) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [campaign.pk])
        return list(cursor.fetchall())


def _score_bands(campaign: Campaign) -> dict[str, list[AudienceBand]]:
    found: dict[str, dict[tuple[int, str], int]] = {}
    for kind, bucket, arm, n in _rows(_SCORE_BANDS, campaign):
        found.setdefault(kind, {})[bucket, arm] = n
    return {
        kind: [
            AudienceBand(low, high, n.get((i, "treated"), 0), n.get((i, "holdout"), 0))
            for i, (low, high) in enumerate(pairwise(BAND_EDGES), start=1)
        ]
        for kind, n in sorted(found.items())
    }


def _value_bands(campaign: Campaign) -> dict[str, list[AudienceBand]]:
    bands: dict[str, list[AudienceBand]] = {}
    for kind, _quarter, low, high, treated, holdout in _rows(_VALUE_BANDS, campaign):
        bands.setdefault(kind, []).append(AudienceBand(low, high, treated, holdout))
    return bands


def _offers(campaign: Campaign) -> list[OfferRow]:
    return [OfferRow(*row) for row in _rows(_OFFERS, campaign)]


def budget_share(campaign: Campaign) -> Decimal | None:
    """Return which share of the budget was spent, 0 and up; None without a budget."""
    if not campaign.budget_amount:
        return None
    return campaign.cost_amount / campaign.budget_amount
