"""Reasons read as sentences, whatever part of their values is missing."""

import pytest
from django.utils import translation

from crm.selectors.words import OFFERS, SENTENCES, reason_label, reason_text, recommendation_text


@pytest.mark.parametrize(
    ("code", "values", "sentence"),
    [
        ("recency", {"days": 94, "usual_days": 31.2}, "No order for 94 days, usually one every 31 days"),
        ("recency", {"days": 1}, "No order for 1 day"),
        ("recency", {}, "No order yet"),
        ("frequency", {"orders": 12, "days": 365}, "12 orders in 365 days"),
        ("frequency", {"orders": 1}, "1 order"),
        ("money", {"amount": 1234.5, "days": 90, "currency": "GBP"}, "Spent £1,234 in 90 days"),
        ("trend", {"change_share": -0.343}, "Orders 34\u202f% less often than in the three months before"),
        ("trend", {"change_share": 0.001}, "Orders as often as in the three months before"),
        (
            "rhythm",
            {"days": 20, "usual_days": 31},
            "Within its own rhythm: 20 days since the last order, usually 31 days",
        ),
        ("breadth", {"products": 7, "days": 180}, "7 different products in 180 days"),
        ("breadth", {"products": 1}, "1 product"),
        ("returns", {"return_share": 0.0346}, "Sends back 3.5\u202f% of what it buys"),
        ("returns", {"return_share": 0}, "Sends nothing back"),
        ("payment_delay", {"days": 0}, "Pays on time"),
        ("payment_delay", {"days": 12}, "Pays 12 days late"),
        ("payment_delay", {"days": 40, "invoices": 2}, "2 bills open, the oldest for 40 days"),
        ("payment_delay", {"unpaid": 3, "days": 12}, "3 of its last 6 bills not paid"),
        ("balance", {"share": 0.9}, "Uses 90\u202f% of its limit"),
        ("tenure", {"days": 372}, "Customer for 1 year"),
        ("tenure", {"days": 900}, "Customer for 2.5 years"),
        ("activity", {"events": 3, "days": 2}, "3 visits and views in 30 days"),
        ("activity", {"events": 0, "days": 41}, "No visit for 41 days"),
        ("support", {"tickets": 0, "complaints": 0, "open": 0}, "No ticket in a year"),
        ("support", {"tickets": 3, "complaints": 0, "open": 0, "days": 9}, "3 tickets in a year"),
        ("support", {"tickets": 3, "complaints": 2, "open": 0}, "2 complaints in a year"),
        ("support", {"tickets": 1, "complaints": 1, "open": 1}, "1 complaint in a year, 1 ticket still open"),
        ("support", {"tickets": 0, "complaints": 0, "open": 2}, "No ticket in a year, 2 tickets still open"),
        ("attribute:education", {"label": "Education", "value": "university"}, "Education: university"),
        ("attribute:education", {}, "education: not known"),
        ("not_enough_data", {"orders": 1}, "Not enough data: only 1 order"),
        ("other", {}, "Everything else"),
        ("new_in_2030", {}, "New in 2030"),
    ],
)
def test_a_reason_reads_as_a_sentence(code, values, sentence):
    assert reason_text({"code": code, "points": 0.5, "values": values}) == sentence


@pytest.mark.parametrize("code", SENTENCES)
def test_a_reason_without_values_still_reads(code):
    assert reason_text({"code": code}).strip()
    assert reason_label(code) != code


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ({"code": "goes_with", "product_id": 17, "share": 0.4}, "Often bought with Lamp"),
        ({"code": "goes_with", "product_id": 18}, "Goes with what it buys"),
        ({"code": "is_like", "product_id": 17, "share": 0.4}, "Much like Lamp"),
        ({"code": "repeat", "days": 40, "usual_days": 35}, "Bought 40 days ago, usually again after 35 days"),
        ({"code": "repeat", "times": 3}, "Bought 3 times"),
        ({"code": "popular", "accounts": 1}, "Popular now: 1 account bought it"),
        ({}, "Popular now"),
    ],
)
def test_a_recommendation_says_why(reason, sentence):
    assert recommendation_text(reason, product_names={17: "Lamp"}) == sentence


def test_every_kind_of_recommendation_has_words_without_values():
    assert all(recommendation_text({"code": code}).strip() for code in OFFERS)


def test_words_follow_the_language_of_the_reader():
    with translation.override("zh-hans"):
        assert reason_text({"code": "money", "values": {"amount": 1000}}).endswith("1,000")
        assert "90%" in reason_text({"code": "balance", "values": {"share": 0.9}})
