"""The whole chain on small books of real data: facts, lake, features, models, published numbers.

The books are loaded and replayed once. What needs commits of its own happens in the fixture, in
order; the tests look at what came of it.
"""

import math
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Count
from django.test import override_settings
from django.utils import timezone

from analytics.models import ModelVersion, Prediction, ReasonTotals
from analytics.pipelines import demo, lift, nightly, rescoring, training
from campaigns.models import Campaign, Enrolment, LiftReport, Response
from crm.models import (
    Account,
    Basket,
    Book,
    Job,
    Order,
    ProductFigures,
    ProductPair,
    Recommendation,
    Reliability,
    Score,
    Value,
)
from crm.services.feed import record_change
from tests.databases import empty_tables
from tests.demo_data import load_small_books, run_pipeline
from tests.settled import wait_until_readable

pytestmark = pytest.mark.django_db

FULL = os.environ.get("SEXTANT_PROOF") == "full"
TABLES = (
    Score, Value, Recommendation, Prediction, Reliability, ModelVersion, Enrolment, Response,
    ProductFigures, ProductPair, Basket,
)  # fmt: skip


@dataclass
class Story:
    """What there was after each chapter."""

    first: dict[str, int]
    again: dict[str, int]
    rescored: Job
    buyer: Account
    buyer_before: Score
    buyer_after: Score
    others_after: int
    nightly: Job
    training: Job
    young: Job
    lead: Job


def counts() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in TABLES}


def replay(*codes: str) -> dict[str, int]:
    for code in codes:
        run_pipeline(demo.run, task="analytics.prepare_demo", scope=f"book:{code}", book=code)
    return counts()


def place_an_order(account: Account) -> None:
    """Let the account order again, in a book that has become a live one."""
    Book.objects.filter(pk=account.book_id).update(is_demo=False, ends_at=None)
    last = Order.objects.filter(account=account).latest("placed_at")
    now = timezone.now()
    order = Order.objects.create(
        public_id="0198c0de-0000-7000-8000-000000000001",
        book_id=account.book_id,
        account=account,
        kind="sale",
        number="late-order",
        placed_at=now - timedelta(minutes=5),
        known_at=now - timedelta(minutes=5),
        currency=last.currency,
        amount=100,
        rate=1,
        amount_reporting=100,
    )
    record_change(kind="order.placed", object_id=order.pk, account_id=account.pk)


def edit_a_lead(book: Book) -> None:
    """Change an account of which nothing can be predicted yet."""
    lead = Account.objects.create(book=book, kind="organisation", name="A lead", currency="GBP", stage="lead")
    record_change(kind="account.updated", object_id=lead.pk, account_id=lead.pk)
    wait_until_readable()


def young_book() -> Book:
    return Book.objects.create(code="young", name="Young", currency="GBP", score_kinds=["churn"])


def tell() -> Story:
    load_small_books()
    first, again = replay("wholesale", "bank"), replay("wholesale" if FULL else "bank")
    before = Score.objects.filter(kind="churn").select_related("account").latest("value")
    place_an_order(before.account)
    wait_until_readable()
    rescored = run_pipeline(rescoring.run, task="analytics.rescore_changed")
    after = Score.objects.get(account=before.account, kind="churn")
    newer = Score.objects.filter(kind="churn", as_of__gt=before.as_of).count()
    edit_a_lead(before.account.book)
    return Story(
        lead=run_pipeline(rescoring.run, task="analytics.rescore_changed"),
        first=first,
        again=again,
        rescored=rescored,
        buyer=before.account,
        buyer_before=before,
        buyer_after=after,
        others_after=newer,
        nightly=run_pipeline(nightly.run, task="analytics.nightly"),
        training=run_pipeline(training.run, task="analytics.train", book="bank", kind="payment_risk"),
        young=run_pipeline(training.run, task="analytics.train", book=young_book().code, kind="churn"),
    )


@pytest.fixture(scope="module")
def story(django_db_setup: Any, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("files")
    with (
        pytest.MonkeyPatch.context() as patch,
        django_db_blocker.unblock(),
        override_settings(FILES_ROOT=folder),
    ):
        patch.setattr(demo, "TRAINING_WEEKS", (13, 0))  # the first and the last: a live one, and its rival
        try:
            yield tell()
        finally:
            empty_tables()


def test_base_and_points_add_up_to_the_score(story):
    for score in Score.objects.order_by("pk")[:500]:
        log_odds = score.base_log_odds + sum(reason["points"] for reason in score.reasons)

        assert 1 / (1 + math.exp(-log_odds)) == pytest.approx(score.value, abs=1e-9)


@pytest.mark.parametrize(("book", "kind"), [("bank", "payment_risk"), ("wholesale", "purchase")])
def test_what_drives_a_book_adds_up_to_all_of_its_scores(story, book, kind):
    totals = ReasonTotals.objects.get(book__code=book, kind=kind, split="everybody")
    (everybody,) = totals.segments
    scores = Score.objects.filter(account__book__code=book, kind=kind, as_of=totals.as_of)
    log_odds = sum(math.log(score.value / (1 - score.value)) - score.base_log_odds for score in scores)
    rescored = 1 if book == "wholesale" else 0  # the buyer, at a later moment

    assert everybody["accounts"] == scores.count() + rescored
    if not rescored:
        assert sum(signed for signed, _size in everybody["reasons"].values()) == pytest.approx(log_odds)


def test_replaying_the_past_twice_adds_nothing(story):
    assert story.again == story.first
    assert story.first["Prediction"] > 1_000


def test_nobody_keeps_a_score_of_an_earlier_moment(story):
    """Some were scored at a cut-off of the past and have been quiet for too long since."""
    for code, kind in (("wholesale", "churn"), ("wholesale", "purchase"), ("bank", "payment_risk")):
        scores = Score.objects.filter(account__book__code=code, kind=kind).exclude(account=story.buyer)

        assert len(set(scores.values_list("as_of", flat=True))) == 1
    once = Prediction.objects.filter(book__code="wholesale", kind="churn").values("account_id")
    assert set(once.values_list("account_id", flat=True)) - set(
        Score.objects.filter(kind="churn").values_list("account_id", flat=True)
    )


def test_twelve_weeks_of_scores_stand_behind_each_old_account(story):
    oldest = Account.objects.filter(book__code="wholesale").order_by("customer_since").first()

    score = Score.objects.get(account=oldest, kind="purchase")

    assert len(score.weekly_values) == len(score.weekly_models) == 12


def test_models_know_nothing_of_what_came_after_their_moment(story):
    for version in ModelVersion.objects.defer("artifact").filter(trained_to__isnull=False):
        assert version.trained_to + timedelta(days=version.horizon_days) <= version.as_of + timedelta(days=1)


def test_a_first_model_went_live_for_every_score_of_the_books(story):
    live = set(ModelVersion.objects.filter(state="live").values_list("book__code", "kind"))

    assert {("wholesale", "churn"), ("wholesale", "purchase"), ("bank", "payment_risk")} <= live


def test_settled_predictions_are_held_against_what_happened(story):
    churn = Reliability.objects.filter(book__code="wholesale", kind="churn")

    assert sum(band.accounts for band in churn) > 100
    for band in churn:
        assert band.interval_low <= band.happened / band.accounts <= band.interval_high


def test_everybody_has_ten_offers_of_products_that_are_sold(story):
    per_account = Account.objects.filter(book__code="wholesale").annotate(n=Count("recommendations"))

    assert set(per_account.values_list("n", flat=True)) == {10}
    assert not Recommendation.objects.filter(product__is_sold=False).exists()


def test_products_of_a_demo_book_are_counted_up_to_its_end(story):
    assert story.first["ProductFigures"] > 500
    assert story.first["Basket"] > 300
    assert story.first["ProductPair"] > 0
    assert ProductPair.objects.filter(other__is_sold=False).count() == 0


def test_every_offer_says_why(story):
    codes = set(Recommendation.objects.values_list("kind", "reason__code"))

    assert codes <= {
        ("new", "goes_with"), ("new", "is_like"), ("repeat", "bought_before"), ("popular", "popular"),
    }  # fmt: skip


def test_expected_loss_is_probability_times_exposure(story):
    for value in Value.objects.filter(kind="expected_loss").select_related("account")[:200]:
        score = Score.objects.get(account=value.account, kind="payment_risk")

        assert value.details["probability"] == pytest.approx(score.value)
        assert float(value.amount) == pytest.approx(score.value * value.details["exposure"], abs=1e-3)


def test_no_sensitive_attribute_enters_a_model(story):
    names = ModelVersion.objects.filter(kind="payment_risk").first().feature_names

    assert any("credit_limit" in name for name in names)
    assert not [
        name for name in names for word in ("sex", "age", "marriage") if name.startswith(f"attr_{word}")
    ]


@pytest.mark.parametrize("code", ["autumn-gift-range", "payment-plan-call"])
def test_campaigns_count_everybody_who_was_enrolled(story, code):
    report = LiftReport.objects.get(campaign__code=code)

    assert report.treated + report.holdout == Enrolment.objects.filter(campaign__code=code).count()
    assert report.difference_low <= report.difference <= report.difference_high


def test_what_is_planted_is_marked_and_never_in_the_holdout(story):
    planted = Response.objects.filter(kind="converted", is_simulated=True)

    assert planted.exists()
    assert set(planted.values_list("enrolment__arm", flat=True)) == {"treated"}


def test_holdouts_answered_for_real(story):
    held_out = Response.objects.filter(enrolment__arm="holdout")

    assert set(held_out.values_list("enrolment__campaign__code", flat=True)) == {
        "autumn-gift-range",
        "payment-plan-call",
    }


def test_measuring_twice_gives_the_same_report(story):
    campaign = Campaign.objects.get(code="autumn-gift-range")
    before = LiftReport.objects.get(campaign=campaign)

    lift.measure(campaign, as_of=campaign.ends_at)

    after = LiftReport.objects.get(campaign=campaign)
    assert (after.difference, after.bands) == (before.difference, before.bands)


def test_an_order_changes_the_score_of_its_account_and_of_no_other(story):
    assert story.rescored.result["rescored"] == 1
    assert story.others_after == 1
    assert story.buyer_after.as_of > story.buyer_before.as_of
    assert story.buyer_after.value != story.buyer_before.value


def test_the_nightly_run_hands_each_book_to_a_job_of_its_own_and_joins_one_that_waits(story):
    waiting = Job.objects.filter(state="queued").values_list("task", "scope").annotate(n=Count("pk"))

    assert {
        ("analytics.score_book", "book:wholesale", 1),
        ("analytics.score_book", "book:bank", 1),
        ("analytics.measure_lift", "campaigns", 1),
    } <= set(waiting)


def test_a_challenger_no_better_than_the_live_model_may_still_replace_it_and_says_so(story):
    version = ModelVersion.objects.get(version=story.training.result["version"])

    assert version.metrics["gate"]["rival"] == "live"
    assert version.state in {"live", "rejected"}
    assert (version.state == "rejected") == bool(version.verdict["reasons"])


def test_a_book_that_is_too_young_is_no_failure(story):
    assert story.young.state == "done"
    assert story.young.result["reasons"] == [{"code": "nothing_to_learn"}]


def test_a_lead_of_which_nothing_can_be_said_stops_nobody(story):
    assert story.lead.state == "done"
    assert not Score.objects.filter(account__name="A lead").exists()
    assert Recommendation.objects.filter(account__name="A lead").count() == 10


def test_a_campaign_without_a_holdout_does_not_stop_the_measuring_of_others(story):
    campaign = Campaign.objects.get(code="autumn-gift-range")
    Enrolment.objects.filter(campaign=campaign, arm="holdout").delete()

    with pytest.raises(lift.EmptyArmError):
        lift.measure(campaign, as_of=campaign.ends_at)
