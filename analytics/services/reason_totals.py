"""Sums of reasons by segment, written down in the transaction that publishes the scores."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q

from analytics.models import ReasonTotals
from crm.services.publish import Edition


@transaction.atomic
def keep_reason_totals(
    *, kind: str, edition: Edition, part: int, parts: int, segments: Mapping[str, Sequence[dict[str, Any]]]
) -> None:
    """Keep the sums of one part of a book. Scoring the same moment again overwrites them.

    A book in one piece replaces what was kept of this version's earlier moments.
    """
    of_version = ReasonTotals.objects.filter(model_version=edition.model_version)
    if parts == 1:
        of_version.filter(as_of__lte=edition.as_of).delete()
    of_version.filter(as_of=edition.as_of, part=part).delete()
    ReasonTotals.objects.bulk_create(
        ReasonTotals(
            book=edition.book,
            kind=kind,
            model_version=edition.model_version,
            as_of=edition.as_of,
            part=part,
            parts=parts,
            split=split,
            segments=list(found),
        )
        for split, found in segments.items()
    )


@transaction.atomic
def clear_reason_totals(*, edition: Edition) -> None:
    """Make room for the parts of a large book: of this moment nothing stays, of earlier ones the newest.

    That one stays readable until all parts of this moment have come in.
    """
    of_version = ReasonTotals.objects.filter(model_version=edition.model_version)
    earlier = of_version.filter(as_of__lt=edition.as_of)
    stale = Q(as_of=edition.as_of)
    if (newest := earlier.newest_whole()) is not None:
        stale |= Q(as_of__lt=newest)
    of_version.filter(stale).delete()
