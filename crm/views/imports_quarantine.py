"""Rows that were refused: looked at, mended, sent again or let go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from crm.models import Import, QuarantinedRow
from crm.models.access import IMPORT_DATA
from crm.selectors.import_pages import get_imports, list_quarantined, quarantine_counts
from crm.selectors.import_words import refusal_words
from crm.services.file_imports import FileTooBigError, ImportStateError
from crm.services.quarantine import NothingToSendError, RowSettledError, let_go, mend_row, send_again
from crm.services.quarantine_alike import find_alike, mend_alike
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.fragments import back, render_part
from crm.views.import_parts import Wrong, target_words, wrongs

OPEN_CELLS = 12  # of a row of which no cell is to blame
State = QuarantinedRow.State


@dataclass(frozen=True, slots=True)
class QuarantineCell:
    name: str  # of the control
    column: str
    target: str
    text: str
    wrong: Sequence[Wrong]


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """A refused row: the cells to blame first, then the others."""

    row: QuarantinedRow
    blamed: Sequence[QuarantineCell]
    others: Sequence[QuarantineCell]
    wrong: Sequence[Wrong]  # of the row as a whole

    @property
    def which(self) -> str:
        """What tells the row from others: its first cells that go somewhere."""
        cells = sorted((*self.blamed, *self.others), key=lambda cell: int(cell.name.removeprefix("cell_")))
        return " · ".join([cell.text for cell in cells if cell.target and cell.text][:3])


@dataclass(frozen=True, slots=True)
class QuarantineAlike:
    """A value that several rows are refused for, with the reason in words."""

    column: str
    code: str
    value: str
    rows: int
    reason: str


@never_cache
@require_safe
@require_capability(IMPORT_DATA)
def quarantine_list(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    source = _import(request, public_id)
    asked = request.GET.get("state", "")
    state = asked if asked in State.values else State.WAITING
    page = list_quarantined(
        source, state=state, after=request.GET.get("after"), before=request.GET.get("before")
    )
    counts = quarantine_counts(source)
    context: dict[str, object] = {
        "import": source,
        "page": page,
        "rows": [_row(source, row) for row in page.rows],
        "state": state,
        "tabs": [(code, label, counts[code]) for code, label in State.choices],
        "waiting": counts[State.WAITING],
        "may_send": source.state == Import.State.DONE,
        "alike": _alike(source) if state == State.WAITING else [],
    }
    return render_part(request, "crm/import_quarantine.html", "rows", context)


@require_POST
@require_capability(IMPORT_DATA)
def quarantine_row(request: HtmxRequest, public_id: UUID, row_number: int) -> HttpResponse:
    """Save what was mended in one row; with it send the row again, or let it go."""
    source = _import(request, public_id)
    rows = QuarantinedRow.objects.filter(source_import=source).select_related("source_import")
    row = get_visible(rows, row_number=row_number)
    action = request.POST.get("action", "save")
    if action == "let_go":
        let_go(source_import=source, row_ids=[row.pk])
        messages.success(request, _("Row %(n)s is let go.") % {"n": row.row_number})
        return back(request, _address(source))
    try:
        mend_row(row=row, cells=_mended(source, request.POST))
    except RowSettledError:
        messages.info(request, _("Row %(n)s does not wait any more.") % {"n": row.row_number})
        return back(request, _address(source))
    if action == "send":
        return _send(request, source, [row.pk])
    messages.success(request, _("Row %(n)s is saved, and waits.") % {"n": row.row_number})
    return back(request, _address(source))


@require_POST
@require_capability(IMPORT_DATA)
def quarantine_all(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Send all rows that wait again, let them go, or replace a value in those that have it."""
    source = _import(request, public_id)
    if request.POST.get("action") == "replace":
        mended = mend_alike(source_import=source, **_replaced(request.POST))
        words = ngettext("%(n)s row is mended, and waits.", "%(n)s rows are mended, and wait.", mended)
        messages.success(request, words % {"n": mended})
    if request.POST.get("action") == "send":
        return _send(request, source, None)
    if request.POST.get("action") == "let_go":
        gone = let_go(source_import=source)
        words = ngettext("%(n)s row is let go.", "%(n)s rows are let go.", gone)
        messages.success(request, words % {"n": gone})
    return redirect(_address(source))


def _send(request: HtmxRequest, source: Import, row_ids: Sequence[int] | None) -> HttpResponse:
    try:
        made = send_again(source_import=source, row_ids=row_ids, by=request.user)
    except NothingToSendError:
        messages.info(request, _("No row waits any more."))
    except ImportStateError:
        messages.error(request, _("Rows can be sent again once the import is done, and while it stands."))
    except FileTooBigError:
        messages.error(request, _("These are too many rows for one file. Send fewer at once."))
    else:
        messages.success(request, _("Sent again. This page follows what becomes of it."))
        return redirect("crm:import-detail", made.public_id)
    return redirect(_address(source))


def _replaced(posted: Mapping[str, str]) -> dict[str, str]:
    return {name: posted.get(name, "").replace("\0", "") for name in ("column", "code", "value", "text")}


def _alike(source: Import) -> list[QuarantineAlike]:
    return [
        QuarantineAlike(one.column, str(one.error["code"]), one.value, one.rows, refusal_words(one.error))
        for one in find_alike(source)
    ]


def _mended(source: Import, posted: Mapping[str, str]) -> dict[str, str]:
    return {
        column: posted[f"cell_{place}"].replace("\0", "")
        for place, column in enumerate(source.columns)
        if f"cell_{place}" in posted
    }


def _row(source: Import, row: QuarantinedRow) -> QuarantineRow:
    cells = [
        QuarantineCell(
            name=f"cell_{place}",
            column=column,
            target=target_words(source, column),
            text=row.cells.get(column, ""),
            wrong=wrongs(source, [error for error in row.errors if error["column"] == column]),
        )
        for place, column in enumerate(source.columns)
    ]
    # A field is named where the file has no column for it: nothing here can be mended then.
    whole = [error for error in row.errors if error["column"] not in source.columns]
    blamed = [cell for cell in cells if cell.wrong]
    if not blamed:
        blamed = [cell for cell in cells if cell.target][:OPEN_CELLS]
    shown = {cell.name for cell in blamed}
    others = [cell for cell in cells if cell.name not in shown]
    return QuarantineRow(row, blamed, others, wrongs(source, whole))


def _address(source: Import) -> str:
    return reverse("crm:import-quarantine", args=[source.public_id])


def _import(request: HtmxRequest, public_id: UUID) -> Import:
    return get_visible(get_imports(request.user).select_related("book"), public_id=public_id)
