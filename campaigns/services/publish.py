"""What analytics says about campaigns. Campaigns reads its own tables only."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from campaigns.models import Campaign, LiftReport
from crm.services.feed import record_change


@dataclass(frozen=True, slots=True)
class Band:
    """Enrolled accounts whose predicted response lay in one band, and how many responded.

    Shares are 0..1. `predicted` is the mean prediction; `low` and `high` a 90 % interval of the
    observed share. Counted over the holdout alone where the campaign's effect would blur the
    comparison, or over both arms (`group`).
    """

    group: str  # "holdout" | "treated"
    band_low: float
    band_high: float
    accounts: int
    responded: int
    predicted: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class NewLiftReport:
    treated: int
    treated_converted: int
    holdout: int
    holdout_converted: int
    difference: float
    difference_low: float
    difference_high: float
    incremental_conversions: float
    incremental_conversions_low: float
    incremental_conversions_high: float
    incremental_amount: float | None
    incremental_amount_low: float | None
    incremental_amount_high: float | None
    sample_ratio_p_value: float
    method: str
    as_of: datetime
    bands: list[Band] = field(default_factory=list)


@transaction.atomic
def publish_lift_report(*, campaign: Campaign, report: NewLiftReport) -> LiftReport:
    """Make this the campaign's current report. Publishing twice leaves the last one."""
    values: dict[str, Any] = asdict(report)
    published, _ = LiftReport.objects.update_or_create(
        campaign=campaign, defaults={**values, "published_at": Now()}
    )
    record_change(kind="lift.published", object_id=campaign.pk)
    return published
