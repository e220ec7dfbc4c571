"""Features of a few accounts whose story one can work out by hand."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from analytics import features
from analytics.features.known import microseconds
from analytics.lake import open_lake, refresh
from crm.models import AttributeDefinition, AttributeValue, Event, Order, Outcome
from tests.analytics.lake_facts import (
    AS_OF,
    ago,
    make_attribute,
    make_event,
    make_order,
    make_subscription,
    make_ticket,
    make_value,
)
from tests.factories import AccountFactory, BookFactory, InvoiceFactory, PaymentFactory, ProductFactory
from tests.settled import wait_until_known

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lake_home")]


@pytest.fixture
def book(lake_home):
    return BookFactory(code="past")


@pytest.fixture
def account(book):
    return AccountFactory(book=book)


def rows(book, as_of=AS_OF, **more):
    """Return the features by account."""
    refresh()
    with open_lake() as lake:
        expression = features.compute(lake.tables, book_id=book.pk, as_of=as_of, **more)
        matrix = features.to_matrix(features.collect(expression), names=more.get("names"))
    return {account: matrix.row(i) for i, account in enumerate(matrix.account_ids.tolist())}


def row(account, as_of=AS_OF, **more):
    return rows(account.book, as_of, **more)[account.pk]


def of(found, *names):
    return [found[name] for name in names]


def lake_rows(make, **parameters):
    refresh()
    with open_lake() as lake:
        return features.collect(make(lake.tables, **parameters)).to_pylist()


def test_recency_frequency_and_money(account):
    for days, amount in ((10, 20), (40, 30), (100, 50), (200, 70), (400, 90)):
        make_order(account, days, amount)

    found = row(account)

    assert found["recency_days"] == 10
    assert of(found, "orders_30", "orders_90", "orders_180", "orders_365", "orders_ever") == [1, 2, 3, 4, 5]
    assert of(found, "amount_30", "amount_90", "amount_180", "amount_365") == [20, 50, 100, 170]
    assert of(found, "amount_ever", "amount_mean") == [260, 52]
    assert found["tenure_days"] == 400


def test_trend_is_smoothed_by_half_an_order(account):
    for days in (10, 20, 30, 120):
        make_order(account, days, 10)

    found = row(account)

    assert found["trend_orders"] == pytest.approx(math.log(3.5 / 1.5))
    assert found["trend_amount"] == pytest.approx(math.log(35 / 15))
    assert features.reason_values(found, "trend") == {"change_share": 2, "orders": 3}


def test_rhythm_is_the_accounts_own(account):
    for days in (60, 70, 80, 100, 100.2):
        make_order(account, days)

    found = row(account)

    assert of(found, "purchase_days", "gap_usual_days") == [5, 10]
    assert found["gap_mean_days"] == pytest.approx(41 / 4)
    assert found["overdue_ratio"] == pytest.approx(6)
    assert found["overdue_days"] == 50
    assert features.reason_values(found, "rhythm") == {"days": 60, "usual_days": 10}


def test_what_needs_two_purchases_is_unknown_after_one(account):
    make_order(account, 60)

    found = row(account)

    assert all(math.isnan(value) for value in of(found, "gap_usual_days", "overdue_ratio", "gap_variation"))
    assert found["orders_ever"] == 1


def test_breadth(account, book):
    first, second, third = ProductFactory.create_batch(3, book=book)
    for product, days in ((first, 10), (first, 20), (second, 30), (third, 300)):
        make_order(account, days, lines__product=product)

    found = row(account)

    assert of(found, "products", "products_180") == [3, 2]
    assert found["products_again_share"] == pytest.approx(1 / 3)
    assert found["products_new_share"] == 1


def test_returns_are_shares_of_what_was_bought(account):
    make_order(account, 20, 100)
    make_order(account, 20, 100)
    make_order(account, 10, -50)

    found = row(account)

    assert of(found, "return_share", "return_money_share", "recency_days") == [0.5, 0.25, 20]
    assert features.reason_values(found, "returns") == {"return_share": 0.25}


def test_no_returns_is_zero_but_no_orders_is_unknown(account, book):
    make_order(account, 20)
    other = AccountFactory(book=book)
    make_event(other, "visit", 3)

    found = rows(book)

    assert found[account.pk]["return_share"] == 0
    assert math.isnan(found[other.pk]["return_share"])
    assert math.isnan(found[other.pk]["orders_30"])
    assert math.isnan(found[account.pk]["events_30"])


def test_an_order_cancelled_later_is_not_yet_cancelled(account):
    make_order(account, 20)
    make_order(account, 10, cancelled_at=ago(5))

    assert row(account)["orders_30"] == 1
    assert row(account, ago(6))["orders_30"] == 2


def test_what_happens_at_the_moment_itself_is_not_known_at_it(account):
    make_order(account, 20)
    make_order(account, 0)

    assert row(account)["orders_30"] == 1
    assert row(account, AS_OF + timedelta(microseconds=1))["orders_30"] == 2


def test_what_was_learnt_late_is_not_known_before(account):
    make_order(account, 20)
    make_order(account, 19, known_at=ago(10))

    assert row(account, ago(15))["orders_30"] == 1
    assert row(account)["orders_30"] == 2


def test_an_edited_order_is_what_it_was_then_and_what_it_is_now(account):
    order = make_order(account, 20, 10)
    Order.objects.filter(pk=order.pk).update(amount_reporting=99)

    assert row(account)["amount_30"] == 10
    assert row(account, refresh().refreshed_at + timedelta(hours=1))["amount_ever"] == 99


def make_statements(account, *balances, paid=()):
    """Make monthly statements, the newest first, 31 days before the moment."""
    for position, balance in enumerate(balances):
        invoice = InvoiceFactory(
            account=account, issued_at=ago(31 + 30 * position), due_at=ago(6 + 30 * position),
            amount=Decimal(balance),
        )  # fmt: skip
        if position < len(paid) and paid[position]:
            PaymentFactory(invoice=invoice, amount=Decimal(paid[position]), paid_at=ago(6 + 30 * position))


def test_balances_are_counted_by_statement(account):
    make_statements(account, 400, 100, 100, 200, 0, 0, 9999)

    found = row(account)

    assert of(found, "invoices", "balance_last", "balance_mean_3") == [7, 400, 200]
    assert found["balance_mean_6"] == pytest.approx(800 / 6)
    assert of(found, "balance_max_6", "balance_min_6") == [400, 0]
    assert found["balance_trend"] == pytest.approx((400 - 800 / 6) * 6 / 800)


def test_paid_shares_and_statements_left_unpaid(account):
    make_statements(account, 100, 200, 100, 0, paid=(0, 50, 100))

    found = row(account)

    assert of(found, "paid_share_last", "paid_share_previous", "paid_share_3") == [0, 0.25, 0.375]
    assert of(found, "paid_last", "paid_previous", "paid_mean_3") == [0, 50, 50]
    assert found["unpaid_statements_6"] == 1
    assert of(found, "open_invoices", "open_days") == [2, 36]
    assert found["late_share"] == 0.5
    assert features.reason_values(found, "payment_share") == {"share": 0.375}


def test_a_payment_that_names_no_invoice_counts_for_the_newest_before_it(account):
    make_statements(account, 100, 100)
    PaymentFactory(invoice=None, account=account, amount=Decimal(60), paid_at=ago(40), currency="GBP")
    PaymentFactory(invoice=None, account=account, amount=Decimal(30), paid_at=ago(1), currency="GBP")

    assert of(row(account), "paid_previous", "paid_last") == [60, 30]


def test_delay_is_measured_from_the_due_date(account):
    invoice = InvoiceFactory(account=account, issued_at=ago(60), due_at=ago(30), amount=Decimal(10))
    PaymentFactory(invoice=invoice, amount=Decimal(10), paid_at=ago(20))

    found = row(account)

    assert of(found, "delay_mean_days", "late_share", "open_invoices") == [10, 1, 0]
    assert features.reason_values(found, "payment_delay")["days"] == 10


def test_utilisation_is_in_the_accounts_own_currency(account):
    make_value(account, make_attribute("credit_limit", "number"), 1000, 300)
    for days, amount in ((31, 500), (61, 100)):
        InvoiceFactory(account=account, issued_at=ago(days), amount=Decimal(amount), rate=Decimal("0.025"))

    found = row(account)

    assert of(found, "utilisation_last", "utilisation_mean_6", "utilisation_max_6") == [0.5, 0.3, 0.5]
    assert found["balance_last"] == 12.5


def test_events_by_kind(account):
    for kind, days in (("visit", 5), ("visit", 50), ("view", 100)):
        make_event(account, kind, days)

    found = row(account)

    assert of(found, "events_30", "events_90", "events_visit_90", "events_view_90") == [1, 2, 2, 0]
    assert of(found, "events_days", "events_view_days") == [5, 100]
    assert math.isnan(found["events_use_days"])


def test_what_programs_do_counts_for_nothing_from_when_they_are_found_out(account):
    make_event(account, "visit", 10)
    make_event(account, "view", 5)
    assert of(row(account), "events_90", "events_days") == [2, 5]
    found_out_at = refresh().complete_until

    Event.objects.filter(kind="view").update(is_bot=True)

    assert of(row(account), "events_90", "events_days") == [2, 5]  # nobody knew it then
    wait_until_known()
    since = refresh().complete_until
    assert since > found_out_at
    assert row(account, since)["events_days"] == pytest.approx((since - ago(10)) / timedelta(days=1))


def test_subscriptions_run_until_they_are_cancelled(account, book):
    make_subscription(account, ProductFactory(book=book), 200, cancelled=50)

    assert of(row(account, ago(60)), "subscriptions_active", "subscriptions_amount_30") == [1, 12]
    assert of(row(account), "subscriptions_active", "subscriptions_ended_days") == [0, 50]


def test_attributes_are_read_from_their_history(account):
    status = make_attribute("status", "number")
    for value, days, until in ((1, 90, 60), (3, 60, 30), (2, 30, None)):
        make_value(account, status, value, days, until)

    found = row(account)

    names = [
        "attr_status",
        "attr_status_max",
        "attr_status_mean",
        "attr_status_change",
        "attr_status_previous",
    ]
    assert of(found, *names) == [2, 3, 2, 0, 3]
    assert row(account, ago(45))["attr_status"] == 3


def test_choices_become_a_column_a_code_and_a_model_keeps_its_own(account, book):
    region = make_attribute("region", "choice")
    make_value(account, region, "north", 90)
    other = AccountFactory(book=book)
    make_value(other, region, "south", 90)

    found = rows(book)
    kept = rows(book, names=["attr_region=north", "attr_region=east"])

    assert of(found[account.pk], "attr_region=north", "attr_region=south") == [1, 0]
    assert of(kept[other.pk], "attr_region=north", "attr_region=east") == [0, 0]
    assert features.reason_values(found[other.pk], "attribute:region") == {
        "label": "region",
        "value": "south",
    }


def test_words_that_differ_in_capitals_only_are_one_column(account, book):
    city = make_attribute("city", "text")
    make_value(account, city, "berlin", 90)
    others = AccountFactory.create_batch(2, book=book)
    for other in others:
        make_value(other, city, "Berlin", 90)

    found = rows(book)

    assert [name for name in found[account.pk] if "city" in name] == ["attr_city=Berlin"]
    assert [found[one.pk]["attr_city=Berlin"] for one in (account, *others)] == [0, 1, 1]


def test_dates_and_yes_or_no(account):
    make_value(account, make_attribute("founded", "date"), "2020-02-21", 5)
    make_value(account, make_attribute("insured", "boolean"), True, 5)
    make_value(account, make_attribute("odd", "date"), "not a date 2020-99-99", 5)
    make_value(account, make_attribute("vast", "number"), 1e200, 5)

    found = row(account)

    assert of(found, "attr_founded_days", "attr_insured", "attr_vast") == [10, 1, 1e200]
    assert math.isnan(found["attr_odd_days"])


def test_an_attribute_that_nobody_ticked_enters_nothing(account):
    secret = make_attribute("secret", "number")
    AttributeDefinition.objects.filter(pk=secret.pk).update(is_known_before=False)
    AttributeValue.objects.create(
        account=account, attribute=secret, value=5, valid_from=ago(9), known_at=ago(9)
    )

    assert not [name for name in row(account) if "secret" in name]


def test_every_feature_has_a_group(account):
    make_order(account, 20)
    make_ticket(account, 20)
    make_value(account, make_attribute("status", "number"), 1, 90)

    names = [name for name in row(account) if name != "account_id"]

    assert {features.group_of(name) for name in names} == {
        *features.FEATURE_GROUPS.values(), "attribute:status"
    }  # fmt: skip


def test_books_are_kept_apart(account):
    make_order(account, 20)
    stranger = AccountFactory(book=BookFactory(code="another"))
    make_order(stranger, 20)
    make_event(stranger, "visit", 1)

    assert set(rows(account.book)) == {account.pk}


def test_labels_look_at_the_horizon_and_nothing_else(book):
    churned, stayed, late, cancelled, gone, new = AccountFactory.create_batch(6, book=book)
    for customer in (churned, stayed, late, cancelled):
        make_order(customer, 200)
    make_order(gone, 100 + 366)
    make_order(new, 50)
    make_order(stayed, 100)
    make_order(late, 9)
    make_order(cancelled, 50, cancelled_at=ago(40))

    asked = {"book_id": book.pk, "cutoff": ago(100), "horizon_days": 90, "known_at": AS_OF}
    labels = lake_rows(features.no_order_within, **asked)

    assert {row["account_id"]: row["label"] for row in labels} == {
        churned.pk: True, stayed.pk: False, late.pk: True, cancelled.pk: True,
    }  # fmt: skip


def test_a_horizon_that_has_not_ended_has_no_label(book):
    asked = {"book_id": book.pk, "cutoff": ago(89), "horizon_days": 90, "known_at": AS_OF}

    with pytest.raises(ValueError, match="had not ended"):
        lake_rows(features.order_within, **asked)


def test_outcomes_count_from_when_they_were_known(account, book):
    times = {"cutoff_at": ago(100), "observed_at": ago(40)}
    Outcome.objects.create(account=account, kind="default", happened=True, known_at=ago(30), **times)
    asked = {"book_id": book.pk, "kind": "default"}

    assert lake_rows(features.outcomes, cutoff=ago(100), known_at=ago(30), **asked) == []
    found = lake_rows(features.outcomes, cutoff=ago(100), known_at=AS_OF, **asked)
    assert found == [{"account_id": account.pk, "label": True}]
    with open_lake() as lake:
        assert features.outcome_cutoffs(lake.tables, known_at=AS_OF, **asked) == [ago(100)]


def test_repeat_purchases_as_the_value_model_counts_them(account):
    for days, amount in ((100, 10), (70, 20), (69.9, 10), (40, 60), (30, 0)):
        make_order(account, days, amount)

    (found,) = lake_rows(features.repeat_summary, book_id=account.book_id, as_of=AS_OF)

    assert of(found, "frequency", "recency_days", "t_days", "mean_amount") == [2, 60, 100, 45]


def test_purchases_by_product_and_day(account, book):
    product = ProductFactory(book=book)
    make_order(account, 10, lines__product=product)
    make_order(account, 500, lines__product=product)

    (found,) = lake_rows(features.purchases, book_id=book.pk, as_of=AS_OF)

    assert of(found, "product_id", "age_days", "quantity", "amount") == [product.pk, 10, 4, 10]


def test_a_moment_needs_a_time_zone():
    with pytest.raises(ValueError, match="time zone"):
        microseconds(datetime(2020, 3, 2))  # noqa: DTZ001 (what is refused)
    assert microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)) == 1_000_005
