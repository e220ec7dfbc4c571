"""Background work as staff see it: the list, one job, the indicator in the top bar."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from crm.models import Job
from crm.selectors.import_pages import get_import_of_job
from crm.selectors.jobs import (
    book_names,
    get_indicator,
    get_jobs,
    get_last_seen_worker,
    list_children,
    list_jobs,
    list_schedules,
)
from crm.services.jobs import JobNotCancellableError, JobNotRetryableError, cancel_job, retry_job
from crm.services.notifications import how_told, watch_job
from crm.views.access import HtmxRequest, get_visible
from crm.views.fragments import render_part


@never_cache
@require_safe
def job_list(request: HtmxRequest) -> HttpResponse:
    state, origin = request.GET.get("state", ""), request.GET.get("origin", "")
    page = list_jobs(
        request.user,
        state=state,
        origin=origin,
        after=request.GET.get("after"),
        before=request.GET.get("before"),
    )
    context = {
        "page": page,
        "is_busy": any(job.is_live for job in page.rows),
        "states": Job.State.choices,
        "state": state,
        "origin": origin,
        "worker": get_last_seen_worker(),
        "schedules": list_schedules(request.user),
        "books": book_names(),
    }
    return render_part(request, "crm/job_list.html", "table", context)


@never_cache
@require_safe
def job_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    job = get_visible(get_jobs(request.user), public_id=public_id)
    told = how_told(job=job, user=request.user) if job.is_live else ""
    context = {
        "job": job,
        "children": list_children(job),
        "told": told,
        "books": book_names(),
        "source_import": get_import_of_job(job, request.user),
    }
    return render_part(request, "crm/job_detail.html", "job", context)


@require_POST
def job_watch(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Tell this person when the job has ended, or no longer."""
    job = get_visible(get_jobs(request.user), public_id=public_id)
    if not watch_job(job=job, user=request.user, is_watching=request.POST.get("tell") == "1"):
        messages.info(request, _("This job had already ended."))
    return redirect(job)


@require_POST
def job_cancel(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    job = get_visible(get_jobs(request.user), public_id=public_id)
    try:
        cancel_job(job=job, by=request.user)
    except JobNotCancellableError:
        messages.info(request, _("This job had already ended."))
    else:
        messages.success(request, _("Cancelled. What it had already written stays; nothing more will be."))
    return redirect(job)


@require_POST
def job_retry(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    job = get_visible(get_jobs(request.user), public_id=public_id)
    try:
        again = retry_job(job=job, by=request.user)
    except JobNotRetryableError:
        messages.error(request, _("Only a job that failed or was cancelled can be tried again."))
        return redirect(job)
    messages.success(request, _("It is queued again. This page follows it."))
    return redirect(again)


@never_cache
@require_safe
def jobs_indicator(request: HtmxRequest) -> HttpResponse:
    """Answer the indicator and, beside it, the bell, so that one request keeps both up to date."""
    return render(request, "crm/_top_bar_news.html", {"jobs": get_indicator(request.user)})
