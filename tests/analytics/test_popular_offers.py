"""Books without a recommender: too little was sold to learn from, and nobody gets an empty list."""

import pytest

from analytics.lake import open_lake, refresh
from analytics.lake.slices import open_slice
from analytics.pipelines import offers
from crm.models import Recommendation
from tests import factories as f
from tests.analytics.lake_facts import AS_OF, ago, make_order

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]


@pytest.fixture
def goods():
    book = f.BookFactory()
    return {name: f.ProductFactory(book=book, name=name) for name in ("tea", "cup", "lamp", "old")}


def buy(account, product, days):
    order = make_order(account, days, lines=0)
    f.OrderLineFactory(order=order, product=product, quantity=1, known_at=ago(days))


def publish(book, account_ids=None):
    refresh()
    with open_lake() if account_ids is None else open_slice(account_ids) as lake:
        offers.publish(lake, book, AS_OF, account_ids=account_ids)


def listed(account):
    rows = Recommendation.objects.filter(account=account).order_by("rank")
    return list(rows.values_list("product__name", "kind", "reason__buyers"))


def test_everybody_gets_what_sold_lately_the_most_to_different_buyers_first(goods):
    book = goods["tea"].book
    buyers = f.AccountFactory.create_batch(3, book=book)
    newcomer = f.AccountFactory(book=book)
    for buyer in buyers:
        buy(buyer, goods["tea"], 10)
    for days in (5, 6, 7, 8):
        buy(buyers[0], goods["cup"], days)  # often, and by one
    for buyer in buyers:
        buy(buyer, goods["old"], 300)

    publish(book)

    expected = [("tea", "popular", 3), ("cup", "popular", 1)]
    assert [listed(account) for account in (*buyers, newcomer)] == [expected] * 4
    assert set(Recommendation.objects.values_list("model_version", "as_of")) == {("popularity", AS_OF)}


def test_what_sold_long_ago_is_better_than_nothing_and_rules_hold(goods):
    book = goods["tea"].book
    german, other = f.AccountFactory(book=book, country="DE"), f.AccountFactory(book=book, country="FR")
    for product in goods.values():
        buy(german, product, 300)
    goods["lamp"].sold_in, goods["old"].is_sold = "DE", False
    goods["lamp"].save()
    goods["old"].save()

    publish(book)

    assert {name for name, _kind, _buyers in listed(german)} == {"tea", "cup", "lamp"}
    assert {name for name, _kind, _buyers in listed(other)} == {"tea", "cup"}


def test_one_account_can_be_given_its_list_alone_and_a_book_that_sells_nothing_has_none(goods):
    book = goods["tea"].book
    buyer, other = f.AccountFactory.create_batch(2, book=book)
    publish(book)
    assert not Recommendation.objects.exists()
    buy(buyer, goods["tea"], 10)
    publish(book)
    newcomer = f.AccountFactory(book=book)
    buy(newcomer, goods["cup"], 5)

    publish(book, [newcomer.pk])  # from its own facts alone, which do not say what others buy

    assert listed(newcomer) == listed(buyer) == listed(other) == [("tea", "popular", 1)]
