from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.accounts import address_of_survivor, own_accounts
from crm.api.base import ApiView, ListView, conditional
from crm.api.schema import IF_NONE_MATCH, MERGED, one, problems
from crm.api.serializers import OrderDetailSerializer, OrderSerializer
from crm.models import Account, Order, OrderLine
from crm.selectors import keyset

COLUMNS = (
    "public_id", "number", "kind", "placed_at", "cancelled_at", "amount", "currency", "changed_xid",
    "account__public_id",
)  # fmt: skip
NEWEST_FIRST = keyset.Order(
    "orders-newest-first",
    (keyset.Column("placed_at", descending=True), keyset.Column("id", descending=True)),
)


class OrderListView(ListView[Order]):
    """Newest first. Needs the scope `orders:read`."""

    scope = "orders:read"
    serializer_class = OrderSerializer
    account: Account | None = None

    @extend_schema(
        summary="List the orders and returns of one of your accounts",
        responses={200: OrderSerializer(many=True), **MERGED, **problems(400, 404)},
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        self.account = own_accounts(self.principal).filter(public_id=public_id).first()
        if self.account is None:
            route = "api-v1:order-list"
            return address_of_survivor(request, self.principal, public_id=public_id, route=route)
        return self.list(request)

    def get_queryset(self) -> QuerySet[Order]:
        return Order.objects.filter(account=self.account)

    def page_order(self) -> keyset.Order:
        return NEWEST_FIRST


class OrderDetailView(ApiView):
    """Needs the scope `orders:read`."""

    scope = "orders:read"

    @extend_schema(
        summary="Read one order with its lines",
        parameters=[IF_NONE_MATCH],
        responses={200: one(OrderDetailSerializer), 304: None, **problems(400, 404)},
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        lines = OrderLine.objects.select_related("product").order_by("id")
        orders = Order.objects.visible_to(self.principal).select_related("account").only(*COLUMNS)
        order = get_object_or_404(orders.prefetch_related(Prefetch("lines", lines)), public_id=public_id)
        body: dict[str, Any] = {"data": OrderDetailSerializer(order).data}
        return conditional(request, body, revision=order.changed_xid)
