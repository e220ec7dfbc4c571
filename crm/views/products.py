"""Products: the list, and one with what goes with it and who may buy it next."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from crm.models import Product
from crm.selectors.products import (
    Wanted,
    get_figures,
    list_choices,
    list_goes_with,
    list_last_lines,
    list_likely,
    list_products,
)
from crm.views.access import HtmxRequest, get_visible
from crm.views.fragments import render_part


@require_safe
def product_list(request: HtmxRequest) -> HttpResponse:
    asked = {name: request.GET.get(name, "") for name in ("q", "book", "category", "state", "sort")}
    wanted = Wanted(**asked, after=request.GET.get("after"), before=request.GET.get("before"))
    books, categories = list_choices(request.user)
    context = {
        "wanted": wanted,
        "page": list_products(request.user, wanted),
        "books": books,
        "categories": categories,
    }
    return render_part(request, "crm/product_list.html", "table", context)


@require_safe
def product_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    products = Product.objects.visible_to(request.user).select_related("book")
    product = get_visible(products, public_id=public_id)
    context = {
        "product": product,
        "figures": get_figures(product),
        "pairs": list_goes_with(product),
        "likely": list_likely(product, request.user),
        "lines": list_last_lines(product, request.user),
    }
    return render(request, "crm/product_detail.html", context)
