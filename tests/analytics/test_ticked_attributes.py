"""What administrators say of attributes and books reaches training and scoring, by the ordinary jobs."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from analytics.lake import open_lake, refresh
from analytics.models import ModelVersion
from analytics.pipelines import scoring, training
from analytics.pipelines.matrices import load_matrix
from analytics.pipelines.reasons import groups_of
from crm.models import AttributeDefinition, AttributeValue, Job, Outcome, Score
from crm.pipelines import withdraw_scores
from crm.services.attributes import edit_definition
from crm.services.books import edit_book, make_book
from tests.demo_data import run_pipeline
from tests.factories import AccountFactory, InvoiceFactory, ScoreFactory, UserFactory
from tests.importing import committed
from tests.settled import wait_until_readable

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]

ACCOUNTS = 240


@pytest.fixture
def book(lake_home):
    """Give a book of debtors of whom the small ones mostly did not pay, and an attribute of their size."""
    book = make_book(code="debtors", name="Debtors", currency="GBP", score_kinds=["payment_risk"])
    seats = AttributeDefinition.objects.create(key="seats", label="Seats", type="number")
    now = timezone.now()
    cutoff, known = now - timedelta(days=60), now - timedelta(days=90)
    for number in range(ACCOUNTS):
        account = AccountFactory(book=book, attributes={"seats": number % 40})
        at = known - timedelta(days=number % 7)
        InvoiceFactory(account=account, issued_at=at, known_at=at)
        AttributeValue.objects.create(
            account=account, attribute=seats, value=number % 40, valid_from=known, known_at=known
        )
        Outcome.objects.create(
            account=account, kind="default", happened=(number % 40 < 16) != (number % 11 == 0),
            cutoff_at=cutoff, observed_at=now - timedelta(days=30), known_at=now - timedelta(days=30),
        )  # fmt: skip
    wait_until_readable()
    return book


@pytest.fixture
def administrator():
    client = Client()
    client.force_login(UserFactory(role="administrator"))
    return client


def say(client, **form):
    """Save the attribute on its page, as an administrator does."""
    definition = AttributeDefinition.objects.get(key="seats")
    sent = {"label": "Seats", "revision": definition.revision, **form}
    assert client.post(f"/attributes/{definition.public_id}/", sent).status_code == 302
    wait_until_readable()


def trained(book):
    job = run_pipeline(training.run, task="analytics.train", book=book.code, kind="payment_risk")
    return ModelVersion.objects.get(version=job.result["version"])


def score(book):
    run_pipeline(scoring.run, task="analytics.score_book", scope=f"book:{book.code}", book=book.code)
    return Score.objects.filter(account__book=book, kind="payment_risk")


def columns_of(version):
    return [name for name in version.feature_names if name.startswith("attr_")]


def test_a_tick_decides_what_the_next_training_sees(book, administrator):
    assert columns_of(trained(book)) == []

    say(administrator, is_known_before="on")
    version = trained(book)
    assert columns_of(version) == ["attr_seats"]
    ModelVersion.objects.exclude(pk=version.pk).filter(state="live").update(state="retired")
    ModelVersion.objects.filter(pk=version.pk).update(state="live")
    with_it = score(book)
    assert with_it.count() == ACCOUNTS
    assert any(reason["code"] == "attribute:seats" for reason in with_it.latest("value").reasons)
    told_apart = with_it.values("value").distinct().count()

    say(administrator)
    assert columns_of(trained(book)) == []
    ModelVersion.objects.exclude(pk=version.pk).filter(state="live").update(state="retired")
    ModelVersion.objects.filter(pk=version.pk).update(state="live")
    without_it = score(book)  # by the model that learnt from it
    assert without_it.count() == ACCOUNTS
    assert without_it.values("value").distinct().count() < told_apart


def test_a_large_book_is_learnt_from_by_some_of_its_accounts_and_the_card_says_so(
    book, administrator, monkeypatch
):
    monkeypatch.setattr(training, "share_learnt_from", lambda accounts: 120 / accounts)

    version = trained(book)

    drawn = version.metrics["drawn"]
    assert drawn["of"] == ACCOUNTS
    assert 80 < drawn["accounts"] == version.metrics["rows"] < 160
    page = administrator.get(f"/insights/models/{version.public_id}/").text
    assert f"of {drawn['accounts']} accounts, drawn out of 240" in page


def test_an_attribute_called_like_a_column_of_history_is_a_reason_of_its_own():
    names = ["attr_delivery_days", "attr_status_max"]
    AttributeDefinition.objects.create(key="delivery_days", label="Days", type="number", is_known_before=True)
    AttributeDefinition.objects.create(key="status", label="Status", type="number", is_known_before=True)

    assert groups_of(names) == dict(zip(names, ["attribute:delivery_days", "attribute:status"], strict=True))


def test_a_value_out_of_a_file_of_history_reaches_the_past_that_models_learn_from(lake_home):
    book, seats = make_book(code="shop", name="Shop", currency="GBP"), {"seats": "Seats", "rooms": "Rooms"}
    mapping = {
        label: {"attribute": {"key": key, "label": label, "type": "number"}} for key, label in seats.items()
    }
    rows = [{"Customer ID": str(number), "Name": f"Shop {number}", "Seats": "4"} for number in range(3)]
    committed("accounts", rows, book=book, mapping={"Seats": mapping["Seats"]}, is_history=True)
    more = [{"Customer ID": row["Customer ID"], "Name": row["Name"], "Rooms": "2"} for row in rows]
    committed("accounts", more, book=book, mapping={"Rooms": mapping["Rooms"]})
    for definition in AttributeDefinition.objects.all():
        edit_definition(definition=definition, revision=1, changes={"is_known_before": True})
    wait_until_readable()

    refresh()
    with open_lake() as lake:
        then = load_matrix(lake, book=book, as_of=timezone.now() - timedelta(days=90))
    assert [name for name in then.names if name.startswith("attr_")] == ["attr_seats"]
    assert then.columns(["attr_seats"])[:, 0].tolist() == [4, 4, 4]


def test_a_scoring_takes_back_what_one_that_was_under_way_had_left(book):
    version = trained(book)
    ModelVersion.objects.filter(pk=version.pk).update(state="live")
    assert score(book).count() == ACCOUNTS

    jobs = edit_book(book=book, name="Debtors", score_kinds=["churn"], by=None)
    assert [job.task for job in jobs] == ["crm.withdraw_scores"]
    run_pipeline(withdraw_scores.run, task="crm.withdraw_scores", **jobs[0].params)
    assert not Score.objects.exists()
    Job.objects.all().delete()

    late = book.accounts.first()
    ScoreFactory(account=late, kind="payment_risk", as_of=timezone.now() - timedelta(minutes=5))
    assert not score(book).exists()
