"""What a call is worth: what is at stake times what contacts were shown to change, or "not known yet"."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.models import Campaign
from campaigns.selectors.contact_effects import get_contact_effect, get_contact_effects
from campaigns.services.publish import NewLiftReport, publish_lift_report
from tests.factories import AccountFactory, BookFactory, ScoreFactory, ValueFactory

pytestmark = pytest.mark.django_db
START = datetime(2026, 5, 4, tzinfo=UTC)


def measured(book, code, *, channel="phone", holdout=(20, 100), difference=0.08, error=0.01, p_value=0.8):
    """Publish the lift of a campaign; `error` is half of the 90 % interval of the difference."""
    campaign = Campaign.objects.create(
        book=book, name=code, code=code, channel=channel, state="done", starts_at=START,
        ends_at=START + timedelta(days=30), holdout_share=0.25, salt="pinch", cost_amount=100, currency="GBP",
    )  # fmt: skip
    none = dict.fromkeys(
        [
            f"incremental_{what}{bound}"
            for what in ("conversions", "amount")
            for bound in ("", "_low", "_high")
        ],
        0.0,
    )
    report = NewLiftReport(
        treated=300, treated_converted=84, holdout=holdout[1], holdout_converted=holdout[0],
        difference=difference, difference_low=difference - error, difference_high=difference + error,
        sample_ratio_p_value=p_value, method="newcombe-welch-1", as_of=START, **none,
    )  # fmt: skip
    publish_lift_report(campaign=campaign, report=report)


@pytest.fixture
def book():
    return BookFactory()


def test_nothing_measured_is_not_known(book):
    effect = get_contact_effect(book.pk)

    assert not effect.is_known
    assert effect.worth(1_000) is None


def test_a_call_wins_a_share_of_those_who_would_not_have_bought(book):
    measured(book, "calls")

    effect = get_contact_effect(book.pk)

    assert effect.is_known
    assert effect.is_by_phone
    assert (effect.share, effect.low, effect.high) == pytest.approx((0.1, 0.0875, 0.1125), abs=1e-4)
    worth = effect.worth(500)
    assert (worth.amount, worth.low, worth.high) == pytest.approx((50, 43.75, 56.25), abs=0.1)


def test_an_interval_that_holds_zero_shows_nothing(book):
    measured(book, "weak", difference=0.01, error=0.03)

    effect = get_contact_effect(book.pk)

    assert (effect.campaigns, effect.is_known) == (1, False)


def test_calls_speak_for_calls_and_other_channels_only_where_there_were_none(book):
    measured(book, "mail", channel="email", difference=0.02)
    assert not get_contact_effect(book.pk).is_by_phone

    measured(book, "calls", difference=0.08)

    assert get_contact_effect(book.pk).share == pytest.approx(0.1)


def test_more_campaigns_that_agree_are_surer_and_those_that_disagree_are_not(book):
    other = BookFactory(code="other")
    for code, there in (("one", 0.08), ("two", 0.08)):
        measured(book, code, difference=there)
    for code, there in (("three", 0.01), ("four", 0.15)):
        measured(other, code, difference=there)

    effects = get_contact_effects([book.pk, other.pk])

    assert effects[book.pk].high - effects[book.pk].low == pytest.approx(0.025 / 2**0.5, rel=0.01)
    assert effects[other.pk].high - effects[other.pk].low > 0.1


def test_a_draw_that_is_not_sound_and_a_holdout_that_all_bought_do_not_count(book):
    measured(book, "unsound", p_value=0.001)
    measured(book, "everybody", holdout=(100, 100))

    assert get_contact_effect(book.pk).campaigns == 0


@pytest.fixture
def account(book, sales_client):
    account = AccountFactory(book=book, owner=sales_client.user)
    ScoreFactory(account=account, kind="churn", value=0.5)
    ValueFactory(account=account, amount=2_000, low=100, high=4_000)
    return account


def test_account_page_says_what_a_call_is_worth(sales_client, account, book):
    url = f"{account.get_absolute_url()}?tab=scores"
    assert "no campaign with a holdout has been measured" in sales_client.get(url).text

    measured(book, "calls")

    page = sales_client.get(url).text
    assert "Worth a call" in page
    assert "100.00" in page  # 50 % of 2,000, of which a call wins a tenth
    assert "known yet" not in page


def test_first_page_says_whom_to_call_first_and_by_what(sales_client, account, book):
    page = sales_client.get("/").text
    assert "Worth calling first" in page
    assert "no campaign with a holdout has been measured" in page

    measured(book, "calls")

    assert "a call is worth" in sales_client.get("/").text


def test_an_effect_that_was_simulated_says_so(book, sales_client):
    measured(book, "calls")
    account = AccountFactory(book=book, owner=sales_client.user)
    ScoreFactory(account=account, kind="churn", value=0.6)
    ValueFactory(account=account, kind="customer_value", amount=1_000)
    page = f"/accounts/{account.public_id}/?tab=scores"
    assert "simulated" not in sales_client.get(page).text

    Campaign.objects.update(is_simulated=True)

    assert get_contact_effect(book.pk).is_simulated
    assert "1 campaign with a holdout) · simulated" in " ".join(sales_client.get(page).text.split())
