"""Feeds: files that come by themselves, what they promised, and why one has stopped."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.forms.data_feeds import DataFeedForm
from crm.models import DataFeed
from crm.models.access import MANAGE_DATA
from crm.selectors.data_feeds import FeedRow, list_feed_files, list_feeds
from crm.services.data_feeds import (
    FeedChangedError,
    create_feed,
    edit_feed,
    fetch_now,
    start_feed,
    switch_off_feed,
    version_of,
)
from crm.views.access import HtmxRequest, get_visible, require_capability


@require_safe
@require_capability(MANAGE_DATA)
def data_feed_list(request: HtmxRequest) -> HttpResponse:
    return render(request, "crm/data_feed_list.html", {"rows": list_feeds(request.user)})


@require_safe
@require_capability(MANAGE_DATA)
def data_feed_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    feed = get_feed(request, public_id)
    context = {"feed": feed, "row": FeedRow(feed), "files": list_feed_files(feed)}
    return render(request, "crm/data_feed_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_DATA)
def data_feed_create(request: HtmxRequest) -> HttpResponse:
    form = DataFeedForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        feed = create_feed(details=form.details())
        messages.success(request, _("The feed is made. Its first file is fetched within a minute."))
        return redirect("crm:data-feed-detail", feed.public_id)
    return _form_page(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_DATA)
def data_feed_edit(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    feed = get_feed(request, public_id)
    version = request.POST.get("version") or version_of(feed)
    form = DataFeedForm(request.POST if request.method == "POST" else None, instance=feed)
    if form.is_valid():
        try:
            edit_feed(feed=feed, version=version, changes=form.details())
        except FeedChangedError:
            form.add_error(None, _("The feed has changed meanwhile. Open it again and look."))
        else:
            messages.success(request, _("Saved."))
            return redirect("crm:data-feed-detail", public_id)
    return _form_page(request, form, feed=get_feed(request, public_id), version=version)


@require_POST
@require_capability(MANAGE_DATA)
def data_feed_switch(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Switch a feed off, or on again, with the contract it has or with a new one."""
    feed = get_feed(request, public_id)
    wanted = request.POST.get("to", "")
    if wanted == "off":
        switch_off_feed(feed=feed)
        messages.success(request, _("The feed is switched off."))
    else:
        start_feed(feed=feed, learns_again=wanted == "new_contract")
        messages.success(request, _("The feed is on. It is fetched within a minute."))
    return redirect("crm:data-feed-detail", public_id)


@require_POST
@require_capability(MANAGE_DATA)
def data_feed_fetch(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    job = fetch_now(feed=get_feed(request, public_id), by=request.user)
    messages.success(request, _("The feed is being fetched."))
    return redirect("crm:job-detail", job.public_id)


def get_feed(request: HtmxRequest, public_id: UUID) -> DataFeed:
    return get_visible(DataFeed.objects.visible_to(request.user).select_related("book"), public_id=public_id)


def _form_page(request: HtmxRequest, form: DataFeedForm, **context: Any) -> HttpResponse:
    status = 422 if form.errors else 200
    return render(request, "crm/data_feed_form.html", {"form": form, **context}, status=status)
