"""What monitoring found, written down: one row per version, topic, group and moment."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from analytics.models import ModelCheck
from crm.models import Book


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, and what came out."""

    book: Book
    kind: str
    model_version: str
    topic: ModelCheck.Topic
    as_of: datetime
    known_at: datetime
    figures: dict[str, Any]
    findings: list[dict[str, Any]] = field(default_factory=list)
    group: str = ""


@transaction.atomic
def record_check(*, finding: Finding) -> ModelCheck:
    """Keep what was found. Looking at the same moment again overwrites what was found of it."""
    check, _made = ModelCheck.objects.update_or_create(
        model_version=finding.model_version,
        topic=finding.topic,
        group=finding.group,
        as_of=finding.as_of,
        defaults={
            "book": finding.book,
            "kind": finding.kind,
            "known_at": finding.known_at,
            "figures": finding.figures,
            "findings": finding.findings,
            "checked_at": Now(),
        },
    )
    return check
