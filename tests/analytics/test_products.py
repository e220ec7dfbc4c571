"""How products sell and what is bought together, from orders to what the pages read."""

import random
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

import pytest

from analytics.lake import open_lake, refresh
from analytics.pipelines import products
from crm.models import Basket, Order, ProductFigures, ProductPair
from tests import factories as f
from tests.analytics.lake_facts import AS_OF, ago

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]


def line(account, product, days, quantity=4, **more):
    kind = "sale" if quantity > 0 else "return"
    order = f.OrderFactory(account=account, placed_at=ago(days), kind=kind, amount=quantity, lines=0, **more)
    f.OrderLineFactory(order=order, product=product, quantity=Decimal(quantity), known_at=order.known_at)


@pytest.fixture
def book():
    """Make a book in which whoever buys a cup buys a saucer too, among much else."""
    book = f.BookFactory()
    draw = random.Random(5)
    goods = [f.ProductFactory(book=book, name=name) for name in ("cup", "saucer", *map(str, range(10)))]
    for number in range(60):
        account = f.AccountFactory(book=book)
        for product in draw.sample(goods[2:], draw.randrange(4)):
            line(account, product, draw.uniform(1, 900))
        for product in goods[:2] if number < 20 else ():
            line(account, product, draw.uniform(1, 700))
        if number % 4 == 0:
            line(account, goods[0], draw.uniform(1, 300), quantity=-1)
    line(account, goods[0], 20, cancelled_at=ago(10))
    line(account, goods[0], 5, quantity=90)
    line(f.AccountFactory(book=book), goods[1], -5)  # after the moment
    f.OrderFactory(account__book=f.BookFactory(code="other"), placed_at=ago(10))
    refresh()
    return book


def publish(book, days=0):
    with open_lake() as lake:
        return products.publish_figures(lake, book, ago(days))


def counted_by_hand(book):
    """Return (buyers, orders, sold in 90 days, sold, returned) by product, from the orders themselves."""
    buyers, sums = defaultdict(set), defaultdict(lambda: [0, Decimal(0), Decimal(0), Decimal(0)])
    orders = Order.objects.filter(book=book, placed_at__lt=AS_OF, placed_at__gte=ago(730))
    for order in orders.exclude(cancelled_at__lt=AS_OF):
        age = AS_OF - order.placed_at
        for bought in order.lines.all():
            figures = sums[bought.product_id]
            if order.kind == "sale":
                buyers[bought.product_id].add(order.account_id)
                figures[0] += age <= timedelta(days=365)
                figures[1] += bought.quantity * (age <= timedelta(days=90))
                figures[2] += bought.quantity * (age <= timedelta(days=365))
            else:
                figures[3] -= bought.quantity
    return {key: (len(buyers[key]), *figures) for key, figures in sums.items()}, set().union(*buyers.values())


def test_figures_are_those_counted_from_the_orders(book):
    written = publish(book)

    expected, anybody = counted_by_hand(book)
    rows = ProductFigures.objects.all()
    found = {
        row.product_id: (row.buyers, row.orders_year, row.sold_90_days, row.sold_year, row.returned_year)
        for row in rows
    }
    assert found == expected
    assert written["products"] == len(expected) == 12
    assert {row.of_buyers for row in rows} == {len(anybody)}
    assert {row.as_of for row in rows} == {AS_OF}


def test_cup_and_saucer_go_together(book):
    publish(book)

    cup, saucer = book.products.get(name="cup"), book.products.get(name="saucer")
    pair = ProductPair.objects.get(product=cup, other=saucer)
    back = ProductPair.objects.get(product=saucer, other=cup)
    figures = ProductFigures.objects.get(product=cup)
    assert pair.rank == 1
    assert pair.buyers == figures.buyers
    assert pair.counted == figures.of_buyers
    assert pair.bought_both == back.bought_both
    assert pair.lift == pytest.approx(back.lift)
    assert pair.lift == pytest.approx(pair.share / (back.buyers / pair.counted))


def test_publishing_twice_leaves_the_same_rows(book):
    def rows():
        pairs = ProductPair.objects.order_by("product", "rank").values_list(
            "product", "other", "rank", "lift"
        )
        figures = ProductFigures.objects.order_by("product").values_list("product", "buyers", "sold_year")
        return list(figures), list(pairs)

    publish(book)
    once = rows()
    publish(book)

    assert rows() == once


def test_an_older_moment_never_replaces_a_newer(book):
    publish(book)
    written = publish(book, days=100)

    assert written == {"products": 0, "product_pairs": 0}
    assert {row.as_of for row in ProductFigures.objects.all()} == {AS_OF}


def test_what_is_not_sold_any_more_is_not_suggested(book):
    book.products.filter(name="saucer").update(is_sold=False)
    publish(book)

    assert not ProductPair.objects.filter(other__name="saucer").exists()
    assert ProductPair.objects.filter(product__name="saucer", other__name="cup").exists()


def test_a_book_that_sold_nothing_has_no_figures(book):
    assert publish(f.BookFactory(code="empty")) == {"products": 0, "product_pairs": 0}


def publish_all(book, days=0, accounts=None):
    ids = None if accounts is None else [account.pk for account in accounts]
    with open_lake() as lake:
        return products.publish_account_baskets(lake, book, ago(days), account_ids=ids)


def baskets_by_hand(book, days=0):
    found = defaultdict(set)
    orders = Order.objects.filter(
        book=book, kind="sale", placed_at__lt=ago(days), placed_at__gte=ago(days + 730)
    )
    for order in orders.exclude(cancelled_at__lt=ago(days)):
        found[order.account_id].update(order.lines.values_list("product", flat=True))
    return {account: sorted(bought) for account, bought in found.items()}


def standing():
    return dict(Basket.objects.values_list("account", "products"))


def test_scoring_some_accounts_leaves_the_figures(book):
    with open_lake() as lake:
        some = products.publish(lake, book, AS_OF, account_ids=[book.accounts.earliest("pk").pk])
        none = ProductFigures.objects.count()
        whole = products.publish(lake, book, AS_OF)

    assert (some, none) == ({}, 0)
    assert whole["products"] == ProductFigures.objects.count() > 0
    assert standing() == baskets_by_hand(book)


def test_baskets_hold_what_each_account_bought(book):
    changed = publish_all(book)

    assert standing() == baskets_by_hand(book)
    assert changed == len(standing()) > 40


def test_only_baskets_that_changed_are_written_again(book):
    publish_all(book, days=60)
    before = standing()
    changed = publish_all(book)

    expected = baskets_by_hand(book)
    assert standing() == expected
    assert changed == sum(before.get(key) != expected.get(key) for key in before.keys() | expected.keys())
    assert publish_all(book) == 0


def test_single_accounts_change_nothing_of_others(book):
    publish_all(book, days=60)
    before = standing()
    some = list(book.accounts.order_by("pk")[:20])
    publish_all(book, accounts=some)

    expected, ids = baskets_by_hand(book), {account.pk for account in some}
    assert {key: basket for key, basket in standing().items() if key in ids} == {
        key: basket for key, basket in expected.items() if key in ids
    }
    assert {key: basket for key, basket in standing().items() if key not in ids} == {
        key: basket for key, basket in before.items() if key not in ids
    }


def test_an_older_moment_takes_no_basket_back(book):
    publish_all(book)
    newest = standing()
    publish_all(book, days=400)

    assert {key: newest[key] for key in newest} == {key: standing()[key] for key in newest}
