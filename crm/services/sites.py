"""What administrators say about tracking: which sites may report, and for how long it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from crm.models import EventRetention, TrackedSite


def create_site(*, details: Mapping[str, Any]) -> TrackedSite:
    site = TrackedSite(**details)
    site.save(force_insert=True)
    return site


def edit_site(*, site: TrackedSite, changes: Mapping[str, Any]) -> None:
    """Store the changes. The book stays: what was reported belongs to its customers."""
    TrackedSite.objects.filter(pk=site.pk).update(**{k: v for k, v in changes.items() if k != "book"})


@transaction.atomic
def keep_events(*, days: Mapping[str, int | None]) -> None:
    """Say for how many days events of each kind are kept; None is for good."""
    for kind, number in days.items():
        if number is None:
            EventRetention.objects.filter(kind=kind).delete()
        else:
            EventRetention.objects.update_or_create(kind=kind, defaults={"days": number})
