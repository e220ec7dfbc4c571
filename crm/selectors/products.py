"""Products: the list, and what the page of one says."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce

from crm.models import (
    Account,
    Book,
    OfferAnswer,
    OrderLine,
    Product,
    ProductFigures,
    ProductPair,
    Recommendation,
)
from crm.models.access import Principal, sees_every_account
from crm.selectors.keyset import Column, Order, Page, keyset_page
from crm.selectors.offer_answers import newest_answer

SHOWN = 10
MOST_CATEGORIES = 200
POPULAR = Recommendation.Kind.POPULAR
NOTHING = Value(Decimal(0))
SORTS = {
    "name": Order("products-by-name", (Column("name"), Column("pk"))),
    "code": Order("products-by-code", (Column("code"), Column("pk"))),
    "price": Order("products-by-price", (Column("price_or_none"), Column("pk"))),
    "sold": Order("products-by-sold", (Column("sold"), Column("pk"))),
    "buyers": Order("products-by-buyers", (Column("bought_by"), Column("pk"))),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the product list's query string asks for."""

    q: str = ""
    book: str = ""
    category: str = ""
    state: str = ""  # "sold", "ended" or both
    sort: str = ""
    after: str | None = None
    before: str | None = None

    @property
    def is_filtered(self) -> bool:
        return any((self.q, self.book, self.category, self.state))


def list_products(principal: Principal, wanted: Wanted) -> Page[Product]:
    """Return a page of products, what sold to the most accounts first unless asked otherwise."""
    products = Product.objects.visible_to(principal).select_related("book", "figures")
    products = products.annotate(
        price_or_none=Coalesce("price", Value(Decimal(-1))),
        sold=Coalesce("figures__sold_90_days", NOTHING),
        bought_by=Coalesce("figures__buyers", 0),
    )
    if words := wanted.q.strip():
        products = products.filter(Q(name__icontains=words) | Q(code__icontains=words))
    if wanted.book:
        products = products.filter(book__code=wanted.book)
    if wanted.category:
        products = products.filter(category=wanted.category)
    if wanted.state in ("sold", "ended"):
        products = products.filter(is_sold=wanted.state == "sold")
    key = wanted.sort.removeprefix("-")
    order = SORTS[key] if key in SORTS else SORTS["buyers"].turned()
    if key in SORTS and wanted.sort.startswith("-"):
        order = order.turned()
    return keyset_page(products, order=order, after=wanted.after, before=wanted.before)


def list_choices(principal: Principal) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the books that have products, and the categories of those products."""
    products = Product.objects.visible_to(principal)
    books = Book.objects.filter(pk__in=products.values("book")).order_by("name")
    categories = products.exclude(category="").order_by("category").values_list("category", flat=True)
    return list(books.values_list("code", "name")), list(categories.distinct()[:MOST_CATEGORIES])


def get_figures(product: Product) -> ProductFigures | None:
    """Return how the product sells; None until a night has counted it, or when nobody bought it."""
    return ProductFigures.objects.filter(product=product).first()


def list_goes_with(product: Product) -> QuerySet[ProductPair]:
    pairs = ProductPair.objects.filter(product=product, other__is_sold=True)
    return pairs.select_related("other").order_by("rank")


def list_likely(product: Product, principal: Principal) -> QuerySet[Recommendation]:
    """Return to whom the product is recommended now, likeliest first.

    What merely sells everywhere is no sign that one account wants it: its number counts buyers, and
    the others are shares. Who has settled the matter lately is left out, as on the account's page.
    """
    offers = Recommendation.objects.filter(product=product, score__lte=1).exclude(kind=POPULAR)
    visible = offers.filter(account__in=Account.objects.visible_to(principal)).annotate(said=newest_answer())
    open_ = visible.filter(Q(said=None) | ~Q(said__in=OfferAnswer.SETTLED))
    return open_.select_related("account").order_by("-score", "-pk")[:SHOWN]


def list_last_lines(product: Product, principal: Principal) -> QuerySet[OrderLine]:
    """Return the newest lines; of what sells often, the book's orders are walked from their end."""
    lines = OrderLine.objects.filter(product=product, order__book=product.book_id)
    if not sees_every_account(principal):
        lines = lines.filter(order__account__in=Account.objects.visible_to(principal))
    return lines.select_related("order__account").order_by("-order__placed_at", "-pk")[:SHOWN]
