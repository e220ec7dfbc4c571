from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.db import IntegrityError, transaction

from campaigns.models import Campaign, Enrolment, Response
from campaigns.selectors.reports import get_campaign_report, list_accounts_at
from campaigns.services.enrolment import enrol_audience
from campaigns.services.publish import Band, NewLiftReport, publish_lift_report
from crm.models import Score
from tests.factories import AccountFactory, BookFactory, ScoreFactory, UserFactory

pytestmark = pytest.mark.django_db
START = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.fixture
def campaign():
    return Campaign.objects.create(
        book=BookFactory(),
        name="Spring",
        code="spring",
        channel="email",
        state="done",
        starts_at=START,
        ends_at=START + timedelta(days=30),
        holdout_share=0.25,
        salt="pinch",
        cost_amount=100,
        currency="GBP",
        response_score="purchase",
    )


def enrol(campaign, *, at_least=0.0):
    return enrol_audience(campaign=campaign, score=Score.Kind.PURCHASE, at_least=at_least, at=START)


def customers(campaign, number, value=0.4):
    return [
        ScoreFactory(account=AccountFactory(book=campaign.book), kind="purchase", value=value).account
        for _ in range(number)
    ]


def lift_report(**changes):
    figures = {
        "treated": 75, "treated_converted": 30, "holdout": 25, "holdout_converted": 5,
        "difference": 0.2, "difference_low": 0.05, "difference_high": 0.32,
        "incremental_conversions": 15.0, "incremental_conversions_low": 3.75,
        "incremental_conversions_high": 24.0, "incremental_amount": 300.0,
        "incremental_amount_low": 50.0, "incremental_amount_high": 550.0,
        "sample_ratio_p_value": 0.8, "method": "newcombe-welch-1", "as_of": START,
    }  # fmt: skip
    return NewLiftReport(**(figures | changes))


def test_the_holdout_is_drawn_at_about_its_share_before_anything_is_sent(campaign):
    customers(campaign, 200)

    assert enrol(campaign) == 200

    held_out = Enrolment.objects.filter(campaign=campaign, arm="holdout").count()
    assert 30 <= held_out <= 70  # 50 expected, four standard deviations of 6
    assert set(Enrolment.objects.values_list("propensity", flat=True)) == {0.75}


def test_enrolling_again_moves_nobody_and_adds_only_who_is_new(campaign):
    customers(campaign, 40)
    enrol(campaign)
    arms = dict(Enrolment.objects.values_list("account_id", "arm"))
    customers(campaign, 5)

    assert enrol(campaign) == 5

    assert {
        key: arm for key, arm in Enrolment.objects.values_list("account_id", "arm") if key in arms
    } == arms


def test_keeps_the_scores_as_they_stood_at_enrolment(campaign):
    (account,) = customers(campaign, 1, value=0.4)
    enrol(campaign)
    Score.objects.filter(account=account).update(value=0.9)

    assert Enrolment.objects.get().scores == {"purchase": 0.4}


def test_leaves_out_who_scores_below_the_line_or_belongs_to_another_book(campaign):
    customers(campaign, 3, value=0.1)
    ScoreFactory(account=AccountFactory(book=BookFactory(code="other")), kind="purchase", value=0.9)

    assert enrol(campaign, at_least=0.2) == 0


def test_a_campaign_without_a_holdout_is_refused_by_the_database(campaign):
    campaign.holdout_share = 0

    with pytest.raises(IntegrityError), transaction.atomic():
        campaign.save()


def test_counts_what_the_treated_did_and_links_to_the_accounts(campaign):
    customers(campaign, 60)
    enrol(campaign)
    treated = Enrolment.objects.filter(arm="treated")[:7]
    Response.objects.bulk_create(Response(enrolment=e, kind="converted", at=START) for e in treated)
    marketing = UserFactory(role="marketing")

    report = get_campaign_report(campaign)

    assert report.counts["enrolled"] == 60
    assert report.counts["holdout"] + report.counts["treated"] == 60
    assert report.counts["converted"] == 7
    assert list_accounts_at(campaign, "converted", marketing).count() == 7
    assert sum(band.treated + band.holdout for band in report.scores["purchase"]) == 60


def test_lists_only_the_accounts_that_the_reader_may_see(campaign):
    mine, *_others = customers(campaign, 10)
    sales = UserFactory(role="sales")
    mine.owner = sales
    mine.save()
    enrol(campaign)

    assert list(list_accounts_at(campaign, "enrolled", sales)) == [mine]


def test_money_comes_back_against_its_cost(campaign):
    publish_lift_report(campaign=campaign, report=lift_report())

    report = get_campaign_report(campaign)

    assert report.return_interval == (2.0, -0.5, 4.5)
    assert report.cost_per_conversion == pytest.approx(100 / 15)


def test_no_cost_per_conversion_while_nothing_may_have_been_gained(campaign):
    publish_lift_report(campaign=campaign, report=lift_report(incremental_conversions_low=-1.0))

    assert get_campaign_report(campaign).cost_per_conversion is None


def test_a_broken_draw_is_told(campaign):
    publish_lift_report(campaign=campaign, report=lift_report(sample_ratio_p_value=0.001))

    assert not get_campaign_report(campaign).draw_is_sound


def test_publishing_twice_leaves_the_last_report(campaign):
    publish_lift_report(campaign=campaign, report=lift_report())
    publish_lift_report(campaign=campaign, report=lift_report(treated_converted=31))

    assert get_campaign_report(campaign).lift.treated_converted == 31


def test_the_pages_answer(campaign, marketing_client):
    customers(campaign, 20)
    enrol(campaign)
    publish_lift_report(campaign=campaign, report=lift_report())

    report = marketing_client.get(f"/campaigns/{campaign.public_id}/")
    accounts = marketing_client.get(f"/campaigns/{campaign.public_id}/accounts/holdout/")

    assert "Spring" in marketing_client.get("/campaigns/").text
    assert "20.0" in report.text
    assert accounts.status_code == 200
    assert accounts.text.count(campaign.name) == 2  # in the title and as the way back
    assert marketing_client.get(f"/campaigns/{campaign.public_id}/accounts/nonsense/").status_code == 404


def test_no_return_on_cost_while_money_may_have_been_gained_or_lost(campaign, marketing_client):
    publish_lift_report(campaign=campaign, report=lift_report(incremental_amount_low=-50.0))

    assert get_campaign_report(campaign).return_interval is None
    page = unescape(marketing_client.get(f"/campaigns/{campaign.public_id}/").text)
    assert "the interval doesn't exclude that nothing was gained" in page


def test_the_report_says_what_a_response_is_and_whether_the_prediction_held(campaign, marketing_client):
    band = {"group": "holdout", "band_low": 0.1, "band_high": 0.3, "accounts": 50, "responded": 10}
    held, missed = {"predicted": 0.2, "low": 0.1, "high": 0.3}, {"predicted": 0.2, "low": 0.3, "high": 0.5}
    publish_lift_report(
        campaign=campaign, report=lift_report(bands=[Band(**band, **held), Band(**band, **missed)])
    )

    ordered = marketing_client.get(f"/campaigns/{campaign.public_id}/").text
    Campaign.objects.update(response_score="payment_risk", response_is_complement=True)
    paid = marketing_client.get(f"/campaigns/{campaign.public_id}/").text

    assert "A response is an order within 30 days." in ordered
    assert "within the interval in 1 of 2 bands" in ordered
    assert "A response is a bill paid within 30 days." in paid
    assert "What is predicted is what the score “Payment risk” leaves of 100\u202f%." in paid
