from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from analytics.artifacts import ArtifactMismatchError, unpack
from analytics.lake.restoring import discard
from analytics.models import ModelVersion
from crm.services.feed import mend_after_restore


class Command(BaseCommand):
    """Make a restored database fit for work: run it once, before the workers start."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        mended = mend_after_restore()
        self.stdout.write("change feed: " + ("renumbered" if mended else "as it should be"))
        self.stdout.write("lake: " + ("discarded; the next run builds it" if discard() else "none"))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # a dump has no statistics, and plans are made of them
        self.stdout.write("statistics: made")
        for version in ModelVersion.objects.filter(state=ModelVersion.State.LIVE).order_by("pk"):
            self.stdout.write(f"model {version.version}: {self._fitness(version)}")

    def _fitness(self, version: ModelVersion) -> str:
        try:
            unpack(version)
        except ArtifactMismatchError as error:
            return f"NOT usable here. {error}"
        return "usable"
