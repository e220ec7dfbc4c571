"""Tracked sites: which may report, what to put on their pages, and what came of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from crm.forms.sites import RetentionForm, SiteForm
from crm.models import TrackedSite
from crm.models.access import MANAGE_DATA
from crm.selectors.sites import get_site_overview, list_sites
from crm.services.sites import create_site, edit_site, keep_events
from crm.views.access import HtmxRequest, get_visible, require_capability


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_DATA)
def site_list(request: HtmxRequest) -> HttpResponse:
    """List the sites; a POST says for how long events are kept."""
    form = RetentionForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        keep_events(days=form.cleaned_data)
        messages.success(request, _("Saved. What is past its days goes tonight."))
        return redirect("crm:site-list")
    context = {"rows": list_sites(request.user), "form": form}
    return render(request, "crm/site_list.html", context, status=422 if form.errors else 200)


@require_safe
@require_capability(MANAGE_DATA)
def site_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    site = get_visible(TrackedSite.objects.visible_to(request.user), public_id=public_id)
    overview = get_site_overview(site, zone=get_current_timezone_name())
    context = {"site": site, "overview": overview, "address": request.build_absolute_uri("/s.js")}
    return render(request, "crm/site_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_DATA)
def site_create(request: HtmxRequest) -> HttpResponse:
    form = SiteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        site = create_site(details=form.cleaned_data)
        messages.success(request, _("The site is made. Put the lines below on its pages."))
        return redirect("crm:site-detail", site.public_id)
    return _form_page(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_DATA)
def site_edit(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    site = get_visible(TrackedSite.objects.visible_to(request.user), public_id=public_id)
    form = SiteForm(request.POST if request.method == "POST" else None, instance=site)
    if form.is_valid():
        edit_site(site=site, changes=form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("crm:site-detail", public_id)
    site = get_visible(TrackedSite.objects.visible_to(request.user), public_id=public_id)
    return _form_page(request, form, site=site)


def _form_page(request: HtmxRequest, form: SiteForm, **context: Any) -> HttpResponse:
    return render(
        request, "crm/site_form.html", {"form": form, **context}, status=422 if form.errors else 200
    )
