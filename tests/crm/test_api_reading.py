"""What a partner's key reads: its own accounts, whole, in its language, and nobody else's."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crm.models import Account
from crm.services.merges import merge
from tests.factories import (
    NOW,
    AccountFactory,
    BookFactory,
    OrderFactory,
    PartnerAccountFactory,
    ProductFactory,
    RecommendationFactory,
    ScoreFactory,
    ValueFactory,
)
from tests.partner_api import Caller

pytestmark = pytest.mark.django_db


def scored(account, **details):
    reasons = [{"code": "recency", "points": 0.62, "values": {"days": 94, "usual_days": 31}}]
    return ScoreFactory(account=account, reasons=reasons, base_log_odds=-1.2, **details)


def ids(answer):
    return [row["id"] for row in answer.json()["data"]]


def test_lists_own_accounts_with_scores_and_values(partner_key):
    account = partner_key.account(name="Ours")
    scored(account)
    ValueFactory(account=account)
    AccountFactory(name="Nobody's")

    answer = partner_key.get("/accounts/")

    assert answer.status_code == 200
    assert answer.json()["next"] is None
    assert answer.json()["previous"] is None
    [row] = answer.json()["data"]
    assert row["id"] == str(account.public_id)
    assert row["roles"] == ["referred"]
    assert row["scores"] == [
        {
            "kind": "churn",
            "value": 0.25,
            "horizon_days": 90,
            "as_of": "2026-03-02T12:00:00Z",
            "model_version": "churn-1",
        }
    ]
    assert row["values"][0]["amount"] == "1200.0000"
    assert row["values"][0]["currency"] == "GBP"


def test_never_shows_another_partners_rows(partner_key):
    theirs = Caller.make().account()
    order = OrderFactory(account=theirs)
    links = [
        f"/accounts/{theirs.public_id}/",
        f"/accounts/{theirs.public_id}/orders/",
        f"/orders/{order.public_id}/",
    ]

    answers = [partner_key.get(link) for link in links]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert ids(partner_key.get("/accounts/")) == []


@pytest.mark.parametrize("below", ["", "orders/?limit=5"])
def test_an_account_that_was_merged_away_leads_to_the_other(partner_key, below):
    survivor, other = partner_key.account(), partner_key.account()
    merge(survivor=survivor, other=other, choices={}, by=None)

    answer = partner_key.get(f"/accounts/{other.public_id}/{below}")

    assert answer.status_code == 308
    assert answer.headers["Location"] == f"http://testserver/api/v1/accounts/{survivor.public_id}/{below}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert partner_key.get(f"/accounts/{survivor.public_id}/{below}").status_code == 200


def test_a_merge_of_others_leads_nowhere(partner_key):
    theirs, other = Caller.make().account(), AccountFactory()
    merge(survivor=theirs, other=other, choices={}, by=None)

    assert partner_key.get(f"/accounts/{other.public_id}/").status_code == 404


def test_a_link_counts_only_between_its_dates(partner_key):
    PartnerAccountFactory(partner=partner_key.partner, until=NOW - timedelta(days=200))
    PartnerAccountFactory(partner=partner_key.partner, since=NOW + timedelta(days=36_500))
    current = partner_key.account()

    assert ids(partner_key.get("/accounts/")) == [str(current.public_id)]


def test_detail_explains_scores_and_recommends(partner_key):
    account = partner_key.account()
    scored(account)
    lamp = ProductFactory(book=account.book, name="Lamp")
    reason = {"code": "goes_with", "product_id": lamp.pk, "share": 0.4}
    RecommendationFactory(account=account, kind="new", reason=reason)

    data = partner_key.get(f"/accounts/{account.public_id}/").json()["data"]

    [score] = data["scores"]
    assert score["reasons"] == [
        {
            "code": "recency",
            "label": "Time since the last order",
            "text": "No order for 94 days, usually one every 31 days",
            "points": 0.62,
        }
    ]
    assert score["base_log_odds"] == -1.2
    [offer] = data["recommendations"]
    assert offer["reason"]["text"] == "Often bought with Lamp"
    assert offer["product"]["price"] == "2.5000"


def test_amounts_in_reasons_are_in_the_currency_of_the_book(partner_key):
    account = partner_key.account(book=BookFactory(code="shop", currency="EUR"))
    ScoreFactory(account=account, reasons=[{"code": "money", "values": {"amount": 28095, "days": 365}}])

    data = partner_key.get(f"/accounts/{account.public_id}/").json()["data"]

    assert data["scores"][0]["reasons"][0]["text"] == "Spent €28,095 in 365 days"


@pytest.mark.parametrize(("asked", "answered"), [("en", "en"), ("zh-Hans", "zh-hans"), ("fr", "en")])
def test_answers_in_the_language_asked_for(partner_key, asked, answered):
    account = partner_key.account()

    answer = partner_key.get(f"/accounts/{account.public_id}/", **{"Accept-Language": asked})

    assert answer.headers["Content-Language"] == answered
    assert "Accept-Language" in answer.headers["Vary"]


def test_an_answer_known_already_is_not_sent_again(partner_key):
    account = partner_key.account()
    path = f"/accounts/{account.public_id}/"
    etag = partner_key.get(path).headers["ETag"]

    known = partner_key.get(path, **{"If-None-Match": etag})
    scored(account)
    rescored = partner_key.get(path, **{"If-None-Match": etag})
    Account.objects.filter(pk=account.pk).update(name="Renamed")
    renamed = partner_key.get(path, **{"If-None-Match": rescored.headers["ETag"]})

    assert (known.status_code, known.content) == (304, b"")
    assert rescored.status_code == 200
    assert renamed.json()["data"]["revision"] == 2


def test_pages_forwards_and_back(partner_key):
    accounts = [partner_key.account(name=name) for name in ("Alba", "Bell", "Cove", "Dune", "Elm")]
    expected = [str(account.public_id) for account in accounts]
    client = Client(headers=partner_key.headers)

    first = partner_key.get("/accounts/?limit=2")
    second = client.get(first.json()["next"])
    third = client.get(second.json()["next"])
    back = client.get(third.json()["previous"])

    assert ids(first) + ids(second) + ids(third) == expected
    assert third.json()["next"] is None
    assert ids(back) == ids(second)


def test_filters_and_sorts_like_the_page(partner_key):
    low, high, middle = (partner_key.account(country="FR") for _ in range(3))
    for account, value in ((low, 0.1), (high, 0.9), (middle, 0.5)):
        scored(account, value=value)
    partner_key.account(country="GB")

    answer = partner_key.get("/accounts/?country=FR&churn_min=0.2&sort=-churn")

    assert ids(answer) == [str(high.public_id), str(middle.public_id)]


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("limit=0", "/limit", "out_of_range"),
        ("limit=x", "/limit", "out_of_range"),
        ("after=abc", "/after", "cursor_invalid"),
        ("sort=owner", "/sort", "sort_unknown"),
        ("churn_min=2", "/churn_min", "max_value"),
        ("contry=FR", "/contry", "unknown_parameter"),
        ("owner=me", "/owner", "unknown_parameter"),
        ("attr_income=1", "/attr_income", "unknown_parameter"),
    ],
)
def test_says_which_parameter_is_wrong(partner_key, query, pointer, code):
    answer = partner_key.get(f"/accounts/?{query}")

    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


def test_reads_orders_newest_first_and_one_with_its_lines(partner_key):
    account = partner_key.account()
    old = OrderFactory(account=account, placed_at=NOW - timedelta(days=9))
    new = OrderFactory(account=account, placed_at=NOW - timedelta(days=2), amount=Decimal("7.5"))

    listed = partner_key.get(f"/accounts/{account.public_id}/orders/")
    read = partner_key.get(f"/orders/{new.public_id}/").json()["data"]

    assert ids(listed) == [str(new.public_id), str(old.public_id)]
    assert read["amount"] == "7.5000"
    assert read["account_id"] == str(account.public_id)
    assert [line["quantity"] for line in read["lines"]] == ["4.000"]


def test_lists_products_of_the_books_that_concern_it(partner_key):
    ours = ProductFactory(book=partner_key.partner.book)
    ProductFactory(book__code="elsewhere")
    ProductFactory(book=partner_key.partner.book, is_sold=False)

    assert ids(partner_key.get("/products/")) == [str(ours.public_id)]


@pytest.mark.parametrize("kind", ["accounts", "detail", "orders", "order"])
def test_needs_as_many_queries_for_thirty_rows_as_for_three(partner_key, kind):
    def queries(rows: int) -> int:
        account = partner_key.account()
        for _ in range(rows):
            scored(partner_key.account())
            RecommendationFactory(account=account, rank=account.recommendations.count() + 1)
            order = OrderFactory(account=account, lines=rows)
        path = {
            "accounts": "/accounts/",
            "detail": f"/accounts/{account.public_id}/",
            "orders": f"/accounts/{account.public_id}/orders/",
            "order": f"/orders/{order.public_id}/",
        }[kind]
        with CaptureQueriesContext(connection) as captured:
            assert partner_key.get(path).status_code == 200
        return len(captured)

    queries(1)  # notes the use of the key

    assert queries(3) == queries(30)


@pytest.mark.parametrize(
    "query",
    ["", "q=ha", "country=FR", "churn_min=0.3&sort=-churn", "sort=value", "stage=lead", "without=churn"],
)
def test_the_same_query_means_the_same_as_on_the_page(partner_key, admin_client_, query):
    for number, name in enumerate(("Harbour Lights", "Haven", "Mill", "Quay", "Elm")):
        stage = "lead" if number == 4 else "customer"
        account = partner_key.account(name=name, country="FR" if number % 2 else "GB", stage=stage)
        if number < 4:
            scored(account, value=0.2 + number / 10)
            ValueFactory(account=account, amount=1000 - 100 * number)

    page = admin_client_.get(f"/accounts/?{query}").text
    shown = re.findall(r'class="table__main" href="/accounts/([0-9a-f-]{36})/[?"]', page)

    assert shown
    assert ids(partner_key.get(f"/accounts/?{query}")) == shown
