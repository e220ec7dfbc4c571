"""Publishing scores by the product's way against one upsert an account, in the same run."""

from __future__ import annotations

import time

from django.db import connection, transaction
from django.utils import timezone

from crm.models import Account, Book, Score
from crm.services.publish import Edition, NewScore, publish_scores

KIND = Score.Kind.CHURN


def measure_publishing(most: int = 100_000, by_rows: int = 2_000) -> dict[str, float]:
    """Return scores a second of both, each rolled back so that the books stay as generated."""
    ids = list(Account.objects.order_by("pk").values_list("pk", flat=True)[:most])
    edition = Edition(
        book=Book.objects.get(code="generated"),
        as_of=timezone.now(),
        horizon_days=90,
        model_version="benchmark-1",
    )
    few = ids[:by_rows]
    return {
        "scores": len(ids),
        "published_per_second": len(ids) / _seconds(ids, edition, in_one_go=True),
        "rows": len(few),
        "rows_per_second": len(few) / _seconds(few, edition, in_one_go=False),
    }


def _seconds(ids: list[int], edition: Edition, *, in_one_go: bool) -> float:
    started = time.perf_counter()
    with transaction.atomic():
        if in_one_go:
            publish_scores(kind=KIND, scores=[NewScore(pk, 0.5, -1.0) for pk in ids], edition=edition)
        else:
            _row_by_row(ids, edition)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit would check
        took = time.perf_counter() - started
        transaction.set_rollback(True)
    return took


def _row_by_row(ids: list[int], edition: Edition) -> None:
    for pk in ids:
        Score.objects.update_or_create(
            account_id=pk,
            kind=KIND,
            defaults={
                "value": 0.5,
                "base_log_odds": -1.0,
                "horizon_days": edition.horizon_days,
                "model_version": edition.model_version,
                "as_of": edition.as_of,
                "published_at": edition.as_of,
            },
        )
