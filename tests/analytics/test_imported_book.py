"""A live book out of files: from three CSV files to scores on its accounts, by the ordinary jobs."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from analytics.pipelines import nightly, scoring, training
from crm.models import Account, Book, Order, Score
from crm.services.books import make_book
from tests.databases import empty_tables
from tests.demo_data import run_pipeline
from tests.importing import committed
from tests.settled import wait_until_readable

pytestmark = pytest.mark.django_db

ACCOUNTS = 1_000
DAYS = 600


def customers() -> list[dict[str, str]]:
    return [{"ID": str(n), "Name": f"Shop {n}", "Country": "DE"} for n in range(ACCOUNTS)]


def orders(now: datetime) -> Iterator[dict[str, str]]:
    """Each customer buys at a pace of its own until it is lost, some of them early."""
    draw = random.Random(11)
    for customer in range(ACCOUNTS):
        pace, day = draw.uniform(8, 45), draw.uniform(0, 120)
        lost_on = DAYS if draw.random() < 0.45 else draw.uniform(60, DAYS)
        number = 0
        while day < lost_on:
            at = now - timedelta(days=DAYS - day)
            yield {
                "Order": f"{customer}-{number}",
                "Customer": str(customer),
                "Date": at.strftime("%Y-%m-%d %H:%M"),
                "SKU": f"P{draw.randrange(6)}",
                "Qty": str(draw.randrange(1, 9)),
                "Price": f"{draw.uniform(2, 40):.2f}",
            }
            day += draw.expovariate(1 / pace) + 0.01
            number += 1


def tell() -> dict[str, Any]:
    now = datetime.fromtimestamp(timezone.now().timestamp(), UTC) - timedelta(hours=1)
    book = make_book(code="shop", name="Shop", currency="GBP", score_kinds=["churn", "purchase"])
    committed("accounts", customers(), book=book)
    committed("products", [{"Code": f"P{n}", "Name": f"Thing {n}"} for n in range(6)], book=book)
    committed("orders", list(orders(now)), book=book, is_history=True)
    wait_until_readable()
    run_pipeline(nightly.run, task="analytics.nightly")
    trained = run_pipeline(training.run, task="analytics.train", book="shop", kind="churn")
    run_pipeline(scoring.run, task="analytics.score_book", scope="book:shop", book="shop")
    return {"trained": trained.result, "scores": Score.objects.filter(account__book=book).count()}


@pytest.fixture(scope="module")
def story(django_db_setup: Any, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("files")
    with django_db_blocker.unblock(), override_settings(FILES_ROOT=folder):
        try:
            yield tell()
        finally:
            empty_tables()


def test_imported_history_is_enough_to_train_and_score_a_live_book(story):
    assert Order.objects.count() > 20 * ACCOUNTS / 2
    assert story["scores"] > 0, story["trained"]
    scored = Score.objects.filter(kind="churn")
    assert scored.count() > ACCOUNTS / 4


def test_those_who_stopped_long_ago_are_not_scored_as_buyers(story):
    book = Book.objects.get(code="shop")
    recent = Order.objects.filter(book=book, placed_at__gt=timezone.now() - timedelta(days=365))

    scored = set(Score.objects.filter(kind="churn").values_list("account_id", flat=True))
    assert scored <= set(recent.values_list("account_id", flat=True))
    assert scored <= set(Account.objects.filter(book=book).values_list("pk", flat=True))
