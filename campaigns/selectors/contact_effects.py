"""What contacting a customer has been shown to change, by the holdouts of past campaigns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import sqrt

from campaigns.models import Campaign, LiftReport
from campaigns.selectors.reports import SAMPLE_RATIO_ALARM

NORMAL_90 = 1.6449  # half of a 90 % interval, in standard errors
LEAST_ERROR = 1e-4


@dataclass(frozen=True, slots=True)
class Worth:
    """Money that a contact is worth, in the reporting currency, with a 90 % interval."""

    amount: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ContactEffect:
    """Of the customers who would not have bought, the share that did because somebody contacted them.

    Pooled over campaigns, those that disagree widen the 90 % interval. `is_by_phone` says that the
    contacts were calls; where no calls were measured, all channels speak for them. `is_simulated` says
    that some of the campaigns never took place.
    """

    campaigns: int = 0
    is_by_phone: bool = False
    is_simulated: bool = False
    share: float = 0.0
    low: float = 0.0
    high: float = 0.0

    @property
    def is_known(self) -> bool:
        """Whether anything was shown: an interval that holds zero shows nothing."""
        return self.campaigns > 0 and self.low > 0.0

    def worth(self, at_stake: float) -> Worth | None:
        """Return what is at stake times what a contact changes, or None while that isn't known."""
        if not self.is_known:
            return None
        return Worth(at_stake * self.share, at_stake * self.low, at_stake * self.high)


def get_contact_effects(book_ids: Collection[int]) -> dict[int, ContactEffect]:
    """Return the effect for each of the books, also where nothing has been measured."""
    reports = LiftReport.objects.filter(
        campaign__book__in=book_ids, sample_ratio_p_value__gte=SAMPLE_RATIO_ALARM, holdout__gt=0
    ).select_related("campaign")
    by_book: defaultdict[int, list[LiftReport]] = defaultdict(list)
    for report in reports:
        by_book[report.campaign.book_id].append(report)
    return {book: _effect(by_book[book]) for book in book_ids}


def get_contact_effect(book_id: int) -> ContactEffect:
    return get_contact_effects([book_id])[book_id]


def _effect(reports: Sequence[LiftReport]) -> ContactEffect:
    """Pool the reports by precision, with the variance between campaigns added (DerSimonian-Laird)."""
    calls = [report for report in reports if report.campaign.channel == Campaign.Channel.PHONE]
    is_simulated = any(report.campaign.is_simulated for report in calls or reports)
    measured = [each for each in map(_saved, calls or reports) if each is not None]
    if not measured:
        return ContactEffect()
    between = _between(measured)
    weights = [1.0 / (error**2 + between) for _share, error in measured]
    total = sum(weights)
    share = sum(w * share for w, (share, _error) in zip(weights, measured, strict=True)) / total
    half = NORMAL_90 / sqrt(total)
    return ContactEffect(len(measured), bool(calls), is_simulated, share, share - half, share + half)


def _saved(report: LiftReport) -> tuple[float, float] | None:
    """Return the share of those who would not have bought that did, and its standard error."""
    without = 1.0 - report.holdout_converted / report.holdout
    if without <= 0.0:
        return None
    error = (report.difference_high - report.difference_low) / (2.0 * NORMAL_90 * without)
    return report.difference / without, max(error, LEAST_ERROR)


def _between(measured: Sequence[tuple[float, float]]) -> float:
    weights = [1.0 / error**2 for _share, error in measured]
    total = sum(weights)
    mean = sum(w * share for w, (share, _error) in zip(weights, measured, strict=True)) / total
    spread = sum(w * (share - mean) ** 2 for w, (share, _error) in zip(weights, measured, strict=True))
    scale = total - sum(w**2 for w in weights) / total
    return max(0.0, (spread - (len(measured) - 1)) / scale) if scale > 0.0 else 0.0
