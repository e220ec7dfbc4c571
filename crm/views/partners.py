"""Partners: who they are, and which accounts are theirs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.forms.partners import LinkForm, PartnerForm
from crm.models import Account, Partner, PartnerAccount
from crm.models.access import MANAGE_PARTNERS, VIEW_PARTNERS, can
from crm.selectors.countries import country_name
from crm.selectors.directory import reporting_currency
from crm.selectors.partners import (
    count_for,
    find_candidates,
    get_worth,
    list_keys,
    list_links,
    list_partners,
)
from crm.services.partners import (
    LinkDatesError,
    LinkOpenError,
    PartnerChangedError,
    create_partner,
    edit_partner,
    end_link,
    link_account,
)
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.fragments import render_part

TABS = ("accounts", "leads", "ended")


@require_safe
@require_capability(VIEW_PARTNERS)
def partner_list(request: HtmxRequest) -> HttpResponse:
    asked = {name: request.GET.get(name, "") for name in ("q", "tier", "state")}
    after, before = request.GET.get("after"), request.GET.get("before")
    page, rows = list_partners(request.user, **asked, after=after, before=before)
    context = {
        **asked,
        "page": page,
        "rows": rows,
        "tiers": Partner.Tier.choices,
        "is_filtered": any(asked.values()),
        "may_manage": can(request.user, MANAGE_PARTNERS),
    }
    return render_part(request, "crm/partner_list.html", "table", context)


@require_safe
@require_capability(VIEW_PARTNERS)
def partner_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    partner = get_partner(request, public_id)
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else TABS[0]
    after, before = request.GET.get("after"), request.GET.get("before")
    page, rows = list_links(request.user, partner, tab=tab, after=after, before=before)
    context = {
        "partner": partner,
        "country": country_name(partner.country),
        "counts": count_for([partner])[partner.pk],
        "worth": get_worth(partner),
        "currency": reporting_currency(),
        "tab": tab,
        "page": page,
        "rows": rows,
        "keys": list_keys(request.user, partner),
        "may_manage": can(request.user, MANAGE_PARTNERS),
    }
    return render_part(request, "crm/partner_detail.html", "links", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_PARTNERS)
def partner_create(request: HtmxRequest) -> HttpResponse:
    form = PartnerForm(entered(request))
    if form.is_valid():
        partner = create_partner(details=form.cleaned_data)
        messages.success(request, _("The partner is made. Link its accounts, or make a key for it."))
        return redirect("crm:partner-detail", partner.public_id)
    return _form_page(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_PARTNERS)
def partner_edit(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    partner = get_partner(request, public_id)
    revision = request.POST.get("revision") or partner.revision
    form = PartnerForm(entered(request), instance=partner)
    if form.is_valid():
        try:
            edit_partner(partner=partner, revision=int(revision), changes=form.cleaned_data)
        except (PartnerChangedError, ValueError):
            form.add_error(None, _("Somebody else saved this partner meanwhile. Open it again and look."))
        else:
            messages.success(request, _("Saved."))
            return redirect("crm:partner-detail", public_id)
    return _form_page(request, form, partner=get_partner(request, public_id), revision=revision)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_PARTNERS)
def partner_link_create(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Search by GET, then choose one of what was found by POST."""
    partner = get_partner(request, public_id)
    form = LinkForm(entered(request), initial={"account": request.GET.get("account")})
    if form.is_valid() and _link(request, partner, form):
        return redirect("crm:partner-detail", public_id)
    q = request.GET.get("q", "")
    context = {"partner": partner, "form": form, "q": q, "found": find_candidates(request.user, q=q)}
    return render(request, "crm/partner_link_form.html", context, status=422 if form.errors else 200)


@require_POST
@require_capability(MANAGE_PARTNERS)
def partner_link_end(request: HtmxRequest, public_id: UUID, link_id: UUID) -> HttpResponse:
    links = PartnerAccount.objects.visible_to(request.user).filter(partner__public_id=public_id)
    link = get_visible(links.select_related("account"), public_id=link_id)
    end_link(link=link)
    messages.success(request, _("%(account)s is no longer linked.") % {"account": link.account.name})
    return redirect("crm:partner-detail", public_id)


def entered(request: HtmxRequest) -> QueryDict | None:
    """Return what a form was sent, even if that is nothing at all."""
    return request.POST if request.method == "POST" else None


def get_partner(request: HtmxRequest, public_id: UUID) -> Partner:
    partners = Partner.objects.visible_to(request.user).select_related("book")
    return get_visible(partners, public_id=public_id)


def _form_page(request: HtmxRequest, form: PartnerForm, **context: Any) -> HttpResponse:
    status = 422 if form.errors else 200
    return render(request, "crm/partner_form.html", {"form": form, **context}, status=status)


def _link(request: HtmxRequest, partner: Partner, form: LinkForm) -> bool:
    said = form.cleaned_data
    account = get_visible(Account.objects.visible_to(request.user), public_id=said["account"])
    try:
        link_account(partner=partner, account=account, role=said["role"], **form.moments())
    except LinkOpenError:
        form.add_error("role", _("The partner has this role with the account already."))
        return False
    except LinkDatesError:
        form.add_error("until", _("A link ends after it begins."))
        return False
    messages.success(request, _("%(account)s is linked.") % {"account": account.name})
    return True
