import math
from datetime import timedelta

import pytest

from analytics.models import ModelVersion
from crm.selectors.account_overview import get_overview
from crm.selectors.attention import what_needs_attention
from crm.selectors.score_panel import get_published, strongest
from tests import factories as f

pytestmark = pytest.mark.django_db


def reasons(*points: float) -> list[dict]:
    return [{"code": f"r{at}", "points": value} for at, value in enumerate(points)]


def published(account):
    return get_published(account, as_of=f.NOW)


def test_the_strongest_reasons_and_the_rest_add_up_to_the_score():
    score = f.ScoreFactory(
        value=1 / (1 + math.exp(-0.55)), base_log_odds=-0.4,
        reasons=reasons(0.9, 0.4, 0.3, 0.2, -0.5, -0.25, -0.06, -0.04),
    )  # fmt: skip

    card = published(score.account).cards(score.account)[0]

    assert [shown.points for shown in card.contributions] == [0.9, 0.4, 0.3, -0.06, -0.25, -0.5]
    assert card.rest == pytest.approx(0.2 - 0.04)
    assert card.sum == pytest.approx(0.95)
    assert card.adds_up_to == pytest.approx(score.value)


def test_without_reasons_nothing_is_made_up():
    assert strongest([]) == ([], 0)


def test_the_band_of_the_score_is_found_and_says_who_was_counted():
    score = f.ScoreFactory(value=0.25)
    f.ReliabilityFactory(low=0.1, high=0.2)
    band = f.ReliabilityFactory(low=0.2, high=0.3)
    f.ReliabilityFactory(low=0.2, high=0.3, kind="purchase")
    f.ReliabilityFactory(low=0.2, high=0.3, book__code="bank")
    f.ReliabilityFactory(low=0.2, high=0.3, group="holdout")

    assert published(score.account).cards(score.account)[0].reliability == band


def test_the_last_band_holds_certainty():
    score = f.ScoreFactory(value=1.0)
    band = f.ReliabilityFactory(low=0.9, high=1.0)

    assert published(score.account).cards(score.account)[0].reliability == band


def test_old_scores_are_stale_and_missing_ones_say_so():
    score = f.ScoreFactory(as_of=f.NOW - timedelta(days=30))

    churn, purchase = published(score.account).cards(score.account)

    assert not churn.is_fresh
    assert purchase.score is None


def test_the_panel_says_all_of_it(sales_client):
    account = f.AccountFactory(owner=sales_client.user)
    f.ScoreFactory(
        account=account, value=0.25, base_log_odds=-1.0, weekly_values=[0.2, 0.22, 0.25],
        weekly_models=[1, 1, 2], model_version="wholesale-churn-2",
        reasons=[{"code": "recency", "points": 0.6, "values": {"days": 94, "usual_days": 31}},
                 {"code": "frequency", "points": -0.7, "values": {"orders": 9, "days": 365}}],
    )  # fmt: skip
    f.ReliabilityFactory()

    text = " ".join(sales_client.get(f"{account.get_absolute_url()}?tab=scores").text.split())

    assert "Of 412 comparable accounts scored" in text
    assert "104 left" in text
    assert "accounts that nobody acted on" in text
    assert "94 days" in text
    assert "+0.60" in text
    assert "wholesale-churn-2" in text
    assert 'class="sparkline"' in text
    assert "Not enough data" in text  # the purchase score is missing


def attention(account):
    return what_needs_attention(account, get_overview(account, as_of=f.NOW), published(account))


def test_nothing_needs_you_when_nothing_is_wrong():
    assert attention(f.ScoreFactory(value=0.2).account) is None


def test_the_most_pressing_fact_is_said():
    account = f.ScoreFactory(value=0.8, reasons=reasons(0.5)).account
    f.TaskFactory(account=account, due_date=(f.NOW - timedelta(days=2)).date())
    assert attention(account).code == "may_leave"

    f.TicketFactory(account=account, priority=4)
    assert attention(account).code == "urgent_ticket"


def test_a_risk_of_payment_and_an_overdue_task_are_said_too():
    risky = f.ScoreFactory(kind="payment_risk", value=0.5).account
    f.ValueFactory(account=risky, kind="expected_loss", amount=900)
    late = f.TaskFactory(due_date=(f.NOW - timedelta(days=2)).date()).account

    assert (attention(risky).code, attention(risky).amount) == ("may_not_pay", 900.0)
    assert (attention(late).code, attention(late).count) == ("overdue_tasks", 1)


def test_revenue_counts_twelve_months_without_what_was_cancelled():
    account = f.AccountFactory()
    day = timedelta(days=1)
    f.OrderFactory(account=account, amount=100, placed_at=f.NOW - 10 * day, lines=0)
    f.OrderFactory(account=account, amount=-30, kind="return", placed_at=f.NOW - 5 * day, lines=0)
    f.OrderFactory(account=account, amount=50, placed_at=f.NOW - 3 * day, cancelled_at=f.NOW - day, lines=0)
    f.OrderFactory(account=account, amount=35, placed_at=f.NOW - 400 * day, lines=0)
    f.OrderFactory(account=account, amount=999, placed_at=f.NOW + day, lines=0)

    overview = get_overview(account, as_of=f.NOW)

    assert (overview.revenue, overview.revenue_before) == (70, 35)
    assert overview.revenue_change == 1


@pytest.mark.parametrize(("protocol", "is_demo", "says"), [
    ("accounts", True, True), ("temporal", True, False), ("accounts", False, False),
])  # fmt: skip
def test_the_page_says_when_the_past_was_predicted_by_cross_fitting(analyst_client, protocol, is_demo, says):
    book = f.BookFactory(code="bank", score_kinds=["payment_risk"], is_demo=is_demo, ends_at=f.NOW)
    account = f.AccountFactory(book=book)
    f.ScoreFactory(account=account, kind="payment_risk", value=0.25)
    f.ReliabilityFactory(book=book, kind="payment_risk", low=0.2, high=0.3)
    ModelVersion.objects.create(
        book=book, kind="payment_risk", version="bank-payment-risk-1", state="live", horizon_days=60,
        as_of=f.NOW, artifact=b"", sha256="", metrics={"protocol": protocol},
    )  # fmt: skip

    page = analyst_client.get(f"{account.get_absolute_url()}?tab=scores").text

    assert "comparable accounts" in page
    assert ("made by cross-fitting" in page) is says
