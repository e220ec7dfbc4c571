"""One factory a model, with the least that the database accepts."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid4

import factory

from crm import models

if TYPE_CHECKING:
    from typing import Any as DjangoModelFactory  # a call makes a row, which the library doesn't say
else:
    from factory.django import DjangoModelFactory

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class BookFactory(DjangoModelFactory):
    class Meta:
        model = models.Book
        django_get_or_create = ("code",)

    code = "wholesale"
    name = factory.LazyAttribute(lambda book: book.code.capitalize())
    currency = "GBP"
    score_kinds = ["churn", "purchase"]


class TeamFactory(DjangoModelFactory):
    class Meta:
        model = models.Team

    name = factory.Sequence(lambda n: f"Team {n}")


class UserFactory(DjangoModelFactory):
    class Meta:
        model = models.User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    role = "sales"

    @factory.post_generation
    def password(self, create, extracted, **kwargs):
        if create and extracted:
            self.set_password(extracted)
            self.save()


class AccountFactory(DjangoModelFactory):
    class Meta:
        model = models.Account

    book = factory.SubFactory(BookFactory)
    kind = "organisation"
    name = factory.Sequence(lambda n: f"Account {n:05d}")
    country = "GB"
    currency = factory.SelfAttribute("book.currency")


class ContactFactory(DjangoModelFactory):
    class Meta:
        model = models.Contact

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda n: f"Contact {n}")


class ExternalIdFactory(DjangoModelFactory):
    class Meta:
        model = models.ExternalId

    source = "erp"
    kind = "account"
    value = factory.Sequence(str)


class AttributeDefinitionFactory(DjangoModelFactory):
    class Meta:
        model = models.AttributeDefinition

    key = factory.Sequence(lambda n: f"attribute-{n}")
    label = factory.LazyAttribute(lambda definition: definition.key.capitalize())
    type = "text"


class ProductFactory(DjangoModelFactory):
    class Meta:
        model = models.Product

    book = factory.SubFactory(BookFactory)
    code = factory.Sequence(lambda n: f"P{n}")
    name = factory.LazyAttribute(lambda product: f"Product {product.code}")
    price = Decimal("2.50")
    currency = factory.SelfAttribute("book.currency")


class OrderLineFactory(DjangoModelFactory):
    class Meta:
        model = models.OrderLine

    product = factory.SubFactory(ProductFactory)
    quantity = Decimal(4)
    unit_price = Decimal("2.50")
    amount = factory.LazyAttribute(lambda line: line.quantity * line.unit_price)
    amount_reporting = factory.SelfAttribute("amount")


class OrderFactory(DjangoModelFactory):
    """An order of one line; `OrderFactory(lines=3)` for more, `lines=0` for none."""

    class Meta:
        model = models.Order
        skip_postgeneration_save = True

    account = factory.SubFactory(AccountFactory)
    book = factory.SelfAttribute("account.book")
    public_id = factory.LazyFunction(uuid4)
    kind = "sale"
    number = factory.Sequence(lambda n: f"O{n}")
    placed_at = NOW - timedelta(days=10)
    known_at = factory.SelfAttribute("placed_at")
    currency = factory.SelfAttribute("account.currency")
    amount = Decimal(10)
    rate = Decimal(1)
    amount_reporting = factory.LazyAttribute(lambda order: order.amount * order.rate)

    @factory.post_generation
    def lines(self, create, extracted, **kwargs):
        if create:
            OrderLineFactory.create_batch(
                1 if extracted is None else extracted,
                order=self,
                product__book=self.book,
                known_at=self.known_at,
                **kwargs,
            )


class InvoiceFactory(DjangoModelFactory):
    class Meta:
        model = models.Invoice

    account = factory.SubFactory(AccountFactory)
    book = factory.SelfAttribute("account.book")
    public_id = factory.LazyFunction(uuid4)
    number = factory.Sequence(lambda n: f"I{n}")
    issued_at = NOW - timedelta(days=40)
    due_at = factory.LazyAttribute(lambda invoice: invoice.issued_at + timedelta(days=30))
    known_at = factory.SelfAttribute("issued_at")
    currency = factory.SelfAttribute("account.currency")
    amount = Decimal(100)
    rate = Decimal(1)
    amount_reporting = factory.LazyAttribute(lambda invoice: invoice.amount * invoice.rate)


class PaymentFactory(DjangoModelFactory):
    class Meta:
        model = models.Payment

    account = factory.SelfAttribute("invoice.account")
    invoice = factory.SubFactory(InvoiceFactory)
    public_id = factory.LazyFunction(uuid4)
    paid_at = NOW - timedelta(days=5)
    known_at = factory.SelfAttribute("paid_at")
    currency = factory.SelfAttribute("invoice.currency")
    amount = factory.SelfAttribute("invoice.amount")
    rate = Decimal(1)
    amount_reporting = factory.LazyAttribute(lambda payment: payment.amount * payment.rate)


class PartnerFactory(DjangoModelFactory):
    class Meta:
        model = models.Partner

    name = factory.Sequence(lambda n: f"Partner {n}")
    book = factory.SubFactory(BookFactory)


class PartnerAccountFactory(DjangoModelFactory):
    class Meta:
        model = models.PartnerAccount

    partner = factory.SubFactory(PartnerFactory)
    account = factory.SubFactory(AccountFactory)
    role = "referred"
    since = NOW - timedelta(days=365)


class ScoreFactory(DjangoModelFactory):
    class Meta:
        model = models.Score

    account = factory.SubFactory(AccountFactory)
    kind = "churn"
    value = 0.25
    horizon_days = 90
    model_version = "churn-1"
    as_of = NOW
    published_at = NOW


class ValueFactory(DjangoModelFactory):
    class Meta:
        model = models.Value

    account = factory.SubFactory(AccountFactory)
    kind = "customer_value"
    amount = Decimal(1200)
    currency = "GBP"
    horizon_days = 365
    model_version = "value-1"
    as_of = NOW
    published_at = NOW


class RecommendationFactory(DjangoModelFactory):
    class Meta:
        model = models.Recommendation

    account = factory.SubFactory(AccountFactory)
    product = factory.SubFactory(ProductFactory, book=factory.SelfAttribute("..account.book"))
    kind = "popular"
    rank = 1
    score = 0.5
    reason = {"code": "popular"}
    model_version = "items-1"
    as_of = NOW


class ProductFiguresFactory(DjangoModelFactory):
    class Meta:
        model = models.ProductFigures

    product = factory.SubFactory(ProductFactory)
    buyers = 40
    of_buyers = 200
    orders_year = 90
    sold_90_days = Decimal(120)
    sold_year = Decimal(500)
    returned_year = Decimal(10)
    as_of = NOW


class ProductPairFactory(DjangoModelFactory):
    class Meta:
        model = models.ProductPair

    product = factory.SubFactory(ProductFactory)
    other = factory.SubFactory(ProductFactory, book=factory.SelfAttribute("..product.book"))
    rank = factory.Sequence(lambda n: n + 1)
    bought_both = 20
    buyers = 40
    counted = 200
    lift = 3.2
    as_of = NOW


class BasketFactory(DjangoModelFactory):
    class Meta:
        model = models.Basket

    account = factory.SubFactory(AccountFactory)
    products = factory.LazyFunction(list)
    as_of = NOW


class ReliabilityFactory(DjangoModelFactory):
    class Meta:
        model = models.Reliability

    book = factory.SubFactory(BookFactory)
    kind = "churn"
    group = "untouched"
    low = 0.2
    high = 0.3
    accounts = 412
    happened = 104
    mean_predicted = 0.25
    interval_low = 0.212
    interval_high = 0.296
    predicted_from = NOW - timedelta(days=200)
    predicted_to = NOW - timedelta(days=100)


class TicketFactory(DjangoModelFactory):
    class Meta:
        model = models.Ticket

    account = factory.SubFactory(AccountFactory)
    kind = "question"
    subject = factory.Sequence(lambda n: f"Ticket {n}")


class ActivityFactory(DjangoModelFactory):
    class Meta:
        model = models.Activity

    account = factory.SubFactory(AccountFactory)
    kind = "note"
    text = factory.Sequence(lambda n: f"Note {n}")


class TaskFactory(DjangoModelFactory):
    class Meta:
        model = models.Task

    account = factory.SubFactory(AccountFactory)
    title = factory.Sequence(lambda n: f"Task {n}")


class JobFactory(DjangoModelFactory):
    class Meta:
        model = models.Job

    task = "crm.tidy_up"


class NotificationFactory(DjangoModelFactory):
    class Meta:
        model = models.Notification

    user = factory.SubFactory(UserFactory)
    kind = "job.done"
    data = factory.LazyFunction(lambda: {"task": "crm.export_accounts", "scope": "", "errors": 0})
    url = "/jobs/"


class SavedViewFactory(DjangoModelFactory):
    class Meta:
        model = models.SavedView

    page = "account-list"
    name = factory.Sequence(lambda n: f"View {n}")
    query = "country=GB"
    owner = factory.SubFactory(UserFactory)


class DataFeedFactory(DjangoModelFactory):
    class Meta:
        model = models.DataFeed

    book = factory.SubFactory(BookFactory)
    name = factory.Sequence(lambda n: f"Feed {n}")
    layout = "accounts"
    source = "erp"
    via = "folder"
    address = "erp"


class TrackedSiteFactory(DjangoModelFactory):
    class Meta:
        model = models.TrackedSite

    book = factory.SubFactory(BookFactory)
    name = factory.Sequence(lambda n: f"Site {n}")
    origins = factory.Sequence(lambda n: [f"https://shop{n}.example.com"])


class ImportFactory(DjangoModelFactory):
    """A file that somebody imports; the demo books are read by layouts of their own."""

    class Meta:
        model = models.Import

    book = factory.SubFactory(BookFactory)
    layout = "accounts"
    source = "erp"
    file_name = factory.Sequence(lambda n: f"accounts-{n}.csv")
    stored_name = factory.Sequence(lambda n: f"{n}/accounts.csv")
    size_bytes = 4_000
    sha256 = "0" * 64
    reads_once = False
    columns = ["Number", "Name"]
    mapping = {"Number": {"field": "external_id"}, "Name": {"field": "name"}}
