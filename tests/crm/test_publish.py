from datetime import UTC, datetime, timedelta

import pytest

from crm.models import Change, Job, Recommendation, Score, Value
from crm.services.job_runs import JobLostError, RunningJob
from crm.services.publish import (
    Edition,
    InvalidScoresError,
    NewRecommendation,
    NewScore,
    NewValue,
    publish_recommendations,
    publish_scores,
    publish_values,
    withdraw_scores,
)
from tests.factories import AccountFactory, JobFactory, ProductFactory

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def edition(book, as_of=MONDAY, *, weekly=False, number=1):
    return Edition(book, as_of, 90, f"churn-{number}", number, is_weekly=weekly)


def publish(account, value, as_of=MONDAY, **kwargs):
    publish_scores(
        kind=Score.Kind.CHURN,
        scores=[NewScore(account.pk, value, -1.0, [{"code": "recency", "points": 0.3}])],
        edition=edition(account.book, as_of, **kwargs),
    )
    return Score.objects.get(account=account, kind="churn")


def test_a_new_score_replaces_the_old_one_and_remembers_it():
    account = AccountFactory()
    publish(account, 0.2)

    score = publish(account, 0.7, MONDAY + timedelta(days=1))

    assert (score.value, score.previous_value) == (0.7, 0.2)
    assert score.reasons == [{"code": "recency", "points": 0.3}]


def test_publishing_a_moment_twice_overwrites_that_moment():
    account = AccountFactory()
    publish(account, 0.2)
    publish(account, 0.6, MONDAY + timedelta(days=1))

    score = publish(account, 0.5, MONDAY + timedelta(days=1))

    assert (score.value, score.previous_value) == (0.5, 0.2)


def test_what_is_withdrawn_is_what_was_published_before_and_no_other_kind():
    quiet, busy = AccountFactory(), AccountFactory()
    tuesday = edition(quiet.book, MONDAY + timedelta(days=1))
    publish(quiet, 0.2)
    publish(busy, 0.3, tuesday.as_of)
    publish_scores(kind=Score.Kind.PURCHASE, scores=[NewScore(quiet.pk, 0.4)], edition=edition(quiet.book))

    withdrawn = withdraw_scores(kind=Score.Kind.CHURN, account_ids=[quiet.pk, busy.pk], edition=tuesday)

    assert withdrawn == 1
    assert set(Score.objects.values_list("account", "kind")) == {(quiet.pk, "purchase"), (busy.pk, "churn")}
    assert Change.objects.get(kind="scores.withdrawn").data["accounts"] == 1


def test_an_attempt_that_lost_its_job_withdraws_nothing():
    account = AccountFactory()
    publish(account, 0.2)
    job = JobFactory(state=Job.State.RUNNING, attempt=1)
    lost = RunningJob(job)
    Job.objects.filter(pk=job.pk).update(attempt=2)

    with pytest.raises(JobLostError):
        withdraw_scores(
            kind=Score.Kind.CHURN,
            account_ids=[account.pk],
            edition=edition(account.book, MONDAY + timedelta(days=1)),
            job=lost,
        )

    assert Score.objects.filter(account=account).exists()


def test_an_expected_loss_goes_with_its_risk():
    account = AccountFactory()
    risk, loss = Score.Kind.PAYMENT_RISK, Value.Kind.EXPECTED_LOSS
    publish_scores(kind=risk, scores=[NewScore(account.pk, 0.4)], edition=edition(account.book))
    publish_values(
        kind=loss, values=[NewValue(account.pk, 40.0)], currency="GBP", edition=edition(account.book)
    )

    withdraw_scores(
        kind=risk, account_ids=[account.pk], edition=edition(account.book, MONDAY + timedelta(days=1))
    )

    assert not Score.objects.exists()
    assert not Value.objects.exists()


def test_an_older_moment_never_replaces_a_newer_one():
    account, product = AccountFactory(), ProductFactory()
    publish(account, 0.6, MONDAY + timedelta(days=1))
    offer = NewRecommendation(account.pk, product.pk, 1, Recommendation.Kind.POPULAR, 1.0, {})
    publish_recommendations(
        recommendations=[offer], edition=edition(account.book, MONDAY + timedelta(days=1))
    )

    score = publish(account, 0.2)
    publish_recommendations(recommendations=[offer], edition=edition(account.book))

    assert score.value == 0.6
    assert Recommendation.objects.get().as_of == MONDAY + timedelta(days=1)


def test_keeps_the_last_twelve_weekly_values_and_whose_they_were():
    account = AccountFactory()
    for week in range(14):
        score = publish(account, week / 100, MONDAY + timedelta(weeks=week), weekly=True, number=week)

    assert score.weekly_values == [week / 100 for week in range(2, 14)]
    assert score.weekly_models == list(range(2, 14))


def test_a_weekly_rerun_replaces_the_week_and_a_daily_score_adds_none():
    account = AccountFactory()
    publish(account, 0.1, weekly=True)
    publish(account, 0.3, weekly=True)

    score = publish(account, 0.9, MONDAY + timedelta(days=2))

    assert score.weekly_values == [0.3]


@pytest.mark.parametrize("value", [1.2, -0.1, float("nan")])
def test_refuses_what_is_no_probability_and_writes_nothing(value):
    account, other = AccountFactory(), AccountFactory()

    with pytest.raises(InvalidScoresError):
        publish_scores(
            kind=Score.Kind.CHURN,
            scores=[NewScore(other.pk, 0.5), NewScore(account.pk, value)],
            edition=edition(account.book),
        )

    assert not Score.objects.exists()


def test_drops_accounts_that_were_deleted_meanwhile():
    account = AccountFactory()
    gone = account.pk + 1_000

    written = publish_scores(
        kind=Score.Kind.CHURN,
        scores=[NewScore(account.pk, 0.5), NewScore(gone, 0.5)],
        edition=edition(account.book),
    )

    assert written == 1


def test_says_so_in_the_change_feed():
    account = AccountFactory()

    publish(account, 0.5)

    change = Change.objects.get(kind="scores.published")
    assert change.data["accounts"] == 1
    assert change.data["model_version"] == "churn-1"


def test_values_are_amounts_with_an_interval():
    account = AccountFactory()

    publish_values(
        kind=Value.Kind.CUSTOMER_VALUE,
        values=[NewValue(account.pk, 12.34567, 1.0, 30.0, {"probability_alive": 0.8})],
        currency="GBP",
        edition=edition(account.book),
    )

    value = Value.objects.get()
    assert (float(value.amount), float(value.low), float(value.high)) == (12.3457, 1.0, 30.0)


def test_an_infinite_amount_is_refused():
    account = AccountFactory()

    with pytest.raises(InvalidScoresError):
        publish_values(
            kind=Value.Kind.EXPECTED_LOSS,
            values=[NewValue(account.pk, float("inf"))],
            currency="GBP",
            edition=edition(account.book),
        )


def test_recommendations_replace_the_lists_they_speak_of_and_no_other():
    account, other = AccountFactory(), AccountFactory()
    old, new = ProductFactory(book=account.book), ProductFactory(book=account.book)

    def offer(to, product):
        return NewRecommendation(to.pk, product.pk, 1, Recommendation.Kind.POPULAR, 1.0, {"code": "popular"})

    publish_recommendations(
        recommendations=[offer(account, old), offer(other, old)], edition=edition(account.book)
    )
    publish_recommendations(recommendations=[offer(account, new)], edition=edition(account.book))

    assert Recommendation.objects.get(account=account).product == new
    assert Recommendation.objects.get(account=other).product == old
