"""Files that people evaluate: handed in, their columns named, the report read and taken along."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analytics.forms.evaluations import FORMS, OptionsForm, UploadForm
from analytics.models import Evaluation
from analytics.selectors.evaluations import get_evaluation_page, list_evaluations
from analytics.services.evaluations import (
    FILES,
    EvaluationStateError,
    path_of,
    receive_evaluation,
    start_evaluation,
)
from crm.models.access import IMPORT_DATA
from crm.services.stored_files import FileTooBigError
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.fragments import render_part
from crm.views.uploads import StreamedFileHandler, declared_size, is_too_big

TYPES = {"json": "application/json", "predictions": "text/csv; charset=utf-8", "pdf": "application/pdf"}


@never_cache
@require_safe
@require_capability(IMPORT_DATA)
def evaluation_list(request: HtmxRequest) -> HttpResponse:
    page = list_evaluations(request.user, after=request.GET.get("after"), before=request.GET.get("before"))
    return render(request, "analytics/evaluation_list.html", {"page": page})


# The token is checked by the inner view: looking for it reads the body, and the size comes first.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(IMPORT_DATA)
def evaluation_create(request: HtmxRequest) -> HttpResponse:
    """Refuse what is over the cap by its header; stream anything else to disk."""
    if request.method == "POST":
        if is_too_big(request):
            return _upload_page(request, UploadForm(), status=413, too_big=declared_size(request))
        request.upload_handlers = [StreamedFileHandler(request)]
    return _evaluation_create(request)


@csrf_protect
def _evaluation_create(request: HtmxRequest) -> HttpResponse:
    if request.method != "POST":
        return _upload_page(request, UploadForm())
    form = UploadForm(request.POST, request.FILES)
    if any(getattr(handler, "is_over", False) for handler in request.upload_handlers):
        return _upload_page(request, UploadForm(), status=413, too_big=declared_size(request))
    if not form.is_valid():
        return _upload_page(request, form, status=422)
    uploaded = form.cleaned_data["file"]
    try:
        made = receive_evaluation(
            kind=form.cleaned_data["kind"],
            name=uploaded.name or "file",
            chunks=uploaded.chunks(),
            owner=request.user,
        )
    except FileTooBigError:
        return _upload_page(request, UploadForm(), status=413, too_big=declared_size(request))
    return redirect(made)


def _upload_page(
    request: HtmxRequest, form: UploadForm, *, status: int = 200, too_big: int = 0
) -> HttpResponse:
    context = {"form": form, "limit": settings.IMPORT_MAX_BYTES, "too_big": too_big}
    return render(request, "analytics/evaluation_form.html", context, status=status)


@never_cache
@require_safe
@require_capability(IMPORT_DATA)
def evaluation_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    evaluation = _evaluation(request, public_id)
    form = FORMS[evaluation.kind](columns=evaluation.columns, initial=evaluation.options or None)
    return _page(request, evaluation, form)


@require_POST
@require_capability(IMPORT_DATA)
def evaluation_run(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    evaluation = _evaluation(request, public_id)
    form = FORMS[evaluation.kind](request.POST, columns=evaluation.columns)
    if not form.is_valid():
        return _page(request, evaluation, form, status=422)
    try:
        start_evaluation(evaluation=evaluation, options=form.options(), by=request.user)
    except EvaluationStateError:
        messages.info(request, _("That can’t be done now: it is at work, or its file is gone."))
    return redirect(evaluation)


@require_safe
@require_capability(IMPORT_DATA)
def evaluation_file(request: HtmxRequest, public_id: UUID, what: str) -> FileResponse:
    """Hand out what was made of it: the figures, the scored rows, the report."""
    evaluation = _evaluation(request, public_id)
    if evaluation.state != Evaluation.State.DONE or not evaluation.stored_name or what not in FILES:
        raise Http404
    path = path_of(evaluation, what)
    if not path.exists():
        raise Http404
    return FileResponse(path.open("rb"), as_attachment=True, filename=FILES[what], content_type=TYPES[what])


def _page(
    request: HtmxRequest, evaluation: Evaluation, form: OptionsForm, *, status: int = 200
) -> HttpResponse:
    page = get_evaluation_page(evaluation)
    is_asked = request.method == "POST" or request.GET.get("step") == "columns"
    asks = is_asked or page.stage in ("read", "failed", "broken")
    context = {
        "page": page,
        "evaluation": evaluation,
        "form": form if asks and page.may_run else None,
        "files": [what for what in FILES if page.stage == "done" and _is_there(evaluation, what)],
    }
    return render_part(request, "analytics/evaluation_detail.html", "evaluation", context, status=status)


def _is_there(evaluation: Evaluation, what: str) -> bool:
    return bool(evaluation.stored_name) and path_of(evaluation, what).exists()


def _evaluation(request: HtmxRequest, public_id: UUID) -> Evaluation:
    evaluations = Evaluation.objects.visible_to(request.user).select_related("owner", "job")
    return get_visible(evaluations, public_id=public_id)
