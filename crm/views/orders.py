from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from crm.models import Order
from crm.selectors.account_tabs import list_lines
from crm.views.access import HtmxRequest, get_visible


@require_safe
def order_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    orders = Order.objects.visible_to(request.user).select_related("account", "book")
    order = get_visible(orders, public_id=public_id)
    return render(request, "crm/order_detail.html", {"order": order, "lines": list_lines(order)})
