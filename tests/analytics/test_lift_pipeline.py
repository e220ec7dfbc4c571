"""What a campaign is said to have earned, from what its accounts did."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics.pipelines.lift import measure
from campaigns.models import Campaign, Enrolment, LiftReport, Response
from tests.factories import AccountFactory, BookFactory

pytestmark = pytest.mark.django_db
START = datetime(2026, 5, 4, tzinfo=UTC)
ARMS = ["treated"] * 6 + ["holdout"] * 4


@pytest.fixture
def campaign():
    return Campaign.objects.create(
        book=BookFactory(), name="Spring", code="spring", channel="email", state="done", starts_at=START,
        ends_at=START + timedelta(days=30), holdout_share=0.4, salt="pinch", cost_amount=100, currency="GBP",
        response_score="purchase",
    )  # fmt: skip


@pytest.fixture
def enrolments(campaign):
    return [
        Enrolment.objects.create(
            campaign=campaign, account=AccountFactory(book=campaign.book), arm=arm, enrolled_at=START,
            propensity=0.6, scores={"purchase": 0.3},
        )
        for arm in ARMS
    ]  # fmt: skip


def buys(enrolment, amount):
    Response.objects.create(
        enrolment=enrolment, kind="converted", at=START + timedelta(days=3), amount_reporting=amount
    )


def test_money_is_the_difference_of_the_means_times_the_treated(campaign, enrolments):
    for enrolment, amount in zip([*enrolments[:3], enrolments[6]], (120, 60, 30, 40), strict=True):
        buys(enrolment, amount)

    measure(campaign, as_of=campaign.ends_at)

    report = LiftReport.objects.get()
    assert report.incremental_amount == pytest.approx((210 / 6 - 40 / 4) * 6)
    assert report.incremental_amount_low < report.incremental_amount < report.incremental_amount_high


def test_where_nobody_bought_money_is_unknown_and_not_nothing(campaign, enrolments, marketing_client):
    measure(campaign, as_of=campaign.ends_at)

    report = LiftReport.objects.get()
    assert report.incremental_conversions == 0
    assert (
        report.incremental_amount is report.incremental_amount_low is report.incremental_amount_high is None
    )
    page = marketing_client.get(f"/campaigns/{campaign.public_id}/").text
    assert "nobody can say: too few bought" in page
