"""A little history for tests of the lake and of features, all of it long ago."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa

from analytics.lake import open_lake
from crm.models import AttributeDefinition, AttributeValue, Book, Event, Outcome, Subscription
from tests.factories import (
    AccountFactory,
    BookFactory,
    InvoiceFactory,
    OrderFactory,
    PaymentFactory,
    ProductFactory,
    TicketFactory,
)

AS_OF = datetime(2020, 3, 2, tzinfo=UTC)


def ago(days: float) -> datetime:
    return AS_OF - timedelta(days=days)


def make_order(account, days, amount=10, **more):
    """Make an order of this age that was known when it was placed."""
    kind = "sale" if amount >= 0 else "return"
    return OrderFactory(account=account, placed_at=ago(days), amount=Decimal(amount), kind=kind, **more)


def make_attribute(key, type_, **more):
    return AttributeDefinition.objects.create(
        key=key, label=key.capitalize(), type=type_, is_known_before=True, **more
    )


def make_value(account, attribute, value, days, until=None):
    return AttributeValue.objects.create(
        account=account,
        attribute=attribute,
        value=value,
        valid_from=ago(days),
        valid_to=None if until is None else ago(until),
        known_at=ago(days),
    )


def make_event(account, kind, days):
    return Event.objects.create(account=account, kind=kind, at=ago(days), known_at=ago(days))


def make_subscription(account, product, days, cancelled=None):
    return Subscription.objects.create(
        public_id=f"00000000-0000-4000-8000-{account.pk:012d}",
        account=account,
        product=product,
        started_at=ago(days),
        cancelled_at=None if cancelled is None else ago(cancelled),
        period_days=30,
        currency="GBP",
        amount_per_period=Decimal(12),
        rate=Decimal(1),
        amount_reporting=Decimal(12),
        known_at=ago(days),
    )


def make_ticket(account, days, solved=None, **more):
    """Make a ticket of this age that was known when it was opened, though not what came of it."""
    known = {"opened_at": ago(days), "known_at": ago(days)}
    solution = {} if solved is None else {"state": "solved", "solved_at": ago(solved)}
    return TicketFactory(account=account, **known | solution | more)


def make_history() -> Book:
    """Make a book in which every kind of fact stands, with some of it after `AS_OF`."""
    book = BookFactory(code="past")
    products = ProductFactory.create_batch(4, book=book)
    limit = make_attribute("credit_limit", "number")
    region = make_attribute("region", "choice", choices={"north": "North", "south": "South"})
    delay = make_attribute("delay", "number")
    founded = make_attribute("founded", "date")
    insured = make_attribute("insured", "boolean")
    for number in range(8):
        account = AccountFactory(book=book)
        for step in range(number + 1):
            make_order(
                account, 20 + 37 * step + number, 10 + 7 * step, lines=1 + step % 3,
                lines__product=products[(number + step) % 4],
            )  # fmt: skip
        make_order(account, 15, -5)
        make_order(account, 12, cancelled_at=ago(11))
        make_order(account, 11, cancelled_at=ago(-5))
        make_order(account, -10 - number)
        for statement in range(number % 4):
            invoice = InvoiceFactory(
                account=account, issued_at=ago(31 + 30 * statement), amount=Decimal(100 + statement)
            )
            PaymentFactory(
                invoice=invoice, account=account, amount=Decimal(40), paid_at=ago(5 + 30 * statement)
            )
        make_value(account, limit, 1000 + number, 300)
        make_value(account, region, "north" if number % 3 else "south", 300)
        make_value(account, delay, number, 90, until=30)
        make_value(account, delay, number % 2, 30)
        make_value(account, founded, f"20{number:02d}-01-31", 300)
        make_value(account, insured, number % 2 == 0, 300)
        for kind in ("visit", "view", "use")[: number % 4]:
            make_event(account, kind, 3 + 20 * number)
        if number % 2:
            make_subscription(account, products[0], 200, cancelled=40 if number == 3 else None)
        for step, kind in enumerate(("complaint", "question", "fault")[: number % 4]):
            make_ticket(account, 9 + 50 * step + number, kind=kind, solved=5 + 45 * step if step else None)
        make_ticket(account, 20, solved=-3, is_simulated=number % 3 == 0)  # still open at the moment
        make_ticket(account, -2 - number, kind="complaint")
        Outcome.objects.create(
            account=account, kind="default", happened=number % 2 == 0, cutoff_at=ago(120),
            observed_at=ago(60), known_at=ago(60),
        )  # fmt: skip
    return book


def contents() -> dict[str, pa.Table]:
    """Return what stands in the lake, in one order."""
    with open_lake() as lake:
        found = {name: table.to_pyarrow() for name, table in lake.tables.items()}
    return {
        name: rows.sort_by([(column, "ascending") for column in rows.column_names])
        for name, rows in found.items()
    }
