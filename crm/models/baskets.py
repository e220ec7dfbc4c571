from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from crm.models.accounts import Account


class Basket(models.Model):
    """What an account bought within 24 months, each product once: what others are compared with.

    Written only by `crm.services.publish_products`. It says in one short row what orders say in
    hundreds, so that thousands of accounts can be compared while somebody waits.
    """

    account = models.OneToOneField(Account, models.CASCADE, related_name="+")
    products = ArrayField(models.BigIntegerField())  # ids, ascending
    as_of = models.DateTimeField()  # when it last became another one

    class Meta:
        indexes = [GinIndex(fields=["products"], name="basket_by_product")]

    def __str__(self) -> str:
        return f"{len(self.products)} products of {self.account_id}"
