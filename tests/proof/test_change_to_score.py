"""From an order that arrives to the score on the page, with a real worker and a real beat.

The numbers are those that scoring everybody gives.
"""

import re
import time
from datetime import timedelta

import pytest
from django.db.models import Max
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from analytics.lake import open_lake, refresh
from analytics.pipelines.scoring import score_book
from crm.models import Account, Job, Order, Schedule, Score, Ticket
from crm.services.feed import record_change
from tests.conftest import signed_in
from tests.proof.conftest import wait_for
from tests.proof.scored_book import Hosts, make_scored_book

pytestmark = pytest.mark.proof

WITHIN = 60  # seconds, when nothing else happens
KINDS = ["order.placed", "payment.received", "event.received", "ticket.opened"]


@pytest.fixture
def book(plant, settings, tmp_path, monkeypatch):
    settings.FILES_ROOT = tmp_path / "files"
    made = make_scored_book(monkeypatch)
    hosts = Hosts(plant, str(settings.FILES_ROOT))
    Schedule.objects.create(
        name="rescoring",
        task="analytics.rescore_changed",
        every_minutes=5,
        next_due_at=timezone.now() + timedelta(minutes=5),
        params={"reader": "analytics.rescore", "kinds": KINDS},
    )
    worker = hosts.start("worker")
    wait_for(lambda: plant.is_ready(worker), seconds=plant.size.patience)
    plant.start_beat()
    return made


def quiet_account(book):
    """Return the customer with a score who has been quiet for longest."""
    customers = Account.objects.filter(book=book, scores__kind="churn")
    return customers.annotate(last=Max("orders__placed_at")).order_by("last").first()


def place_order(account):
    order = Order.objects.create(
        public_id="0198c0de-0000-7000-8000-000000000001", book_id=account.book_id, account=account,
        kind="sale", number="just-now", placed_at=Now(), currency="GBP", amount=100, rate=1,
        amount_reporting=100,
    )  # fmt: skip
    record_change(kind="order.placed", object_id=order.pk, account_id=account.pk)


def open_ticket(account):
    ticket = Ticket.objects.create(account=account, kind="question", state="open", subject="?", text="")
    record_change(kind="ticket.opened", object_id=ticket.pk, account_id=account.pk)


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def seconds_until_rescored(account, before):
    """Wait until every kind of score of the account is new; each is published as soon as it is known."""
    began = time.monotonic()
    old = Score.objects.filter(account=account, as_of__lte=before.as_of)
    wait_for(lambda: not old.exists(), seconds=WITHIN)
    return time.monotonic() - began


def test_an_order_is_on_the_page_as_a_new_score_with_its_reason_within_a_minute(book):
    account = quiet_account(book)
    client = signed_in("administrator")
    address = reverse("crm:account-detail", args=[account.public_id])
    page_before = text_of(client.get(address))
    before = Score.objects.get(account=account, kind="churn")

    place_order(account)
    took = seconds_until_rescored(account, before)

    after = Score.objects.get(account=account, kind="churn")
    print(f"order to score: {took:.1f} s; {before.value:.3f} -> {after.value:.3f}")
    assert took <= WITHIN
    assert after.value != before.value
    days = {reason["code"]: reason["values"].get("days") for reason in after.reasons}
    assert days.get("recency", days.get("rhythm")) == 0
    page = text_of(client.get(address))
    assert page != page_before
    assert_equal_to_a_full_scoring(book, account)


def assert_equal_to_a_full_scoring(book, account):
    wanted = {score.kind: score for score in Score.objects.filter(account=account)}
    as_of = wanted["churn"].as_of
    wait_for(lambda: refresh().complete_until > as_of)
    with open_lake() as lake:
        score_book(lake, book, as_of)
    for kind in ("churn", "purchase", "payment_risk"):
        found = Score.objects.get(account=account, kind=kind)
        assert (found.as_of, found.value, found.reasons) == (as_of, wanted[kind].value, wanted[kind].reasons)


@pytest.mark.long  # of the two chains the order's is the longer one
def test_a_ticket_has_its_account_scored_again_and_nobody_else(book):
    account = quiet_account(book)
    before = Score.objects.get(account=account, kind="churn")

    open_ticket(account)
    seconds_until_rescored(account, before)

    newer = Score.objects.filter(as_of__gt=before.as_of).values_list("account_id", flat=True)
    assert set(newer) == {account.pk}
    assert Job.objects.filter(task="analytics.rescore_changed").exclude(state="failed").exists()
