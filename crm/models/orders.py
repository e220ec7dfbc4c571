from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models.access import Principal
from crm.models.accounts import Account
from crm.models.base import Fact, Record
from crm.models.organisation import Book


class ProductQuerySet(models.QuerySet["Product"]):
    def visible_to(self, principal: Principal) -> Self:
        """Return what is sold in the books that concern this person, or this partner's key."""
        partner = getattr(principal, "partner", None)
        if partner is None:
            return self if getattr(principal, "is_authenticated", False) else self.none()
        of_accounts = Account.objects.visible_to(principal).values("book_id")
        return self.filter(models.Q(book_id=partner.book_id) | models.Q(book_id__in=of_accounts))


class Product(Record):
    book = models.ForeignKey(Book, models.PROTECT, related_name="products")
    code = models.CharField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=200)
    category = models.CharField(_("category"), max_length=100, blank=True)
    price = models.DecimalField(_("price"), max_digits=19, decimal_places=4, null=True)
    currency = models.CharField(_("currency"), max_length=3)
    is_sold = models.BooleanField(_("still sold"), default=True)
    # Codes of countries with blanks between them; nothing means everywhere.
    sold_in = models.CharField(_("sold in"), max_length=800, blank=True, db_default="")
    is_bought_once = models.BooleanField(_("bought once for life"), default=False, db_default=False)

    objects = ProductQuerySet.as_manager()

    class Meta(Record.Meta):
        constraints = [
            models.UniqueConstraint(fields=["book", "code"], name="one_product_per_code"),
            models.CheckConstraint(condition=models.Q(price__gte=0), name="price_is_not_negative"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/products/{self.public_id}/"


class OrderQuerySet(models.QuerySet["Order"]):
    def visible_to(self, principal: Principal) -> Self:
        return self.filter(account__in=Account.objects.visible_to(principal))


class Order(Fact):
    """A sale, or a return (negative amounts), each with its own date.

    An order cancelled later is a sale until `cancelled_at`.
    """

    class Kind(models.TextChoices):
        SALE = "sale", _("Order")
        RETURN = "return", _("Return")

    public_id = models.UUIDField(unique=True, editable=False)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+", db_index=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="orders")
    kind = models.CharField(_("kind"), max_length=6, choices=Kind.choices)
    number = models.CharField(_("number"), max_length=40)
    placed_at = models.DateTimeField(_("placed"))
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(_("amount"), max_digits=19, decimal_places=4)
    rate = models.DecimalField(max_digits=19, decimal_places=10)  # reporting units per unit
    amount_reporting = models.DecimalField(max_digits=19, decimal_places=4)
    source_import = models.ForeignKey("crm.Import", models.PROTECT, null=True, blank=True, related_name="+")

    objects = OrderQuerySet.as_manager()
    lines: "models.Manager[OrderLine]"

    class Meta(Fact.Meta):
        constraints = [
            models.UniqueConstraint(fields=["book", "number"], name="one_order_per_number"),
            models.CheckConstraint(
                condition=models.Q(kind="sale", amount__gte=0) | models.Q(kind="return", amount__lte=0),
                name="order_amount_has_the_sign_of_its_kind",
            ),
        ]
        indexes = [
            models.Index("account", models.F("placed_at").desc(), name="order_of_account"),
            models.Index("book", "placed_at", name="order_of_book"),
        ]

    def __str__(self) -> str:
        return self.number


class OrderLine(Fact):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT, related_name="+")
    quantity = models.DecimalField(_("quantity"), max_digits=14, decimal_places=3)
    unit_price = models.DecimalField(_("unit price"), max_digits=19, decimal_places=4)
    amount = models.DecimalField(_("amount"), max_digits=19, decimal_places=4)
    amount_reporting = models.DecimalField(max_digits=19, decimal_places=4)

    class Meta(Fact.Meta):
        constraints = [models.CheckConstraint(condition=~models.Q(quantity=0), name="line_has_a_quantity")]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.product_id}"


class Subscription(Fact):
    public_id = models.UUIDField(unique=True, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="subscriptions")
    product = models.ForeignKey(Product, models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True, blank=True)
    period_days = models.PositiveSmallIntegerField()
    currency = models.CharField(max_length=3)
    amount_per_period = models.DecimalField(max_digits=19, decimal_places=4)
    rate = models.DecimalField(max_digits=19, decimal_places=10)
    amount_reporting = models.DecimalField(max_digits=19, decimal_places=4)

    class Meta(Fact.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(cancelled_at__isnull=True)
                | models.Q(cancelled_at__gte=models.F("started_at")),
                name="subscription_ends_after_it_starts",
            )
        ]
        indexes = [models.Index("account", "started_at", name="subscription_of_account")]

    def __str__(self) -> str:
        return f"{self.product_id} since {self.started_at}"
