"""Administrators say what a book is scored for; scores that go are taken back."""

import pytest
from django.urls import reverse

from crm.models import Book, Change, Job, Score, Value
from crm.pipelines import withdraw_scores as pipeline
from crm.selectors import books as selectors
from crm.services.books import DemoBookError, UnknownScoreKindError, edit_book, make_book
from tests.demo_data import run_pipeline
from tests.factories import NOW, AccountFactory, BookFactory, ScoreFactory, ValueFactory

pytestmark = pytest.mark.django_db

LIST = "/books/"


def page_of(book):
    return reverse("crm:book-edit", args=[book.code])


def kinds_of(book):
    return Book.objects.get(pk=book.pk).score_kinds


def withdraw(book, kind):
    return run_pipeline(
        pipeline.run, task="crm.withdraw_scores", scope=f"book:{book.code}:{kind}", book=book.code, kind=kind
    ).result


def test_lists_books_with_what_is_scored(admin_client_, monkeypatch):
    book = BookFactory(code="shop", name="Shop", currency="CHF", score_kinds=["churn", "payment_risk"])
    BookFactory(code="bare", name="Bare", score_kinds=[])
    AccountFactory.create_batch(2, book=book)

    page = admin_client_.get(LIST)

    assert [(row.book.code, row.accounts, row.is_all) for row in page.context["rows"]] == [
        ("bare", 0, True),
        ("shop", 2, True),
    ]
    assert all(word in page.text for word in ("CHF", "Churn risk, Payment risk", "nothing"))
    monkeypatch.setattr(selectors, "MOST_COUNTED", 1)
    assert "1+" in admin_client_.get(LIST).text


def test_no_books_yet(admin_client_):
    assert "first file" in admin_client_.get(LIST).text


def test_payment_risk_is_added_to_a_book_of_ones_own(admin_client_):
    book = BookFactory()

    form = {"name": "Own", "score_kinds": ["payment_risk", "churn", "purchase"]}
    answer = admin_client_.post(page_of(book), form, follow=True)

    assert kinds_of(book) == ["churn", "purchase", "payment_risk"]
    assert Book.objects.get().name == "Own"
    assert "next training" in answer.text
    assert not Job.objects.exists()


def test_what_is_not_wanted_any_more_is_taken_back(admin_client_):
    book = BookFactory(score_kinds=["churn", "purchase"])

    answer = admin_client_.post(page_of(book), {"name": "Own", "score_kinds": "churn"}, follow=True)

    assert "being taken back" in answer.text
    job = Job.objects.get()
    assert (job.task, job.scope) == ("crm.withdraw_scores", "book:wholesale:purchase")
    assert job.params == {"book": "wholesale", "kind": "purchase"}
    assert "Take back scores" in admin_client_.get(reverse("crm:job-detail", args=[job.public_id])).text


def test_a_score_that_there_is_none_of_is_refused(admin_client_):
    book = BookFactory()

    answer = admin_client_.post(page_of(book), {"name": "What I typed", "score_kinds": ["weather"]})

    assert answer.status_code == 422
    assert "What I typed" in answer.text
    assert kinds_of(book) == ["churn", "purchase"]
    with pytest.raises(UnknownScoreKindError):
        edit_book(book=book, name="X", score_kinds=["weather"], by=None)
    with pytest.raises(UnknownScoreKindError):
        make_book(code="x", name="X", currency="GBP", score_kinds=["weather"])


def test_the_kinds_of_a_demo_book_stay_and_its_name_may_change(admin_client_):
    book = BookFactory(is_demo=True, ends_at=NOW)

    admin_client_.post(page_of(book), {"name": "Mine", "score_kinds": ["payment_risk"]})

    assert kinds_of(book) == ["churn", "purchase"]
    assert Book.objects.get().name == "Mine"
    with pytest.raises(DemoBookError):
        edit_book(book=book, name="X", score_kinds=[], by=None)


def test_withdrawing_takes_the_kind_of_that_book_and_nothing_else(monkeypatch):
    monkeypatch.setattr(pipeline, "BATCH", 2)
    book, other = BookFactory(score_kinds=["churn"]), BookFactory(code="other")
    mine = AccountFactory.create_batch(5, book=book)
    theirs = AccountFactory(book=other)
    for account in (*mine, theirs):
        ScoreFactory(account=account, kind="churn")
        ScoreFactory(account=account, kind="payment_risk")
        ValueFactory(account=account, kind="expected_loss")

    assert withdraw(book, "payment_risk") == {"withdrawn": 5}
    assert withdraw(book, "payment_risk") == {"withdrawn": 0}

    assert Score.objects.filter(account__book=book, kind="churn").count() == 5
    assert not Score.objects.filter(account__book=book, kind="payment_risk").exists()
    assert not Value.objects.filter(account__book=book).exists()
    assert Score.objects.filter(account=theirs).count() == 2
    assert Value.objects.filter(account=theirs).exists()
    assert Change.objects.filter(kind="scores.withdrawn").count() == 3


def test_a_kind_taken_up_again_keeps_its_scores():
    book = BookFactory(score_kinds=["churn"])
    ScoreFactory(account=AccountFactory(book=book), kind="churn")

    assert withdraw(book, "churn") == {"withdrawn": 0}
    assert Score.objects.count() == 1
