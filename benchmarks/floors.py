"""The least that Django itself needs for such a page: what every case is measured against.

Same server, same middleware, same signed-in session or API key; one query for the rows, a template
without inheritance, filters, counts, menus or permissions.
"""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe
from rest_framework import generics, mixins, serializers
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response

from crm.models import Account, Order

LIST_FIELDS = ("public_id", "name", "kind", "country", "industry", "stage", "currency", "customer_since")
ORDER_FIELDS = ("number", "placed_at", "kind", "currency", "amount")


@require_safe
def bare_list(request: HttpRequest) -> HttpResponse:
    rows = Account.objects.order_by("name", "pk").values(*LIST_FIELDS)[:50]
    return render(request, "benchmarks/list.html", {"rows": rows})


@require_safe
def bare_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    account = get_object_or_404(Account, public_id=public_id)
    orders = Order.objects.filter(account=account).order_by("-placed_at").values(*ORDER_FIELDS)[:20]
    return render(request, "benchmarks/detail.html", {"account": account, "rows": orders})


class BareSerializer(serializers.ModelSerializer[Account]):
    class Meta:
        model = Account
        fields = LIST_FIELDS


class _Bare(generics.GenericAPIView[Account]):
    """As DRF comes: no scopes, no rate, no filters. The key is looked up, as in the product."""

    queryset = Account.objects.order_by("pk")
    serializer_class = BareSerializer
    permission_classes = ()
    throttle_classes = ()
    filter_backends = ()


class Fifty(LimitOffsetPagination):
    default_limit = 50

    def get_count(self, queryset: object) -> int:
        return 50  # counting every row would make the floor slower than what stands on it


class BareApiList(mixins.ListModelMixin, _Bare):
    pagination_class = Fifty

    def get(self, request: Request) -> Response:
        return self.list(request)


class BareApiDetail(mixins.RetrieveModelMixin, _Bare):
    lookup_field = "public_id"

    def get(self, request: Request, public_id: UUID) -> Response:
        return self.retrieve(request, public_id=public_id)
