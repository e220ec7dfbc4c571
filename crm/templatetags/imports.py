"""Words, tones and icons of imports."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, ngettext

from crm.models import Import
from crm.models.access import IMPORT_DATA, Principal, can
from crm.selectors.import_page_words import (
    OUTCOME_NOTES,
    UNDO_REFUSALS,
    VERDICT_NOTES,
    VERDICTS,
    kind_words,
    problem_words,
)
from crm.templatetags.formats import MISSING, grouped

register = template.Library()

TONES = {
    Import.State.COMMITTING: "accent",
    Import.State.VALIDATED: "accent",
    Import.State.DONE: "good",
    Import.State.FAILED: "bad",
    Import.State.CANCELLED: "watch",
}
ICONS = {
    Import.State.UPLOADED: "file-up",
    Import.State.MAPPED: "columns-3",
    Import.State.VALIDATED: "list-checks",
    Import.State.COMMITTING: "loader",
    Import.State.UNDONE: "undo-2",
    Import.State.CANCELLED: "ban",
}
SIZES = (
    (1_000_000_000, gettext_lazy("%(n)s GB")),
    (1_000_000, gettext_lazy("%(n)s MB")),
    (1_000, gettext_lazy("%(n)s kB")),
)
VERDICT_TONES = {"create": "good", "update": "accent", "skip": "neutral", "refuse": "bad"}
VERDICT_ICONS = {"create": "plus", "update": "pencil", "skip": "equal", "refuse": "ban"}


@register.filter
def import_tone(source: Import) -> str:
    return TONES.get(Import.State(source.state), "neutral")


@register.filter
def import_icon(source: Import) -> str:
    return ICONS.get(Import.State(source.state), "")


@register.filter
def layout_words(source: Import) -> str:
    return kind_words(source.layout)


@register.filter
def verdict_words(verdict: str) -> str | Promise:
    return VERDICTS.get(verdict, "")


@register.filter
def verdict_note(verdict: str) -> str | Promise:
    return VERDICT_NOTES.get(verdict, "")


@register.filter
def outcome_note(verdict: str) -> str | Promise:
    return OUTCOME_NOTES.get(verdict, "")


@register.filter
def row_tone(verdict: str) -> str:
    return VERDICT_TONES.get(verdict, "neutral")


@register.filter
def row_icon(verdict: str) -> str:
    return VERDICT_ICONS.get(verdict, "")


@register.filter
def rows_of(source: Import, verdict: str) -> Any:
    """Return how many rows there are of a verdict; None before the check."""
    return source.counts.get("rows", {}).get(verdict)


@register.filter
def undo_words(code: str) -> str | Promise:
    return UNDO_REFUSALS.get(code, code.replace("_", " ").capitalize())


@register.filter
def file_problem(source: Import) -> str:
    return problem_words(source)


@register.filter
def file_size(size: int | None) -> str:
    """Return a size as people say it: 4.1 MB."""
    if size is None:
        return MISSING
    for bound, words in SIZES:
        if size >= bound:
            return words % {"n": grouped(size / bound, 0 if size >= 10 * bound else 1)}
    return ngettext("%(n)s byte", "%(n)s bytes", size) % {"n": grouped(size, 0)}


@register.filter
def may_import(principal: Principal) -> bool:
    return can(principal, IMPORT_DATA)
