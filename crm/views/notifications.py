"""What people asked to be told: the list behind the bell in the top bar."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from crm.models import Notification
from crm.selectors.jobs import book_names
from crm.selectors.keyset import Column, Order, keyset_page
from crm.services.notifications import mark_read
from crm.views.access import HtmxRequest, get_visible

NEWEST_FIRST = Order("notifications", (Column("pk", descending=True),))


@never_cache
@require_safe
def notification_list(request: HtmxRequest) -> HttpResponse:
    page = keyset_page(
        Notification.objects.visible_to(request.user),
        order=NEWEST_FIRST,
        after=request.GET.get("after"),
        before=request.GET.get("before"),
    )
    return render(request, "crm/notification_list.html", {"page": page, "books": book_names()})


@require_POST
def notification_open(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Note that it was read, and go to the page that it is about."""
    told = get_visible(Notification.objects.visible_to(request.user), public_id=public_id)
    mark_read(user=request.user, notifications=Notification.objects.filter(pk=told.pk))
    return redirect(told.url)


@require_POST
def notifications_read(request: HtmxRequest) -> HttpResponse:
    mark_read(user=request.user, notifications=Notification.objects.visible_to(request.user))
    return redirect("crm:notification-list")
