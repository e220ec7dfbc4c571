"""Files on their way in: uploaded, mapped, checked, committed, reported and undone, on one page each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.http.response import StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.forms.imports import MappingForm, ReadingForm, UploadForm
from crm.models import Book, ChangeSet, Import
from crm.models.access import IMPORT_DATA
from crm.selectors.import_kinds import KINDS
from crm.selectors.import_pages import get_import_page, get_imports, list_imports
from crm.services.books import make_book
from crm.services.file_imports import (
    FileTooBigError,
    ImportStateError,
    MappingError,
    cancel_import,
    is_mappable,
    read_again,
    receive_file,
    save_mapping,
    start_commit,
    start_undo,
)
from crm.services.refusals import refusals_csv
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.export import CSV
from crm.views.fragments import render_part
from crm.views.import_parts import stage_context
from crm.views.uploads import StreamedFileHandler, declared_size, is_too_big

State = Import.State


@never_cache
@require_safe
@require_capability(IMPORT_DATA)
def import_list(request: HtmxRequest) -> HttpResponse:
    state, kind = request.GET.get("state", ""), request.GET.get("kind", "")
    page = list_imports(
        request.user,
        state=state,
        kind=kind,
        after=request.GET.get("after"),
        before=request.GET.get("before"),
    )
    context = {
        "page": page,
        "is_busy": any(row.job is not None and row.job.is_live for row in page.rows),
        "states": State.choices,
        "kinds": [(code, one.label) for code, one in KINDS.items()],
        "state": state,
        "kind": kind,
    }
    return render_part(request, "crm/import_list.html", "table", context)


# The token is checked by the inner view: looking for it reads the body, and the size comes first.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(IMPORT_DATA)
def import_create(request: HtmxRequest) -> HttpResponse:
    """Refuse what is over the cap by its header; stream anything else to disk."""
    if request.method == "POST":
        if is_too_big(request):
            return _refuse_size(request)
        request.upload_handlers = [StreamedFileHandler(request)]
    return _import_create(request)


@csrf_protect
def _import_create(request: HtmxRequest) -> HttpResponse:
    if request.method != "POST":
        initial = {name: request.GET[name] for name in ("kind", "book", "source") if name in request.GET}
        return _upload_page(request, UploadForm(initial=initial))
    form = UploadForm(request.POST, request.FILES)
    if any(getattr(handler, "is_over", False) for handler in request.upload_handlers):
        return _refuse_size(request)
    if not form.is_valid():
        return _upload_page(request, form, status=422)
    try:
        made = receive_file(
            book=form.chosen_book or _new_book(form.cleaned_data),
            kind=form.cleaned_data["kind"],
            source=form.cleaned_data["source"],
            owner=request.user,
            name=form.uploaded.name or "file",
            chunks=form.uploaded.chunks(),
            options={"is_history": form.cleaned_data["is_history"]},
        )
    except FileTooBigError:
        return _refuse_size(request)
    return redirect("crm:import-detail", made.public_id)


def _new_book(chosen: dict[str, Any]) -> Book:
    return make_book(
        code=chosen["book_code"],
        name=chosen["book_name"],
        currency=chosen["book_currency"],
        score_kinds=chosen["score_kinds"],
    )


def _upload_page(
    request: HtmxRequest, form: UploadForm, *, status: int = 200, too_big: int = 0
) -> HttpResponse:
    context = {"form": form, "limit": settings.IMPORT_MAX_BYTES, "too_big": too_big}
    return render(request, "crm/import_form.html", context, status=status)


def _refuse_size(request: HtmxRequest) -> HttpResponse:
    return _upload_page(request, UploadForm(), status=413, too_big=declared_size(request))


@never_cache
@require_safe
@require_capability(IMPORT_DATA)
def import_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    return _page(request, _import(request, public_id))


@require_POST
@require_capability(IMPORT_DATA)
def import_map(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    source = _import(request, public_id)
    if not is_mappable(source):
        return _too_late(request, source)
    form = MappingForm(request.POST, source_import=source)
    if not form.is_valid():
        return _page(request, source, form=form, status=422)
    try:
        save_mapping(source_import=source, mapping=form.mapping(), options=form.options(), by=request.user)
    except MappingError as error:
        return _page(request, source, form=form, problems=error.problems, status=422)
    except ImportStateError:
        return _too_late(request, source)
    return redirect("crm:import-detail", public_id)


@require_POST
@require_capability(IMPORT_DATA)
def import_read(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Read the file again, as somebody says that it is written."""
    source = _import(request, public_id)
    form = ReadingForm(request.POST, source_import=source)
    if not form.is_valid():
        messages.error(request, _("The file can’t be read like that."))
        return redirect("crm:import-detail", public_id)
    options = form.options()
    return _try(request, source, lambda: read_again(source_import=source, options=options, by=request.user))


@require_POST
@require_capability(IMPORT_DATA)
def import_commit(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    source = _import(request, public_id)
    return _try(request, source, lambda: start_commit(source_import=source, by=request.user))


@require_POST
@require_capability(IMPORT_DATA)
def import_retry(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Go on where it broke: reading, checking or writing."""
    source = _import(request, public_id)
    return _try(request, source, lambda: _again(request, source))


def _again(request: HtmxRequest, source: Import) -> object:
    if source.counts:
        return start_commit(source_import=source, by=request.user)
    if source.columns:
        return save_mapping(source_import=source, mapping=source.mapping, by=request.user)
    options = {name: value for name, value in source.reading.items() if name == "is_history"}
    return read_again(source_import=source, options=options, by=request.user)


@require_POST
@require_capability(IMPORT_DATA)
def import_cancel(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    source = _import(request, public_id)
    return _try(request, source, lambda: cancel_import(source_import=source, by=request.user))


@require_POST
@require_capability(IMPORT_DATA)
def import_undo(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    source = _import(request, public_id)
    change_set = get_visible(ChangeSet.objects.visible_to(request.user), source_import=source)
    return _try(request, source, lambda: start_undo(change_set=change_set, by=request.user))


@require_safe
@require_capability(IMPORT_DATA)
def import_refused(request: HtmxRequest, public_id: UUID) -> StreamingHttpResponse:
    """Hand out the refused rows as CSV: row, column, value and reason."""
    source = _import(request, public_id)
    response = StreamingHttpResponse(refusals_csv(source), content_type=CSV)
    response["Content-Disposition"] = 'attachment; filename="refused.csv"'
    return response


def _page(
    request: HtmxRequest,
    source: Import,
    *,
    form: MappingForm | None = None,
    problems: Sequence[Any] = (),
    status: int = 200,
) -> HttpResponse:
    page = get_import_page(source)
    wants_columns = form is not None or request.GET.get("step") == "columns"
    if wants_columns and not page.is_busy and is_mappable(source):
        page = replace(page, stage="mapping")
    context = {"page": page, "import": source, **stage_context(request, page, form=form, problems=problems)}
    return render_part(request, "crm/import_detail.html", "import", context, status=status)


def _try(request: HtmxRequest, source: Import, move: Callable[[], object]) -> HttpResponse:
    """Move the import on, or say that it has moved meanwhile, and show its page."""
    try:
        move()
    except ImportStateError:
        return _too_late(request, source)
    except MappingError:
        messages.error(request, _("The columns don’t fit. Say again where they go."))
    return redirect("crm:import-detail", source.public_id)


def _too_late(request: HtmxRequest, source: Import) -> HttpResponse:
    messages.info(request, _("That can’t be done any more: the import has moved on."))
    return redirect("crm:import-detail", source.public_id)


def _import(request: HtmxRequest, public_id: UUID) -> Import:
    imports = get_imports(request.user).select_related("book", "owner", "job")
    return get_visible(imports, public_id=public_id)
