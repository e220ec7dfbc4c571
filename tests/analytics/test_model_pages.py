"""What the pages of a model say of its life, and what people may do to it there."""

from datetime import timedelta

import pytest
from django.urls import reverse

from analytics.models import ModelPolicy, ModelVersion
from crm.models import Job
from tests.factories import NOW, AccountFactory, BookFactory, ScoreFactory
from tests.model_checks import OUTCOMES, add_check, add_troubled_checks

pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    return ModelVersion.objects.create(
        book=BookFactory(), kind="churn", version="wholesale-churn-7", state="live", horizon_days=90,
        as_of=NOW, artifact=b"", sha256="", metrics={"protocol": "accounts"},
    )  # fmt: skip


@pytest.fixture
def troubled(version):
    add_troubled_checks(version)
    return version


def page_of(client, version):
    return client.get(reverse("analytics:model-detail", args=[version.public_id])).text


def test_the_page_says_what_is_wrong_and_proposes_what_would_mend_it(analyst_client, troubled):
    page = page_of(analyst_client, troubled)

    assert "Its calibration slope is 0.60, outside 0.8 to 1.2." in page
    assert "is no longer what it was in training (PSI 0.40)" in page
    assert "Only 10 of 100 active accounts have a score of this week." in page
    assert "more than 7 is unusual" in page
    assert "A recalibration is proposed" in page
    assert reverse("analytics:model-recalibrate", args=[troubled.public_id]) in page


def test_outcomes_stand_by_group_by_country_and_beside_opinions(analyst_client, troubled):
    page = page_of(analyst_client, troubled)

    assert "Nobody acted on them" in page
    assert "Held out of a campaign" not in page  # nobody was
    assert "Germany" in page
    assert "it happened to 3 of 4" in page


def test_limits_stand_in_plain_words(analyst_client, troubled):
    page = page_of(analyst_client, troubled)

    assert "It speaks of accounts that ordered within a year" in page
    assert "How it does at a later time isn’t known yet" in page.replace("&#x27;", "’")
    assert "Country Germany: it said 20.0 % on average, it happened to 50.0 %." in page.replace("\u202f", " ")


def test_a_version_of_which_nothing_is_known_yet_says_when_that_ends(analyst_client, version):
    page = page_of(analyst_client, version)

    assert "None of its own predictions has come due yet" in page
    assert "A recalibration is proposed" not in page


def test_a_proposal_that_newer_outcomes_made_superfluous_is_gone(analyst_client, troubled):
    add_check(troubled, "outcomes", OUTCOMES, group="everybody", as_of=NOW + timedelta(days=7))

    assert "A recalibration is proposed" not in page_of(analyst_client, troubled)


def test_the_list_shows_badges_and_so_does_the_panel_of_an_account(analyst_client, troubled):
    account = AccountFactory(book=troubled.book)
    ScoreFactory(account=account, kind="churn")

    listed = analyst_client.get(reverse("analytics:model-list")).text
    panel = analyst_client.get(f"{account.get_absolute_url()}?tab=scores").text

    assert "Drifting" in listed
    assert "Few scored" in listed
    assert "Drifting" in panel
    assert "Few scored" not in panel  # that is said of the model, not of this account


def test_mending_by_hand_is_a_job_that_is_made_once(analyst_client, troubled):
    address = reverse("analytics:model-recalibrate", args=[troubled.public_id])

    for _ in range(2):
        assert analyst_client.post(address).status_code == 302

    job = Job.objects.get(task="analytics.recalibrate")
    assert job.params == {"version": "wholesale-churn-7"}


def test_only_the_live_version_is_mended(analyst_client, version):
    ModelVersion.objects.update(state="retired")

    analyst_client.post(reverse("analytics:model-recalibrate", args=[version.public_id]))

    assert not Job.objects.filter(task="analytics.recalibrate").exists()


def test_what_a_model_may_do_by_itself_is_set_on_its_page(analyst_client, version):
    address = reverse("analytics:model-policy", args=[version.public_id])

    analyst_client.post(address, {"waits_in_shadow": "on"})

    policy = ModelPolicy.objects.get(book=version.book, kind="churn")
    assert (policy.waits_in_shadow, policy.recalibrates_itself) == (True, False)
    assert policy.changed_by == analyst_client.user


@pytest.mark.parametrize(("before", "after"), [("evaluated", "shadow"), ("retired", "retired")])
def test_an_evaluated_version_can_be_run_in_shadow(analyst_client, version, before, after):
    ModelVersion.objects.update(state=before)

    analyst_client.post(reverse("analytics:model-shadow", args=[version.public_id]))

    version.refresh_from_db()
    assert version.state == after


def test_who_may_only_look_finds_nothing_to_press(marketing_client, troubled):
    page = page_of(marketing_client, troubled)

    assert "A recalibration is proposed" in page
    assert "What it may do by itself" not in page
    assert reverse("analytics:model-recalibrate", args=[troubled.public_id]) not in page
