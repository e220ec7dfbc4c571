"""A partner's own accounts, with what is predicted about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api import rows
from crm.api.base import ApiView, ListView, conditional
from crm.api.schema import IF_NONE_MATCH, LANGUAGE, MERGED, one, problems
from crm.api.serializers import AccountDetailSerializer, AccountSerializer, ProductSerializer
from crm.filters import AccountFilter
from crm.models import Account, MergedAccount, Partner, Product
from crm.models.access import Principal
from crm.selectors.account_criteria import SCORE_KINDS, VALUE_KINDS
from crm.selectors.account_list import DEFAULT_SORT, AccountSort, account_sort, sorted_accounts
from crm.selectors.account_parts import ToldAccount, get_details, told
from crm.selectors.keyset import Column, Order
from crm.selectors.planned import planned_once

SORT_KEYS = (DEFAULT_SORT, *SCORE_KINDS, *VALUE_KINDS, "customer_since", "created")
SORT = OpenApiParameter("sort", str, enum=[f"{sign}{key}" for key in SORT_KEYS for sign in ("", "-")])
BY_CODE = Order("products-by-code", (Column("code"), Column("id")))


def own_accounts(principal: Principal) -> QuerySet[Account]:
    return Account.objects.visible_to(principal)


def address_of_survivor(request: Request, principal: Principal, *, public_id: UUID, route: str) -> Response:
    """Lead from an account of the key that was merged away to the one that took it over.

    With 308 a caller that follows repeats its method. Nobody keeps the answer: a merge may be undone.

    :raises Http404: when there is no such account, or its survivor is not the key's.
    """
    merges = MergedAccount.objects.visible_to(principal).select_related("survivor")
    survivor = get_object_or_404(merges, public_id=public_id).survivor
    address = request.build_absolute_uri(reverse(route, args=[survivor.public_id]))
    query = request.META.get("QUERY_STRING", "")
    location = f"{address}?{query}" if query else address
    return Response(status=308, headers={"Location": location, "Cache-Control": "no-store"})


def as_told(accounts: QuerySet[Account], partner: Partner) -> ToldAccount | None:
    """Return the first of these accounts as the API tells it."""
    return next((ToldAccount(*values) for values in told(accounts, partner)[:1]), None)


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
    own_parameters = frozenset({"sort"})

    @extend_schema(
        summary="List your accounts",
        parameters=[SORT],
        responses={200: AccountSerializer(many=True), **problems(400)},
    )
    def get(self, request: Request) -> Response:
        return self.list(request)

    def get_queryset(self) -> QuerySet[Account]:
        return own_accounts(self.request.user)

    def filter_queryset(self, queryset: QuerySet[Account, Any]) -> QuerySet[Account, Any]:
        accounts = sorted_accounts(super().filter_queryset(queryset), self._sort())
        return told(accounts, self.principal.partner)

    def as_row(self, found: tuple[Any, ...]) -> ToldAccount:
        return ToldAccount(*found)

    def to_rows(self, page: Sequence[ToldAccount]) -> list[dict[str, Any]]:
        return [rows.account(account) for account in page]

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
        responses={200: one(AccountDetailSerializer), 304: None, **MERGED, **problems(400, 404)},
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        with planned_once():
            account = as_told(
                own_accounts(self.principal).filter(public_id=public_id), self.principal.partner
            )
        if account is None:
            route = "api-v1:account-detail"
            return address_of_survivor(request, self.principal, public_id=public_id, route=route)
        body = {"data": rows.account_in_full(account, get_details(account.pk))}
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
