"""A complaint changes its account's score, and the score says so: from the ticket to the reason.

The book is made up: those who complain order no more, and nothing else foretells it as early.
"""

from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from django.utils import timezone

from analytics.artifacts import unpack
from analytics.lake import open_lake, refresh
from analytics.models import ModelVersion
from analytics.pipelines import rescoring, training
from analytics.pipelines.matrices import load_matrix
from analytics.pipelines.scoring import score_book
from crm.models import Account, Order, Score, Ticket
from crm.selectors.words import reason_text
from crm.services.tickets import open_ticket
from tests.demo_data import run_pipeline
from tests.factories import BookFactory
from tests.settled import wait_until_known, wait_until_readable

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]

ACCOUNTS = 240
DAYS = 330


@pytest.fixture
def book(lake_home):
    return BookFactory(code="shop", score_kinds=["churn"])


def trade(book, **more):
    """Let accounts order every ten days or so, and half of them complain some day and be gone then."""
    draw, begins = np.random.default_rng(3), timezone.now() - timedelta(days=DAYS)
    accounts = Account.objects.bulk_create(
        Account(book=book, kind="organisation", name=f"Shop {n}", currency="GBP") for n in range(ACCOUNTS)
    )
    orders, tickets = [], []
    for number, account in enumerate(accounts):
        leaves_on = draw.uniform(60, DAYS) if number % 2 else DAYS
        days = np.cumsum(draw.exponential(10, size=DAYS))
        orders += [order(account, begins + timedelta(days=day)) for day in days[days < leaves_on].tolist()]
        asks_at = begins + timedelta(days=draw.uniform(0, DAYS))
        tickets.append(ticket(account, "question", asks_at, **more))
        if number % 2:
            tickets.append(ticket(account, "complaint", begins + timedelta(days=leaves_on), **more))
    Order.objects.bulk_create(orders)
    Ticket.objects.bulk_create(tickets)


def order(account, at):
    return Order(
        public_id=uuid4(), book_id=account.book_id, account=account, kind="sale", number=str(uuid4()),
        placed_at=at, known_at=at, currency="GBP", amount=10, rate=1, amount_reporting=10,
    )  # fmt: skip


def ticket(account, kind, at, **more):
    solved = {"state": "solved", "solved_at": at + timedelta(days=1)}
    return Ticket(account=account, kind=kind, subject="?", opened_at=at, known_at=at, **solved, **more)


def trained(book, **params):
    run_pipeline(training.run, task="analytics.train", book=book.code, kind="churn", **params)
    return ModelVersion.objects.filter(book=book).latest("pk")


def score_everybody(book):
    wait_until_known()
    refresh()
    with open_lake() as lake:
        score_book(lake, book, lake.manifest.complete_until)


def test_a_complaint_moves_the_score_of_its_account_and_is_among_its_reasons(book):
    trade(book)
    version = trained(book)
    assert version.state == "live"
    assert "tickets_complaints_365" in version.feature_names
    score_everybody(book)
    before = Score.objects.filter(account__tickets__kind="question").earliest("value")

    open_ticket(account=before.account, details={"kind": "complaint", "subject": "Broken again"})
    wait_until_readable()
    done = run_pipeline(rescoring.run, task="analytics.rescore_changed")

    after = Score.objects.get(account=before.account)
    assert done.result["rescored"] == 1
    assert after.value > before.value + 0.1
    points = {reason["code"]: reason["points"] for reason in after.reasons}
    assert points["support"] > 0.5
    assert max(points, key=points.get) == "support"
    said = next(reason for reason in after.reasons if reason["code"] == "support")
    assert said["values"]["complaints"] == said["values"]["open"] == 1
    assert reason_text(said) == "1 complaint in a year, 1 ticket still open"
    assert Score.objects.filter(as_of__gt=before.as_of).count() == 1


def test_simulated_tickets_change_no_bit_of_a_model(book):
    trade(book, is_simulated=True)
    as_of = timezone.now() - timedelta(days=1)

    simulated = trained(book, as_of=as_of.isoformat())
    Ticket.objects.all().delete()
    without = trained(book, as_of=as_of.isoformat())

    assert without.pk != simulated.pk
    assert simulated.feature_names == without.feature_names
    assert not [name for name in simulated.feature_names if name.startswith("tickets_")]
    with open_lake() as lake:
        X = load_matrix(lake, book=book, as_of=as_of).columns(without.feature_names)
    assert len(X) > 0.9 * ACCOUNTS
    ours, theirs = (unpack(version).contributions(X) for version in (simulated, without))
    assert ours.tobytes() == theirs.tobytes()
