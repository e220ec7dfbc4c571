"""The list of products and the page of one."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from crm.models import OfferAnswer
from tests import factories as f

pytestmark = pytest.mark.django_db
LIST = reverse("crm:product-list")


@pytest.fixture
def goods():
    book = f.BookFactory()
    lamp = f.ProductFactory(book=book, code="L1", name="Paper lamp", category="Light", price=Decimal(9))
    rug = f.ProductFactory(book=book, code="R1", name="Wool rug", category="Floor", is_sold=False)
    jar = f.ProductFactory(book=book, code="J1", name="Jam jar", price=None)
    f.ProductFiguresFactory(product=lamp, buyers=5, sold_90_days=700)
    f.ProductFiguresFactory(product=rug, buyers=50, sold_90_days=7)
    return {"lamp": lamp, "rug": rug, "jar": jar}


def names(client, query=""):
    """Return the names on the list, in its order."""
    page = client.get(f"{LIST}{query}")
    return [product.name for product in page.context["page"].rows]


def test_what_most_accounts_buy_comes_first(analyst_client, goods):
    assert names(analyst_client) == ["Wool rug", "Paper lamp", "Jam jar"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?q=LAMP", ["Paper lamp"]),
        ("?q=r1", ["Wool rug"]),
        ("?category=Floor", ["Wool rug"]),
        ("?state=sold", ["Paper lamp", "Jam jar"]),
        ("?state=ended", ["Wool rug"]),
        ("?book=other", []),
        ("?sort=name", ["Jam jar", "Paper lamp", "Wool rug"]),
        ("?sort=-sold", ["Paper lamp", "Wool rug", "Jam jar"]),
        ("?sort=-price", ["Paper lamp", "Wool rug", "Jam jar"]),
        ("?sort=code", ["Jam jar", "Paper lamp", "Wool rug"]),
        ("?sort=nonsense", ["Wool rug", "Paper lamp", "Jam jar"]),
    ],
)
def test_the_list_is_filtered_and_sorted_by_its_address(analyst_client, goods, query, expected):
    assert names(analyst_client, query) == expected


@pytest.mark.parametrize("sort", ["", "name", "-price", "-sold", "buyers"])
def test_pages_show_every_product_once(analyst_client, sort):
    book = f.BookFactory()
    made = [f.ProductFactory(book=book, price=number % 3 or None) for number in range(120)]
    for product in made[::2]:
        f.ProductFiguresFactory(product=product, buyers=product.pk % 5)

    seen, cursor = [], ""
    while cursor is not None:
        page = analyst_client.get(LIST, {"sort": sort, "after": cursor}).context["page"]
        seen += [product.pk for product in page.rows]
        cursor = page.next_cursor

    assert sorted(seen) == [product.pk for product in made]


def test_the_page_says_how_it_sells_and_what_goes_with_it(analyst_client, goods):
    f.ProductPairFactory(product=goods["lamp"], other=goods["jar"], bought_both=3, buyers=5, lift=2.5)
    f.ProductPairFactory(product=goods["lamp"], other=goods["rug"])  # no longer sold

    page = analyst_client.get(goods["lamp"].get_absolute_url()).text

    assert "3 of 5" in page
    assert "2.5 times" in page
    assert goods["jar"].get_absolute_url() in page
    assert goods["rug"].get_absolute_url() not in page
    assert "2.0" in page  # 10 of 500 pieces came back


def test_a_product_that_nobody_counted_says_so(analyst_client, goods):
    page = analyst_client.get(goods["jar"].get_absolute_url()).text

    assert "Not counted yet" in page
    assert "Nobody in particular" in page


def test_who_may_buy_next_stands_likeliest_first(analyst_client, goods):
    low, high, popular, settled = (f.AccountFactory(name=name) for name in ("Low", "High", "All", "Done"))
    for account, kind, score in ((low, "new", 0.1), (high, "repeat", 0.4), (popular, "popular", 900)):
        f.RecommendationFactory(account=account, product=goods["lamp"], kind=kind, score=score)
    offer = f.RecommendationFactory(account=settled, product=goods["lamp"], kind="new", score=0.9)
    OfferAnswer.objects.create(
        account=settled, product=goods["lamp"], answer="accepted", kind="new", rank=1, model_version="m",
        as_of=offer.as_of,
    )  # fmt: skip
    page = analyst_client.get(goods["lamp"].get_absolute_url())
    OfferAnswer.objects.update(at=timezone.now() - timedelta(days=91))
    later = analyst_client.get(goods["lamp"].get_absolute_url())

    assert [offer.account.name for offer in page.context["likely"]] == ["High", "Low"]
    assert [offer.account.name for offer in later.context["likely"]] == ["Done", "High", "Low"]


def test_salespeople_see_their_own_accounts_only(client, goods):
    seller = f.UserFactory(role="sales")
    mine, other = f.AccountFactory(name="Mine", owner=seller), f.AccountFactory(name="Strange")
    for account in (mine, other):
        f.RecommendationFactory(account=account, product=goods["lamp"], kind="new")
        f.OrderLineFactory(order=f.OrderFactory(account=account, lines=0), product=goods["lamp"])
    client.force_login(seller)

    page = client.get(goods["lamp"].get_absolute_url())

    assert [offer.account for offer in page.context["likely"]] == [mine]
    assert [line.order.account for line in page.context["lines"]] == [mine]
    assert "Strange" not in page.text


def test_the_last_orders_come_first(analyst_client, goods):
    account = f.AccountFactory()
    for days in (30, 1, 400):
        order = f.OrderFactory(account=account, placed_at=f.NOW - timedelta(days=days), lines=0)
        f.OrderLineFactory(order=order, product=goods["lamp"])

    lines = analyst_client.get(goods["lamp"].get_absolute_url()).context["lines"]

    assert [(f.NOW - line.order.placed_at).days for line in lines] == [1, 30, 400]


def test_order_lines_and_recommendations_lead_to_the_product(analyst_client, goods):
    order = f.OrderFactory(lines=0)
    f.OrderLineFactory(order=order, product=goods["lamp"])
    f.RecommendationFactory(account=order.account, product=goods["rug"])

    of_order = analyst_client.get(reverse("crm:order-detail", args=[order.public_id])).text
    of_account = analyst_client.get(order.account.get_absolute_url()).text

    assert goods["lamp"].get_absolute_url() in of_order
    assert goods["rug"].get_absolute_url() in of_account


def test_everybody_has_products_in_the_menu(client):
    for role in ("sales", "support", "marketing", "analyst", "partner_manager", "administrator"):
        client.force_login(f.UserFactory(role=role))

        assert f'href="{LIST}"' in client.get(LIST).text
