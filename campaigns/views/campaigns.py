from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from campaigns.models import Campaign
from campaigns.selectors.reports import STEPS, budget_share, get_campaign_report, list_accounts_at
from crm.models.access import VIEW_CAMPAIGNS
from crm.selectors.keyset import Column, Order, keyset_page
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.fragments import render_part

PER_PAGE = 50
NEWEST_FIRST = Order("newest", (Column("starts_at", descending=True), Column("id", descending=True)))
BY_NAME = Order("name", (Column("name"), Column("id")))


@require_safe
@require_capability(VIEW_CAMPAIGNS)
def campaign_list(request: HtmxRequest) -> HttpResponse:
    campaigns = Campaign.objects.visible_to(request.user).select_related("book", "lift_report")
    page = keyset_page(
        campaigns,
        order=NEWEST_FIRST,
        after=request.GET.get("after"),
        before=request.GET.get("before"),
        per_page=PER_PAGE,
    )
    return render_part(request, "campaigns/campaign_list.html", "table", {"page": page})


@require_safe
@require_capability(VIEW_CAMPAIGNS)
def campaign_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    campaign = _campaign(request, public_id)
    context = {"report": get_campaign_report(campaign), "budget_share": budget_share(campaign)}
    return render(request, "campaigns/campaign_detail.html", context | {"campaign": campaign})


@require_safe
@require_capability(VIEW_CAMPAIGNS)
def campaign_accounts(request: HtmxRequest, public_id: UUID, step: str) -> HttpResponse:
    if step not in STEPS:
        raise Http404
    campaign = _campaign(request, public_id)
    page = keyset_page(
        list_accounts_at(campaign, step, request.user),
        order=BY_NAME,
        after=request.GET.get("after"),
        before=request.GET.get("before"),
        per_page=PER_PAGE,
    )
    context = {"campaign": campaign, "step": step, "page": page}
    return render_part(request, "campaigns/campaign_accounts.html", "table", context)


def _campaign(request: HtmxRequest, public_id: UUID) -> Campaign:
    return get_visible(Campaign.objects.visible_to(request.user).select_related("book"), public_id=public_id)
