"""Measure what campaigns changed, by intention to treat, and how well scores foretold it."""

from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection, transaction

from analytics.ml.lift import Arm, difference_in_shares, incremental, sample_ratio_p_value
from analytics.ml.metrics import wilson_interval
from campaigns.models import Campaign
from campaigns.services.publish import Band, NewLiftReport, publish_lift_report
from crm.services.job_runs import RunningJob

METHOD = "newcombe-welch-1"
# Everybody enrolled counts from the draw on; what came later never filters the comparison.
_ENROLLED = """
    SELECT e.arm, (e.scores ->> %(score)s)::float8,
           coalesce(r.converted, false), coalesce(r.amount, 0)::float8
    FROM campaigns_enrolment e
    LEFT JOIN LATERAL (
        SELECT true AS converted, amount_reporting AS amount FROM campaigns_response
        WHERE enrolment_id = e.id AND kind = 'converted'
          AND at < e.enrolled_at + make_interval(days => %(days)s)
    ) r ON true
    WHERE e.campaign_id = %(campaign)s
    ORDER BY e.id
"""
_CLOSED = """
    SELECT coalesce(max(enrolled_at), '-infinity') + make_interval(days => %(days)s) <= now()
    FROM campaigns_enrolment WHERE campaign_id = %(campaign)s
"""
BAND_COUNT = 5


class EmptyArmError(ValueError):
    """Nobody was treated, or nobody held out: there is nothing to compare."""


def run(job: RunningJob) -> dict[str, Any]:
    """Measure every campaign whose response window has closed and that has no report yet."""
    waiting = Campaign.objects.filter(state=Campaign.State.DONE, lift_report__isnull=True)
    closed = [campaign for campaign in waiting.order_by("pk") if _is_closed(campaign)]
    without_comparison = 0
    for done, campaign in enumerate(closed, start=1):
        try:
            with transaction.atomic():
                measure(campaign, as_of=campaign.ends_at)
                job.fence()
        except EmptyArmError:
            without_comparison += 1
        job.progress("lift", done=done, total=len(closed), errors=without_comparison)
    return {"campaigns": len(closed), "without_comparison": without_comparison}


def _is_closed(campaign: Campaign) -> bool:
    """Say whether the last account enrolled has had the whole window to respond in."""
    with connection.cursor() as cursor:
        cursor.execute(_CLOSED, {"days": campaign.response_days, "campaign": campaign.pk})
        return bool(cursor.fetchone()[0])


def measure(campaign: Campaign, *, as_of: datetime) -> None:
    """Compute and publish the report of one campaign. Measuring twice leaves the last report.

    :raises EmptyArmError: if an arm is empty, since there is nothing to compare then.
    """
    arms, predicted, converted, amounts = _load(campaign)
    if arms.all() or not arms.any():
        raise EmptyArmError(f"Campaign {campaign.pk} has accounts in one arm only, or in none.")
    treated = _arm(converted[arms], amounts[arms])
    holdout = _arm(converted[~arms], amounts[~arms])
    share = difference_in_shares(treated.conversions, treated.n, holdout.conversions, holdout.n)
    gained = incremental(treated, holdout)
    money = gained.money  # None where nobody can say
    report = NewLiftReport(
        treated=treated.n,
        treated_converted=treated.conversions,
        holdout=holdout.n,
        holdout_converted=holdout.conversions,
        difference=share.difference,
        difference_low=share.low,
        difference_high=share.high,
        incremental_conversions=gained.conversions.value,
        incremental_conversions_low=gained.conversions.low,
        incremental_conversions_high=gained.conversions.high,
        incremental_amount=money.value if money else None,
        incremental_amount_low=money.low if money else None,
        incremental_amount_high=money.high if money else None,
        sample_ratio_p_value=sample_ratio_p_value(treated.n, holdout.n, 1 - campaign.holdout_share),
        method=METHOD,
        as_of=as_of,
        bands=[
            *_bands("holdout", predicted[~arms], converted[~arms]),
            *_bands("treated", predicted[arms], converted[arms]),
        ],
    )
    publish_lift_report(campaign=campaign, report=report)


def _load(campaign: Campaign) -> tuple[Any, Any, Any, Any]:
    """Return treated (bool), predicted response (NaN unknown), converted (bool), money."""
    parameters: dict[str, Any] = {
        "score": campaign.response_score,
        "days": campaign.response_days,
        "campaign": campaign.pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ENROLLED, parameters)
        rows = cursor.fetchall()
    arms = np.array([row[0] == "treated" for row in rows], dtype=bool)
    predicted = np.array([np.nan if row[1] is None else row[1] for row in rows], dtype=float)
    if campaign.response_is_complement:
        predicted = 1 - predicted
    converted = np.array([row[2] for row in rows], dtype=bool)
    return arms, predicted, converted, np.array([row[3] for row in rows], dtype=float)


def _arm(converted: Any, amounts: Any) -> Arm:
    return Arm(
        n=int(converted.size),
        conversions=int(converted.sum()),
        amount=float(amounts.sum()),
        amount_squares=float((amounts**2).sum()),
    )


def _bands(group: str, predicted: Any, converted: Any) -> list[Band]:
    """Cut the accounts into bands of equal count by predicted response."""
    known = np.isfinite(predicted)
    predicted, converted = predicted[known], converted[known]
    if predicted.size == 0:
        return []
    order = np.argsort(predicted, kind="stable")
    bands = []
    for part in np.array_split(order, min(BAND_COUNT, predicted.size)):
        hits = int(converted[part].sum())
        low, high = wilson_interval(hits, part.size)
        bands.append(
            Band(
                group=group,
                band_low=float(predicted[part].min()),
                band_high=float(predicted[part].max()),
                accounts=int(part.size),
                responded=hits,
                predicted=float(predicted[part].mean()),
                low=low,
                high=high,
            )
        )
    return bands
