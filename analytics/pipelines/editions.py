"""Which version publishes, and under what stamp."""

from datetime import datetime

from analytics.artifacts import is_usable
from analytics.models import ModelVersion
from analytics.services.model_versions import model_number
from crm.models import Book
from crm.services.publish import Edition


def live_version(book: Book, kind: str) -> ModelVersion | None:
    """Return the live model that can be used here; without one the last published numbers stay."""
    live = ModelVersion.objects.filter(book=book, kind=kind, state=ModelVersion.State.LIVE)
    version = live.select_related("book").first()
    return version if version is not None and is_usable(version) else None


def edition_of(version: ModelVersion, as_of: datetime, *, is_weekly: bool = False) -> Edition:
    return Edition(
        book=version.book,
        as_of=as_of,
        horizon_days=version.horizon_days,
        model_version=version.version,
        model_number=model_number(version.version),
        is_weekly=is_weekly,
    )
