"""Who buys alike: by brute force, among those one may see, and bounded where many buy everything."""

import math
import random
from collections import Counter

import pytest
from django.urls import reverse

from crm.models import Account, Basket
from crm.selectors import similar_accounts as module
from crm.selectors.similar_accounts import list_similar
from tests import factories as f

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return f.UserFactory(role="analyst")


def make_market(baskets):
    """Make an account for each basket of product names, and what the night says of the products."""
    book = f.BookFactory()
    names = sorted({name for basket in baskets for name in basket})
    goods = {name: f.ProductFactory(book=book, name=str(name)) for name in names}
    buyers = Counter(name for basket in baskets for name in basket)
    for name, product in goods.items():
        f.ProductFiguresFactory(product=product, buyers=buyers[name], of_buyers=len(baskets))
    accounts = []
    for number, basket in enumerate(baskets):
        account = f.AccountFactory(book=book, name=f"Shop {number}")
        f.BasketFactory(account=account, products=sorted(goods[name].pk for name in basket))
        accounts.append(account)
    return accounts


def by_hand(baskets, asked):
    """Return the cosine of every basket to the one asked for, best first."""
    buyers = Counter(name for basket in baskets for name in basket)
    weight = {name: math.log((1 + len(baskets)) / (1 + n)) for name, n in buyers.items()}
    norm = [math.sqrt(sum(weight[name] ** 2 for name in basket)) for basket in baskets]
    found = []
    for other, basket in enumerate(baskets):
        shared = basket & baskets[asked]
        if other != asked and len(shared) >= 2:
            dot = sum(weight[name] ** 2 for name in shared)
            found.append((dot / (norm[asked] * norm[other]), other, len(shared)))
    return sorted(found, key=lambda row: (-row[0], row[1]))


def random_baskets(seed):
    draw = random.Random(seed)
    return [set(draw.choices(range(14), range(1, 15), k=draw.randrange(2, 9))) for _ in range(40)]


@pytest.mark.parametrize("few", [1_000, 0])
def test_the_nearest_are_those_of_brute_force(staff, monkeypatch, few):
    monkeypatch.setattr(module, "FEW", few)  # once by all accounts, once by the rarest products
    baskets = random_baskets(3)
    accounts = make_market(baskets)

    for asked in range(0, 40, 7):
        expected = by_hand(baskets, asked)[: module.SHOWN]
        found = list_similar(accounts[asked], staff)

        assert [row.cosine for row in found] == pytest.approx([row[0] for row in expected])
        by_name = {f"Shop {other}": shared for _cosine, other, shared in by_hand(baskets, asked)}
        assert {row.name: row.shared for row in found}.items() <= by_name.items()


def test_the_rarest_shared_products_are_named_first(staff):
    common, *rest = [{"tea", "jam", "cake", "lamp"}, {"tea", "jam", "cake", "lamp"}, {"tea"}, {"tea", "jam"}]
    accounts = make_market([common, *rest, {"tea", "jam", "cake"}])

    nearest = list_similar(accounts[0], staff)[0]

    assert nearest.name == "Shop 1"
    assert nearest.shared == 4
    assert [product.name for product in nearest.products] == ["lamp", "cake", "jam"]


def test_one_product_in_common_is_not_enough(staff):
    accounts = make_market([{"tea", "jam"}, {"tea", "cake"}, {"lamp", "rug"}])

    assert list_similar(accounts[0], staff) == []


def test_what_everybody_buys_makes_nobody_alike(staff):
    accounts = make_market([{"tea", "jam", "lamp"}, {"tea", "jam", "rug"}, {"tea", "jam"}])

    assert list_similar(accounts[0], staff) == []


@pytest.mark.parametrize("few", [1_000, 0])
def test_salespeople_see_only_their_own_and_their_teams(monkeypatch, few):
    monkeypatch.setattr(module, "FEW", few)
    seller = f.UserFactory(role="sales", team=f.TeamFactory())
    accounts = make_market([*[{"tea", "jam"}] * 4, {"rug"}])
    mine, of_team, strange = accounts[1:4]
    Account.objects.filter(pk__in=[accounts[0].pk, mine.pk]).update(owner=seller)
    Account.objects.filter(pk=of_team.pk).update(team=seller.team)

    found = {row.name for row in list_similar(accounts[0], seller)}

    assert found == {mine.name, of_team.name}
    assert strange.name not in found


def test_popular_products_do_not_make_it_look_at_everybody(staff, monkeypatch):
    monkeypatch.setattr(module, "FEW", 0)
    monkeypatch.setattr(module, "MOST_COMPARED", 3)
    crowd = [{"tea", "jam", f"only {number}"} for number in range(30)]
    accounts = make_market([{"tea", "jam", "lamp", "rug"}, {"lamp", "rug", "jam"}, *crowd])

    found = list_similar(accounts[0], staff)

    assert [row.name for row in found] == ["Shop 1"]


def test_an_account_without_a_basket_is_like_nobody(staff):
    accounts = make_market([{"tea", "jam"}, {"tea", "jam"}])
    Basket.objects.filter(account=accounts[0]).delete()

    assert list_similar(accounts[0], staff) == []


def test_the_panel_names_them_with_what_they_share(analyst_client):
    accounts = make_market([{"tea", "jam"}, {"tea", "jam"}, {"rug"}])
    url = reverse("crm:account-similar", args=[accounts[0].public_id])

    page, panel = analyst_client.get(url).text, analyst_client.get(url, headers={"HX-Request": "true"}).text

    for text in (page, panel):
        assert accounts[1].get_absolute_url() in text
        assert "2 products in common" in text
        assert "Customer" in text
        assert text.count(">Similar accounts</h") == 1
    assert "<html" in page
    assert "<html" not in panel


def test_the_panel_says_when_nobody_buys_alike(analyst_client):
    account = f.AccountFactory()

    page = analyst_client.get(reverse("crm:account-similar", args=[account.public_id])).text

    assert "Nobody buys alike" in page


def test_the_page_of_an_account_fetches_the_panel_later(analyst_client):
    order = f.OrderFactory()
    url = reverse("crm:account-similar", args=[order.account.public_id])

    page = analyst_client.get(order.account.get_absolute_url()).text
    without_orders = analyst_client.get(f.AccountFactory().get_absolute_url()).text

    assert f'hx-get="{url}"' in page
    assert f'href="{url}"' in page
    assert "Similar accounts" not in without_orders
