"""A small made-up book with live models, and what was published of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection

from analytics.lake import open_lake, refresh
from analytics.models import ReasonTotals
from analytics.pipelines.scoring import score_book
from benchmarks.live_models import make_models_live
from crm.models import Book, Recommendation, Score, Value
from crm.services import generation
from crm.services.generation import Size, generate
from tests.proof.conftest import Plant
from tests.settled import wait_until_readable

ACCOUNTS = 400
PRODUCTS = 60


def make_scored_book(monkeypatch: Any, *, accounts: int = ACCOUNTS) -> Book:
    """Fill the empty database, train every kind of model, and score everybody as of now."""
    monkeypatch.setattr(generation, "PRODUCTS", PRODUCTS)
    generate(size=Size(accounts=accounts, orders=accounts * 15, events=accounts * 2))
    book = Book.objects.get(code="generated")
    unpublish()  # what was made up along with the customers
    make_models_live(book)
    wait_until_readable()
    refresh()
    with open_lake() as lake:
        score_book(lake, book, lake.manifest.complete_until)
    return book


def published() -> dict[str, Any]:
    """Return all that is shown, without the moments at which it was written."""
    scores = Score.objects.order_by("account_id", "kind")
    values = Value.objects.order_by("account_id", "kind")
    offers = Recommendation.objects.order_by("account_id", "rank")
    return {
        "scores": list(scores.values_list("account_id", "kind", "value", "base_log_odds", "as_of")),
        "reasons": list(scores.values_list("account_id", "kind", "reasons")),
        "values": list(values.values_list("account_id", "kind", "amount", "low", "high", "details")),
        "offers": list(offers.values_list("account_id", "product_id", "rank", "kind", "score", "reason")),
        "drivers": summed_reasons(),
    }


def summed_reasons() -> list[tuple[Any, ...]]:
    """Return what drives the scores of each segment, whatever parts it was summed up in.

    Rows of kind, split, segment, what is summed and the sum.
    """
    found: dict[tuple[str, ...], float] = defaultdict(float)
    for totals in ReasonTotals.objects.order_by("part"):
        for segment in totals.segments:
            key = (totals.kind, totals.split, str(segment["value"]))
            found[*key, "accounts"] += segment["accounts"]
            found[*key, "score"] += segment["score"]
            for code, (signed, size) in segment["reasons"].items():
                found[*key, code, "signed"] += signed
                found[*key, code, "size"] += size
    return sorted((*key, round(value, 6)) for key, value in found.items())


def unpublish() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE crm_score, crm_value, crm_recommendation")


@dataclass
class Hosts:
    """Workers that share the database, the broker and the folder of files, and nothing else."""

    plant: Plant
    files: str

    def __post_init__(self) -> None:
        environment = self.plant.environment
        shared = {"FILES_ROOT": self.files, "ACCOUNTS_PER_RANGE": "40", "PYTHONPATH": str(Path.cwd())}
        self.plant.environment = lambda: environment() | shared  # type: ignore[method-assign] # one more variable for each process

    def start(self, name: str) -> Any:
        home = self.plant.folder / f"home-{name}"
        home.mkdir()
        environment = self.plant.environment
        self.plant.environment = lambda: environment() | {"HOME": str(home)}  # type: ignore[method-assign] # one more variable for each process
        quick = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=INFO"]
        worker = self.plant.start(
            name, "--workdir", str(home), "worker", "--concurrency=1", f"--hostname={name}@proof", *quick
        )
        self.plant.environment = environment  # type: ignore[method-assign] # one more variable for each process
        return worker
