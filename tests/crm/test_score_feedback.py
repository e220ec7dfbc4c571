"""Whether a score was useful, and the task made of it: logged with the score as it was shown."""

import re
from html import unescape

import pytest
from django.urls import reverse

from analytics.models import ModelVersion
from crm.models import Change, ScoreFeedback
from crm.selectors.score_feedback import count_feedback
from crm.services.bin import move_to_bin, restore
from crm.services.score_feedback import NotShownError, read_shown, sign_shown
from tests import factories as f

pytestmark = pytest.mark.django_db


@pytest.fixture
def score():
    return f.ScoreFactory(kind="churn", value=0.63, model_version="wholesale-churn-2")


def forms(client, account):
    """Return the signed scores that the panel's forms send back."""
    page = client.get(f"{account.get_absolute_url()}?tab=scores").text
    return [unescape(signed) for signed in re.findall(r'name="shown" value="([^"]+)"', page)]


def say(client, score, answer, signed=None):
    signed = signed or forms(client, score.account)[0]
    url = reverse("crm:score-feedback", args=[score.account.public_id])
    return client.post(url, {"shown": signed, "answer": answer}, follow=True)


def logged():
    return list(ScoreFeedback.objects.order_by("pk").values_list("answer", "value", "model_version", "kind"))


def test_an_opinion_is_logged_with_the_score_as_shown(analyst_client, score):
    say(analyst_client, score, "useful")

    assert logged() == [("useful", 0.63, "wholesale-churn-2", "churn")]
    assert ScoreFeedback.objects.get().user == analyst_client.user


def test_what_was_shown_counts_though_the_score_has_moved_on(analyst_client, score):
    (seen,) = forms(analyst_client, score.account)
    score.value, score.model_version = 0.2, "wholesale-churn-3"
    score.save()

    say(analyst_client, score, "useless", seen)

    assert logged() == [("useless", 0.63, "wholesale-churn-2", "churn")]


def test_one_may_change_ones_mind_and_the_page_shows_it(analyst_client, score):
    say(analyst_client, score, "useful")
    page = say(analyst_client, score, "useless").text

    assert [answer for answer, *_rest in logged()] == ["useless"]
    assert re.search(r'value="useless" aria-pressed="true"', page)
    assert re.search(r'value="useful" aria-pressed="false"', page)


def test_an_opinion_of_an_older_score_is_not_one_of_this(analyst_client, score):
    say(analyst_client, score, "useful")
    score.model_version = "wholesale-churn-3"
    score.save()

    page = analyst_client.get(f"{score.account.get_absolute_url()}?tab=scores").text

    assert not re.search(r'value="use\w+" aria-pressed="true"', page)


def test_a_task_is_made_and_counts_as_acting_on_the_score(analyst_client, score):
    say(analyst_client, score, "task")
    say(analyst_client, score, "task")

    task = score.account.tasks.first()
    assert (task.title, task.assignee) == ("Look after it: Churn risk 63\u202f%", analyst_client.user)
    assert [answer for answer, *_rest in logged()] == ["task", "task"]
    assert ScoreFeedback.objects.first().task == task
    assert Change.objects.filter(kind="activity.logged", account_id=score.account_id).count() == 2


def test_nobody_makes_a_score_up(analyst_client, score):
    other = f.AccountFactory()

    answer = say(analyst_client, score, "useful", "made-up")

    assert "too old" in answer.text
    assert logged() == []
    with pytest.raises(NotShownError):
        read_shown(account=other, signed=sign_shown(score))


def test_the_model_page_counts_what_was_said(analyst_client, score):
    book = score.account.book
    version = ModelVersion.objects.create(
        book=book, kind="churn", version="wholesale-churn-2", state="live", horizon_days=90,
        as_of=f.NOW, artifact=b"", sha256="",
    )  # fmt: skip
    url = reverse("analytics:model-detail", args=[version.public_id])
    before = analyst_client.get(url).text
    say(analyst_client, score, "useful")
    say(analyst_client, score, "task")

    after = analyst_client.get(url).text

    assert "What people made of its scores" not in before
    assert "1 / 1 (100" in after
    assert count_feedback("wholesale-churn-2").task == 1
    assert not count_feedback("wholesale-churn-1").any


def test_a_deleted_account_comes_back_with_what_was_said(analyst_client, score):
    say(analyst_client, score, "useful")
    say(analyst_client, score, "task")

    entry = move_to_bin(account=score.account, by=analyst_client.user)
    gone = ScoreFeedback.objects.count()
    restore(entry=entry)

    assert (gone, ScoreFeedback.objects.count()) == (0, 2)
