"""What analytics publishes about products. Written only by `crm.services.publish_products`."""

from decimal import Decimal

from django.db import models

from crm.models.orders import Product


class ProductFigures(models.Model):
    """How a product sells, counted over its whole book up to `as_of`."""

    product = models.OneToOneField(Product, models.CASCADE, related_name="figures")
    buyers = models.PositiveIntegerField()  # accounts that bought it within 24 months
    of_buyers = models.PositiveIntegerField()  # accounts of the book that bought anything then
    orders_year = models.PositiveIntegerField()  # sales within 365 days
    sold_90_days = models.DecimalField(max_digits=19, decimal_places=3)  # pieces
    sold_year = models.DecimalField(max_digits=19, decimal_places=3)  # within 365 days
    returned_year = models.DecimalField(max_digits=19, decimal_places=3)  # that came back in those days
    as_of = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(buyers__lte=models.F("of_buyers")), name="buyers_are_a_part"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.buyers} buyers of {self.product_id}"

    @property
    def returned_share(self) -> Decimal | None:
        """Return what came back of what was sold, None when nothing was sold."""
        return self.returned_year / self.sold_year if self.sold_year > 0 else None


class ProductPair(models.Model):
    """Buyers of `product` bought `other` too, more often than large baskets alone explain."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="goes_with", db_index=False)
    other = models.ForeignKey(Product, models.CASCADE, related_name="+")
    rank = models.PositiveSmallIntegerField()  # from 1
    bought_both = models.PositiveIntegerField()  # accounts that bought both within 24 months
    buyers = models.PositiveIntegerField()  # of `product`, among those counted
    counted = models.PositiveIntegerField()  # accounts: those that bought anything, or a sample
    lift = models.FloatField()  # share / share of `other`'s buyers among those counted
    as_of = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["product", "rank"], name="one_pair_per_rank"),
            models.UniqueConstraint(fields=["product", "other"], name="pair_stands_once"),
            models.CheckConstraint(condition=~models.Q(product=models.F("other")), name="pair_is_of_two"),
            models.CheckConstraint(
                condition=models.Q(bought_both__lte=models.F("buyers")), name="both_are_a_part"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.other_id} with {self.product_id}"

    @property
    def share(self) -> float:
        """Return the share of the product's buyers who bought the other too."""
        return self.bought_both / self.buyers
