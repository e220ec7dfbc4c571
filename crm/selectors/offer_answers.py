"""What came of recommendations: the newest answers, and how many of each kind a model got."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Now

from crm.models import Book, OfferAnswer, Recommendation

QUIET_DAYS = 90  # so long what was taken or not wanted is not offered again


def newest_answer() -> Subquery:
    """Return, beside a recommendation, the newest answer of the last 90 days to its product."""
    said = OfferAnswer.objects.filter(
        account=OuterRef("account"), product=OuterRef("product"), at__gte=Now() - timedelta(days=QUIET_DAYS)
    )
    return Subquery(said.order_by("-at", "-pk").values("answer")[:1])


def settled_offers(book: Book, *, since: datetime) -> Iterator[tuple[int, int]]:
    """Yield account and product wherever the newest answer since then was yes or no."""
    said = OfferAnswer.objects.filter(account__book=book, at__gte=since)
    newest = said.order_by("account_id", "product_id", "-at", "-pk").distinct("account_id", "product_id")
    for account, product, answer in newest.values_list("account_id", "product_id", "answer"):
        if answer in OfferAnswer.SETTLED:
            yield account, product


def count_answers(model_version: str) -> dict[str, dict[str, int]]:
    """Return how often each kind of recommendation of this version was offered, accepted, not wanted."""
    counted: dict[str, dict[str, int]] = {}
    said = OfferAnswer.objects.filter(model_version=model_version).order_by("kind", "answer")
    for kind, answer, n in said.values_list("kind", "answer").annotate(n=Count("pk")):
        counted.setdefault(kind, {})[answer] = n
    return counted


@dataclass(frozen=True, slots=True)
class OfferCounts:
    """What came of one kind of recommendation of a version."""

    kind: str
    offered: int
    accepted: int
    not_interested: int

    @property
    def accepted_share(self) -> float | None:
        """Return the share of yes among yes and no; None before anybody said either."""
        settled = self.accepted + self.not_interested
        return self.accepted / settled if settled else None


def list_answers(model_version: str) -> list[OfferCounts]:
    """Return what came of this version's recommendations, by kind, where anything did."""
    counted = count_answers(model_version)
    return [
        OfferCounts(
            str(label), said.get("offered", 0), said.get("accepted", 0), said.get("not_interested", 0)
        )
        for kind, label in Recommendation.Kind.choices
        if (said := counted.get(kind))
    ]
