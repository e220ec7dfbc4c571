"""Each rule over standing rows catches the row that was planted for it, and no clean one."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from crm.models import (
    Account,
    Contact,
    Event,
    ExchangeRate,
    Organisation,
    QualityCount,
    QualityRule,
    Subscription,
    Ticket,
)
from crm.pipelines.quality import check_table
from crm.selectors.quality_words import KINDS, RULES
from crm.selectors.quality_words import TABLES as TABLE_WORDS
from crm.services.quality_rules import TABLES, move_rule, switch_rule, sync_rules
from tests import factories as f

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def organisation(db):
    return Organisation.objects.get_or_create(id=1, defaults={"name": "Larder and Loft"})[0]


def now():
    return Organisation.objects.annotate(now=Now()).get().now


def customer(**details: Any) -> Account:
    """Make an account in which no rule finds anything."""
    known = {
        "owner": f.UserFactory(), "customer_since": now() - 900 * DAY, "website": "https://www.acme.example/",
        "email": "desk@acme.example", "name": f"Acme {uuid4().hex[:8]}",
    }  # fmt: skip
    account = f.AccountFactory(**{**known, **details})
    f.ContactFactory(account=account, email=f"{uuid4().hex[:8]}@acme.example")
    return account


def contact(**details: Any) -> Contact:
    return f.ContactFactory(**{"account": customer(), "email": f"{uuid4().hex[:8]}@acme.example", **details})


def order(**details: Any) -> Any:
    account = details.pop("account", None) or customer()
    return f.OrderFactory(**{"account": account, "placed_at": now() - 5 * DAY, **details})


def line(**details: Any) -> Any:
    made = order(lines=0, amount=max(Decimal(0), details.get("amount", Decimal(10))))
    return f.OrderLineFactory(order=made, product__book=made.book, known_at=made.placed_at, **details)


def lines_of_one_product() -> Any:
    product = f.ProductFactory()
    made = [line(product=product, unit_price=Decimal(price), amount=4 * Decimal(price)) for price in (2,) * 6]
    return made[0]


def price_of_another_world(price: str) -> Any:
    usual = lines_of_one_product()
    return line(product=usual.product, unit_price=Decimal(price), amount=4 * Decimal(price))


def subscription(**details: Any) -> Subscription:
    account = details.pop("account", None) or customer()
    known = {
        "product": f.ProductFactory(book=account.book), "public_id": uuid4(), "started_at": now() - 30 * DAY,
        "period_days": 30, "currency": "GBP", "amount_per_period": 10, "rate": 1, "amount_reporting": 10,
    }  # fmt: skip
    return Subscription.objects.create(account=account, **{**known, **details})


def invoice(**details: Any) -> Any:
    account = details.pop("account", None) or customer()
    issued = details.pop("issued_at", now() - 40 * DAY)
    return f.InvoiceFactory(account=account, issued_at=issued, **details)


def payment(**details: Any) -> Any:
    paid = details.pop("invoice") if "invoice" in details else invoice()
    return f.PaymentFactory(invoice=paid, **{"paid_at": now() - DAY, **details})


def event(**details: Any) -> Event:
    account = details.pop("account", None) or customer()
    return Event.objects.create(account=account, **{"kind": "visit", "at": now() - DAY, **details})


def ticket(**details: Any) -> Ticket:
    account = details.pop("account", None) or customer()
    known = {"opened_at": now() - DAY, "assignee": f.UserFactory(), "subject": uuid4().hex}
    return f.TicketFactory(account=account, **{**known, **details})


def second(make: Callable[..., Any], **details: Any) -> Any:
    """Make the same row twice."""
    make(**details)
    return make(**details)


def never_priced() -> Any:
    product = f.ProductFactory(price=None)
    line(product=product)
    return product


def long_unsold() -> Any:
    made = order(lines=0, placed_at=now() - 1000 * DAY, account=customer(customer_since=None))
    product = f.ProductFactory()
    f.OrderLineFactory(order=made, product=product, known_at=made.placed_at)
    return product


def former_customer() -> Account:
    account = customer(stage="former")
    order(account=account)
    return account


def quiet_customer() -> Account:
    account = customer(customer_since=now() - 2000 * DAY)
    order(account=account, placed_at=now() - 1500 * DAY)
    return account


def without_contact() -> Account:
    account = customer()
    account.contacts.all().delete()
    return account


def same_order() -> Any:
    account, at = customer(), now() - 5 * DAY
    return second(order, account=account, placed_at=at)


def same_invoice() -> Any:
    account, at = customer(), now() - 40 * DAY
    return second(invoice, account=account, issued_at=at)


def same_payment() -> Any:
    paid = invoice(amount=Decimal(300))
    return second(payment, invoice=paid, amount=Decimal(20), paid_at=now() - DAY)


PLANTED: dict[tuple[str, str], Callable[[], Any]] = {
    ("accounts", "no_contact"): without_contact,
    ("accounts", "no_country"): lambda: customer(country=""),
    ("accounts", "no_owner"): lambda: customer(owner=None),
    ("accounts", "email_malformed"): lambda: customer(email="desk at acme.example"),
    ("accounts", "email_untidy"): lambda: customer(email="Desk@Acme.example"),
    ("accounts", "name_with_spaces"): lambda: customer(name="Acme  Stores "),
    ("accounts", "since_in_future"): lambda: customer(customer_since=now() + 20 * DAY),
    ("accounts", "person_with_company_form"): lambda: customer(kind="person", name="Lantern Ltd."),
    ("accounts", "former_still_buys"): former_customer,
    ("accounts", "currency_without_rate"): lambda: customer(currency="CHF"),
    ("accounts", "same_name_and_country"): lambda: second(customer, name="Acme of Leeds"),
    ("accounts", "same_tax_id"): lambda: second(customer, tax_id="GB123"),
    ("accounts", "customer_gone_quiet"): quiet_customer,
    ("contacts", "unreachable"): lambda: contact(email="", phone=""),
    ("contacts", "email_malformed"): lambda: contact(email="ana@acme"),
    ("contacts", "email_untidy"): lambda: contact(email="Ana@ACME.example"),
    ("contacts", "name_with_spaces"): lambda: contact(name=" Ana Silva"),
    ("contacts", "other_domain"): lambda: contact(email="ana@elsewhere.example"),
    ("contacts", "same_email_elsewhere"): lambda: second(contact, email="both@acme.example"),
    ("products", "never_priced"): never_priced,
    ("products", "price_zero"): lambda: f.ProductFactory(price=0),
    ("products", "same_name"): lambda: second(f.ProductFactory, name="Tea towel"),
    ("products", "not_bought_for_long"): long_unsold,
    ("orders", "no_lines"): lambda: order(lines=0),
    ("orders", "in_the_future"): lambda: order(placed_at=now() + 3 * DAY),
    ("orders", "before_customer_since"): lambda: order(placed_at=now() - 1000 * DAY),
    ("orders", "cancelled_before_placed"): lambda: order(cancelled_at=now() - 6 * DAY),
    ("orders", "lines_differ"): lambda: order(amount=Decimal(11)),
    ("orders", "same_order_twice"): same_order,
    ("order_lines", "price_zero"): lambda: line(unit_price=0, amount=0),
    ("order_lines", "price_far_off"): lambda: price_of_another_world("201"),
    ("order_lines", "amount_differs"): lambda: line(amount=Decimal(11)),
    ("order_lines", "sign_of_other_kind"): lambda: line(quantity=-4, amount=-10),
    ("subscriptions", "amount_zero"): lambda: subscription(amount_per_period=0),
    ("subscriptions", "of_former"): lambda: subscription(account=customer(stage="former")),
    ("subscriptions", "two_at_once"): lambda: second(
        subscription, account=(account := customer()), product=f.ProductFactory(book=account.book)
    ),
    ("invoices", "in_the_future"): lambda: invoice(issued_at=now() + 3 * DAY),
    ("invoices", "paid_too_much"): lambda: payment(amount=Decimal(120)).invoice,
    ("invoices", "same_invoice_twice"): same_invoice,
    ("invoices", "overdue_for_years"): lambda: invoice(issued_at=now() - 1000 * DAY),
    ("payments", "without_invoice"): lambda: payment(
        invoice=None, account=customer(), currency="GBP", amount=5
    ),
    ("payments", "before_issue"): lambda: payment(paid_at=now() - 50 * DAY),
    ("payments", "other_account"): lambda: payment(account=customer()),
    ("payments", "same_payment_twice"): same_payment,
    ("events", "in_the_future"): lambda: event(at=now() + 3 * DAY),
    ("events", "too_long"): lambda: event(duration_seconds=100_000),
    ("events", "after_former"): lambda: event(account=customer(stage="former"), at=now() + DAY / 2),
    ("tickets", "unassigned"): lambda: ticket(assignee=None, opened_at=now() - 8 * DAY),
    ("tickets", "solved_before_opened"): lambda: ticket(state="solved", solved_at=now() - 2 * DAY),
    ("tickets", "contact_elsewhere"): lambda: ticket(contact=contact()),
    ("tickets", "same_subject_twice"): lambda: second(ticket, account=customer(), subject="Late parcel"),
    ("tickets", "open_for_long"): lambda: ticket(opened_at=now() - 91 * DAY),
}


def plant_clean_rows() -> None:
    """Make rows of every table in which nothing is wrong, close to the limits of the rules."""
    account = customer(customer_since=now() - 710 * DAY)
    f.AccountFactory(kind="person", name="Ana Silva", stage="lead", owner=None)
    ExchangeRate.objects.create(base="USD", quote="GBP", valid_from=now().date(), rate=1, source="test")
    customer(currency="USD")
    contact(account=account, email="ana@shop.acme.example")
    contact(account=account, email="ana.silva@gmail.com")
    order(account=account)
    order(account=account, placed_at=now() - 700 * DAY, cancelled_at=now() - 690 * DAY)
    lines_of_one_product()
    price_of_another_world("199")
    subscription(account=account)
    payment(invoice=invoice(account=account))
    invoice(account=account, issued_at=now() - 700 * DAY)
    event(account=account, duration_seconds=30)
    ticket(account=account, assignee=None, opened_at=now() - 6 * DAY)
    ticket(account=account, opened_at=now() - 89 * DAY)


def caught(table: str) -> dict[str, QualityCount]:
    with transaction.atomic():
        check_table(TABLES[table], TABLES[table].rules)
    return {count.code: count for count in QualityCount.objects.filter(table=table, caught__gt=0)}


def test_every_rule_has_a_planted_row_and_words_and_none_are_left_over():
    codes = {(table.code, rule.code) for table in TABLES.values() for rule in table.rules}

    assert codes == set(PLANTED)
    assert codes == set(RULES)
    assert set(TABLES) == set(TABLE_WORDS)
    assert {words.kind for words in RULES.values()} == set(KINDS)


@pytest.mark.parametrize(("table", "code"), PLANTED)
def test_a_rule_catches_its_row(table, code):
    planted = PLANTED[table, code]()

    found = caught(table)

    assert code in found
    assert planted.pk in found[code].examples


def test_no_rule_catches_a_clean_row():
    plant_clean_rows()

    assert {table: list(found) for table in TABLES if (found := caught(table))} == {}
    assert set(QualityCount.objects.filter(checked__gt=0).values_list("table", flat=True)) == set(TABLES)


def test_conditions_name_only_joins_that_they_ask_for():
    """A rule alone, without the joins of the others, is a statement that runs."""
    for table in TABLES.values():
        for rule in table.rules:
            with transaction.atomic(), connection.cursor():
                check_table(table, [rule])


def test_rules_are_switched_and_change_places():
    sync_rules()
    first, other, *_rest = QualityRule.objects.filter(table="contacts")

    move_rule(rule=first, up=False)
    move_rule(rule=QualityRule.objects.get(pk=other.pk), up=True)
    switch_rule(rule=other, is_enabled=False)
    sync_rules()

    rules = list(QualityRule.objects.filter(table="contacts"))
    assert [rule.code for rule in rules[:2]] == [other.code, first.code]
    assert [rule.position for rule in rules] == list(range(len(rules)))
    assert not rules[0].is_enabled


def test_settings_of_rules_that_are_gone_are_forgotten():
    QualityRule.objects.create(table="contacts", code="of_an_older_version", position=0)

    sync_rules()

    assert not QualityRule.objects.filter(code="of_an_older_version").exists()
    assert QualityRule.objects.count() == sum(len(table.rules) for table in TABLES.values())
