"""Every address of the partner API."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.defaults import server_error as page_of_server_error
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularYAMLAPIView

from crm.api.accounts import AccountDetailView, AccountListView, ProductListView
from crm.api.intake import EventBatchView, LeadView
from crm.api.orders import OrderDetailView, OrderListView
from crm.api.tokens import VisitorTokenView
from crm.api.unknown import UnknownView, server_error

OPEN_TO_ALL: dict[str, Any] = {"authentication_classes": [], "permission_classes": [], "throttle_classes": []}

v1 = (
    [
        path("accounts/", AccountListView.as_view(), name="account-list"),
        path("accounts/<uuid:public_id>/", AccountDetailView.as_view(), name="account-detail"),
        path("accounts/<uuid:public_id>/orders/", OrderListView.as_view(), name="order-list"),
        path(
            "accounts/<uuid:public_id>/visitor-tokens/",
            VisitorTokenView.as_view(),
            name="visitor-token-create",
        ),
        path("orders/<uuid:public_id>/", OrderDetailView.as_view(), name="order-detail"),
        path("products/", ProductListView.as_view(), name="product-list"),
        path("leads/", LeadView.as_view(), name="lead-create"),
        path("events/", EventBatchView.as_view(), name="event-batch"),
        path("schema/", SpectacularJSONAPIView.as_view(**OPEN_TO_ALL), name="schema"),
        path("schema.yaml", SpectacularYAMLAPIView.as_view(**OPEN_TO_ALL), name="schema-yaml"),
    ],
    "api-v1",
)
urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include(v1)),
    re_path("^.*$", UnknownView.as_view()),
]


def handler500(request: HttpRequest) -> HttpResponse:
    """Answer the API in its own terms, and everybody else with the page."""
    if request.path.startswith("/api/"):
        return server_error(request)
    return page_of_server_error(request)
