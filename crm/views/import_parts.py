"""What the page of an import shows at each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from crm.forms.imports import MappingForm, ReadingForm
from crm.models import Account, ChangeSet, Import, QuarantinedRow, User
from crm.models.access import VIEW_AUDIT, can
from crm.selectors.import_kinds import KINDS
from crm.selectors.import_mapping import mapping_problems
from crm.selectors.import_page_words import TYPES, mapping_problem_words
from crm.selectors.import_pages import (
    ImportPage,
    rows_left,
    rows_to_write,
    verdict_counts,
    written_rows,
)
from crm.selectors.import_words import refusal_words
from crm.services.file_imports import is_mappable, remembered_mapping
from crm.services.import_likenesses import alike_of
from crm.services.matching import Match
from crm.services.refusals import PreviewRow, preview_of
from crm.views.access import HtmxRequest

SAMPLES = 3
REFUSED_SHOWN = 10


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """One column of the file: what stands in it, and the select that says where it goes."""

    name: str
    type: str
    samples: Sequence[str]
    choice: Any  # the form's field


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with one cell, in words. `label` says where when no column of the file is to blame."""

    label: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class ShownCell:
    column: str
    text: str
    wrong: Sequence[Wrong]


@dataclass(frozen=True, slots=True)
class ShownRow:
    number: int
    verdict: str
    cells: Sequence[ShownCell]
    wrong: Sequence[Wrong]  # of the row as a whole
    alike: Sequence[Match] = ()  # what it may already be


def stage_context(
    request: HtmxRequest, page: ImportPage, *, form: MappingForm | None = None, problems: Sequence[Any] = ()
) -> dict[str, Any]:
    """Return what the template of the page's stage needs beside the page itself."""
    source = page.source
    if page.stage == "mapping":
        return _mapping(source, form or MappingForm(source_import=source), problems)
    if page.stage == "preview":
        return _preview(request, source)
    if page.stage == "report":
        return _report(request, page)
    stopped: dict[str, Any] = {"may_undo": bool(source.through_row) and may_undo(page, request.user)}
    if page.stage == "failed" and source.problem:
        stopped["reading_form"] = ReadingForm(source_import=source)
    return stopped


def _mapping(source: Import, form: MappingForm, problems: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    kind = KINDS[source.layout]
    if not form.is_bound:
        problems = mapping_problems(kind, source.columns, source.mapping)
    types = source.reading.get("types", {})
    sample: Sequence[Sequence[str]] = source.reading.get("sample", [])
    columns = [
        MappedColumn(
            name=name,
            type=str(TYPES.get(types.get(name, "text"), "")),
            samples=_samples(sample, place),
            choice=form[f"to_{place}"],
        )
        for place, name in enumerate(source.columns)
    ]
    return {
        "form": form,
        "kind": kind,
        "columns": columns,
        "problems": [mapping_problem_words(kind, problem) for problem in problems],
        "is_remembered": remembered_mapping(kind=source.layout, columns=source.columns) is not None,
        "reading_form": ReadingForm(source_import=source),
    }


def _samples(sample: Sequence[Sequence[str]], place: int) -> list[str]:
    """Return the first different values of a column."""
    filled = (row[place] for row in sample if place < len(row) and row[place].strip())
    return list(dict.fromkeys(filled))[:SAMPLES]


def _preview(request: HtmxRequest, source: Import) -> dict[str, Any]:
    rows = preview_of(source)
    alike = alike_of(source, rows, among=Account.objects.visible_to(request.user))
    blamed = {error["column"] for row in rows for error in row.errors}
    shown = [name for name in source.columns if source.mapping.get(name) or name in blamed]
    refused = QuarantinedRow.objects.filter(source_import=source).order_by("row_number")
    return {
        "verdicts": verdict_counts(source),
        "heads": [(name, target_words(source, name)) for name in shown],
        "left_out": len(source.columns) - len(shown),
        "rows": [_shown(source, row, shown, alike.get(row.number, ())) for row in rows],
        "refused": [(row.row_number, wrongs(source, row.errors)) for row in refused[:REFUSED_SHOWN]],
        "to_write": rows_to_write(source),
        "may_map": is_mappable(source),
    }


def _shown(source: Import, row: PreviewRow, columns: Sequence[str], alike: Sequence[Match] = ()) -> ShownRow:
    named = dict(zip(source.columns, row.cells, strict=False))
    cells = [
        ShownCell(name, str(named.get(name) or ""), wrongs(source, row.errors_of(name))) for name in columns
    ]
    others = [error for error in row.errors if error["column"] not in columns]
    return ShownRow(row.number, row.verdict, cells, wrongs(source, others), alike)


def wrongs(source: Import, errors: Sequence[Mapping[str, Any]]) -> list[Wrong]:
    """Return errors in words, with the field's label where the file has no column of that name."""
    return [
        Wrong(
            where_words(source, str(error.get("column") or "")),
            str(error.get("value") or ""),
            refusal_words(error),
        )
        for error in errors
    ]


def where_words(source: Import, column: str) -> str:
    if not column or column in source.columns:
        return column
    labels = {field.name: str(field.label) for field in KINDS[source.layout].fields}
    return labels.get(column, column)


def target_words(source: Import, column: str) -> str:
    """Return where a column goes, as the head of a table says it."""
    target = source.mapping.get(column) or {}
    if "field" in target:
        return str(KINDS[source.layout].field(target["field"]).label)
    if "attribute" in target:
        return _("Attribute “%(label)s”") % {"label": target["attribute"].get("label", "")}
    return _("Outcome") if "outcome" in target else ""


def _report(request: HtmxRequest, page: ImportPage) -> dict[str, Any]:
    source, change_set = page.source, page.change_set
    return {
        "verdicts": verdict_counts(source),
        "written": written_rows(source),
        "left": rows_left(change_set, request.user) if change_set else [],
        "may_undo": may_undo(page, request.user),
    }


def may_undo(page: ImportPage, user: User) -> bool:
    """Say whether the button is offered; the service has the last word."""
    change_set = page.change_set
    if change_set is None or change_set.state == ChangeSet.State.UNDONE:
        return False
    if change_set.owner_id != user.pk and not can(user, VIEW_AUDIT):
        return False
    ended = (Import.State.DONE, Import.State.CANCELLED, Import.State.FAILED)
    return page.source.state in ended and change_set.undo_until > timezone.now()
