from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models.accounts import Account
from crm.models.base import Fact
from crm.models.organisation import Book


class Invoice(Fact):
    public_id = models.UUIDField(unique=True, editable=False)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    account = models.ForeignKey(Account, models.CASCADE, related_name="invoices")
    number = models.CharField(_("number"), max_length=40)
    issued_at = models.DateTimeField(_("issued"))
    due_at = models.DateTimeField(_("due"))
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(_("amount"), max_digits=19, decimal_places=4)
    rate = models.DecimalField(max_digits=19, decimal_places=10)
    amount_reporting = models.DecimalField(max_digits=19, decimal_places=4)
    source_import = models.ForeignKey("crm.Import", models.PROTECT, null=True, blank=True, related_name="+")

    class Meta(Fact.Meta):
        constraints = [
            models.UniqueConstraint(fields=["book", "number"], name="one_invoice_per_number"),
            models.CheckConstraint(
                condition=models.Q(due_at__gte=models.F("issued_at")),
                name="invoice_is_due_after_its_issue",
            ),
        ]
        indexes = [models.Index("account", models.F("issued_at").desc(), name="invoice_of_account")]

    def __str__(self) -> str:
        return self.number


class Payment(Fact):
    public_id = models.UUIDField(unique=True, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="payments")
    invoice = models.ForeignKey(Invoice, models.CASCADE, null=True, blank=True, related_name="payments")
    paid_at = models.DateTimeField(_("paid"))
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(_("amount"), max_digits=19, decimal_places=4)
    rate = models.DecimalField(max_digits=19, decimal_places=10)
    amount_reporting = models.DecimalField(max_digits=19, decimal_places=4)
    source_import = models.ForeignKey("crm.Import", models.PROTECT, null=True, blank=True, related_name="+")

    class Meta(Fact.Meta):
        indexes = [models.Index("account", models.F("paid_at").desc(), name="payment_of_account")]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
