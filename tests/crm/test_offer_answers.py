"""What came of a recommendation: logged as it was shown, and not shown again when it is settled."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.models import ModelVersion
from crm.models import Change, OfferAnswer, Recommendation
from crm.selectors.offer_answers import count_answers, list_answers, settled_offers
from crm.selectors.offers import list_offers
from crm.services.offer_answers import NoSuchOfferError, answer_offer
from tests import factories as f

pytestmark = pytest.mark.django_db


@pytest.fixture
def offer():
    return f.RecommendationFactory(product__name="Cakestand", kind="new", rank=2, model_version="items-7")


def say(client, offer, answer, product=None):
    url = reverse("crm:offer-answer", args=[offer.account.public_id])
    wanted = offer.product.public_id if product is None else product
    return client.post(url, {"product": wanted, "answer": answer}, follow=True)


def shown(account):
    return [offer.product_name for offer in list_offers(account)]


def test_an_answer_is_logged_with_the_recommendation_as_it_was(analyst_client, offer):
    page = say(analyst_client, offer, "offered").text

    logged = OfferAnswer.objects.get()
    assert (logged.account, logged.product) == (offer.account, offer.product)
    assert logged.user == analyst_client.user
    assert (logged.answer, logged.kind, logged.rank, logged.model_version) == ("offered", "new", 2, "items-7")
    assert "Noted as offered." in page
    assert 'value="offered" aria-pressed="true"' in page
    assert Change.objects.get().data == {"what": "offer", "answer": "offered"}


@pytest.mark.parametrize("answer", ["accepted", "not_interested"])
def test_what_is_settled_is_not_shown_for_ninety_days(analyst_client, offer, answer):
    say(analyst_client, offer, answer)
    soon = shown(offer.account)
    OfferAnswer.objects.update(at=timezone.now() - timedelta(days=91))

    assert soon == []
    assert shown(offer.account) == ["Cakestand"]


def test_the_newest_answer_counts(analyst_client, offer):
    say(analyst_client, offer, "not_interested")
    say(analyst_client, offer, "offered")
    since = timezone.now() - timedelta(days=90)

    assert shown(offer.account) == ["Cakestand"]
    assert list(settled_offers(offer.account.book, since=since)) == []

    say(analyst_client, offer, "accepted")

    assert list(settled_offers(offer.account.book, since=since)) == [(offer.account_id, offer.product_id)]
    assert list(settled_offers(f.BookFactory(code="other"), since=since)) == []


def test_answers_are_counted_by_model_and_kind(offer):
    user = f.UserFactory()
    other = f.RecommendationFactory(account=offer.account, rank=3, kind="repeat", model_version="items-7")
    for each, answer in ((offer, "offered"), (offer, "accepted"), (other, "not_interested")):
        answer_offer(account=each.account, product_id=each.product.public_id, user=user, answer=answer)

    assert count_answers("items-7") == {"new": {"offered": 1, "accepted": 1}, "repeat": {"not_interested": 1}}
    assert count_answers("items-8") == {}


def test_the_page_of_a_model_says_what_came_of_its_recommendations(analyst_client, offer):
    version = ModelVersion.objects.create(
        book=offer.account.book, kind="recommendation", version="items-7", state="live", horizon_days=60,
        as_of=offer.as_of, artifact=b"", sha256="",
    )  # fmt: skip
    address = reverse("analytics:model-detail", args=[version.public_id])
    before = analyst_client.get(address).text
    for answer in ("offered", "accepted", "not_interested", "accepted"):
        answer_offer(
            account=offer.account, product_id=offer.product.public_id, user=f.UserFactory(), answer=answer
        )

    (counts,) = list_answers("items-7")

    assert (counts.offered, counts.accepted, counts.not_interested) == (1, 2, 1)
    assert counts.accepted_share == pytest.approx(2 / 3)
    assert "What came of its recommendations" not in before
    assert "What came of its recommendations" in analyst_client.get(address).text


def test_a_list_that_has_changed_is_said_so(analyst_client, offer):
    stranger = f.ProductFactory(book=offer.account.book)
    for product, answer in ((stranger.public_id, "offered"), ("nonsense", "offered"), (None, "maybe")):
        assert "This list has changed" in say(analyst_client, offer, answer, product).text

    assert not OfferAnswer.objects.exists()


def test_an_answer_needs_an_offer(offer):
    Recommendation.objects.all().delete()

    with pytest.raises(NoSuchOfferError):
        answer_offer(
            account=offer.account, product_id=offer.product.public_id, user=f.UserFactory(), answer="offered"
        )
