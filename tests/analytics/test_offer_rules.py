"""Business rules of recommendations: what must not be offered, to anybody or to some."""

from datetime import timedelta

import numpy as np
import pytest

from analytics.pipelines.offer_rules import read_content, read_rules
from crm.models import OfferAnswer
from tests import factories as f

pytestmark = pytest.mark.django_db


@pytest.fixture
def book():
    return f.BookFactory()


def ids(*rows):
    return np.array(sorted(row.pk for row in rows))


def hidden(rules, accounts, products):
    """Return the pairs of names that are hidden."""
    accounts, products = (sorted(rows, key=lambda row: row.pk) for rows in (accounts, products))
    row, column = rules.hidden.nonzero()
    return {(accounts[i].name, products[j].name) for i, j in zip(row, column, strict=True)}


def test_what_is_discontinued_is_barred_for_everybody(book):
    old, new = (f.ProductFactory(book=book, is_sold=sold) for sold in (False, True))

    rules = read_rules(book, f.NOW, ids(f.AccountFactory(book=book)), ids(old, new))

    assert rules.barred.tolist() == [True, False]
    assert rules.hidden is None


def test_what_is_not_sold_in_a_country_is_hidden_there(book):
    lamp = f.ProductFactory(book=book, name="Lamp", sold_in="DE FR")
    tea = f.ProductFactory(book=book, name="Tea")
    accounts = [f.AccountFactory(book=book, name=code, country=code) for code in ("DE", "GB")]
    accounts.append(f.AccountFactory(book=book, name="nowhere", country=""))

    rules = read_rules(book, f.NOW, ids(*accounts), ids(lamp, tea))

    assert hidden(rules, accounts, [lamp, tea]) == {("GB", "Lamp")}


def test_what_is_bought_once_for_life_is_hidden_from_who_has_it(book):
    boiler = f.ProductFactory(book=book, name="Boiler", is_bought_once=True)
    tea = f.ProductFactory(book=book, name="Tea")
    owner, other = (f.AccountFactory(book=book, name=name) for name in ("owner", "other"))
    for account, product, years in ((owner, boiler, 9), (owner, tea, 1), (other, boiler, -1)):
        order = f.OrderFactory(account=account, placed_at=f.NOW - timedelta(days=365 * years), lines=0)
        f.OrderLineFactory(order=order, product=product, known_at=order.placed_at)

    rules = read_rules(book, f.NOW, ids(owner, other), ids(boiler, tea))

    assert hidden(rules, [owner, other], [boiler, tea]) == {("owner", "Boiler")}


def test_what_was_settled_lately_is_hidden_from_that_account(book):
    accounts = [f.AccountFactory(book=book, name=name) for name in ("no", "yes", "offered", "long ago")]
    tea = f.ProductFactory(book=book, name="Tea")
    said = {"no": "not_interested", "yes": "accepted", "offered": "offered", "long ago": "not_interested"}
    for account in accounts:
        answer = OfferAnswer.objects.create(
            account=account, product=tea, answer=said[account.name], kind="new", rank=1, model_version="m",
            as_of=f.NOW,
        )  # fmt: skip
        days = 120 if account.name == "long ago" else 5
        OfferAnswer.objects.filter(pk=answer.pk).update(at=f.NOW - timedelta(days=days))

    rules = read_rules(book, f.NOW, ids(*accounts), ids(tea))

    assert hidden(rules, accounts, [tea]) == {("no", "Tea"), ("yes", "Tea")}


def test_categories_and_content_follow_the_order_asked_for(book):
    names = {"red lamp": "light", "blue lamp": "light", "spade": "garden", "thing": ""}
    products = [f.ProductFactory(book=book, name=name, category=names[name]) for name in names]

    rules = read_rules(book, f.NOW, ids(), ids(*products))
    vectors = read_content(book, ids(*products))

    assert rules.groups[0] == rules.groups[1] != rules.groups[2]
    assert rules.groups[3] == -1
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
