"""A partner's own accounts, with what is predicted about them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import ApiView, ListView, conditional
from crm.api.schema import IF_NONE_MATCH, LANGUAGE, one, problems
from crm.api.serializers import AccountDetailSerializer, AccountSerializer, ProductSerializer
from crm.filters import AccountFilter
from crm.models import Account, PartnerAccount, Product, Recommendation, Score
from crm.models.access import Principal
from crm.selectors.account_criteria import SCORE_KINDS, VALUE_KINDS
from crm.selectors.account_list import DEFAULT_SORT, AccountSort, account_sort, sorted_accounts
from crm.selectors.keyset import Column, Order

SORT_KEYS = (DEFAULT_SORT, *SCORE_KINDS, *VALUE_KINDS, "customer_since", "created")
SORT = OpenApiParameter("sort", str, enum=[f"{sign}{key}" for key in SORT_KEYS for sign in ("", "-")])
BY_CODE = Order("products-by-code", (Column("code"), Column("id")))


def accounts_with_parts(principal: Principal) -> QuerySet[Account]:
    """Return the accounts of this key, each with its roles, scores and values in one query a kind."""
    own_links = PartnerAccount.objects.visible_to(principal).current()
    return (
        Account.objects.visible_to(principal)
        .select_related("book")
        .prefetch_related(
            Prefetch("partner_links", own_links, to_attr="own_links"),
            Prefetch("scores", Score.objects.defer("reasons", "weekly_values")),
            "values",
        )
    )


def get_account(principal: Principal, public_id: UUID) -> Account:
    """Return one account with everything that the API tells of it, or answer 404."""
    own_links = PartnerAccount.objects.visible_to(principal).current()
    offers = Recommendation.objects.select_related("product")
    accounts = (
        Account.objects.visible_to(principal)
        .select_related("book")
        .prefetch_related(
            Prefetch("partner_links", own_links, to_attr="own_links"),
            "scores",
            "values",
            Prefetch("recommendations", offers),
        )
    )
    return get_object_or_404(accounts, public_id=public_id)


def named_in_reasons(principal: Principal, account: Account) -> dict[int, str]:
    """Return the names of the products that the reasons of its recommendations point to."""
    asked = {row.reason.get("product_id") for row in account.recommendations.all()} - {None}
    return dict(Product.objects.visible_to(principal).filter(pk__in=asked).values_list("pk", "name"))


class PartnerAccountFilter(AccountFilter):
    """The page's filters, without those that speak of our staff and of other partners.

    Custom attributes are left out too: some are sensitive, and a filter tells as much as a column.
    """

    owner = None  # type: ignore[assignment] # how django-filter takes a filter out
    team = None
    partner = None
    has_open_ticket = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, definitions=(), **kwargs)


class AccountListView(ListView[Account]):
    """Sorted by a score or value, it holds only accounts that have one. Needs `accounts:read`."""

    scope = "accounts:read"
    serializer_class = AccountSerializer
    filterset_class = PartnerAccountFilter

    @extend_schema(
        summary="List your accounts",
        parameters=[SORT],
        responses={200: AccountSerializer(many=True), **problems(400)},
    )
    def get(self, request: Request) -> Response:
        return self.list(request)

    def get_queryset(self) -> QuerySet[Account]:
        return accounts_with_parts(self.request.user)

    def filter_queryset(self, queryset: QuerySet[Account, Any]) -> QuerySet[Account, Any]:
        return sorted_accounts(super().filter_queryset(queryset), self._sort())

    def page_order(self) -> Order:
        return self._sort().order

    def _sort(self) -> AccountSort:
        asked = self.request.query_params.get("sort", DEFAULT_SORT)
        sort = account_sort(asked)
        if sort.text != asked:
            raise ValidationError({"sort": [_("The list can't be sorted by this.")]}, "sort_unknown")
        return sort


class AccountDetailView(ApiView):
    """Scores with their reasons, values and recommendations. Needs the scope `accounts:read`."""

    scope = "accounts:read"

    @extend_schema(
        summary="Read one of your accounts",
        parameters=[LANGUAGE, IF_NONE_MATCH],
        responses={200: one(AccountDetailSerializer), 304: None, **problems(404)},
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        account = get_account(self.principal, public_id)
        words = {"product_names": named_in_reasons(self.principal, account)}
        body: dict[str, Any] = {"data": AccountDetailSerializer(account, context=words).data}
        return conditional(request, body, revision=account.revision)


class ProductListView(ListView[Product]):
    """What is sold in the books of your accounts. Needs the scope `accounts:read`."""

    scope = "accounts:read"
    serializer_class = ProductSerializer

    @extend_schema(summary="List products", responses={200: ProductSerializer(many=True), **problems(400)})
    def get(self, request: Request) -> Response:
        return self.list(request)

    def get_queryset(self) -> QuerySet[Product]:
        return Product.objects.visible_to(self.request.user).filter(is_sold=True)

    def page_order(self) -> Order:
        return BY_CODE
