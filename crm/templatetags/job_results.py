"""The words for what a job came to: the figures that many jobs leave, under names that people use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import template
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.models import Score, Value
from crm.templatetags.formats import number, on_day

register = template.Library()

KEYS: Mapping[str, str | Promise] = {
    "accounts": gettext_lazy("Accounts"),
    "activities": gettext_lazy("Activities"),
    "acted": gettext_lazy("Accounts that somebody acted on"),
    "alerts": gettext_lazy("Sources that break their habit"),
    "as_of": gettext_lazy("As of"),
    "assigned": gettext_lazy("Accounts assigned"),
    "book": gettext_lazy("Book"),
    "books": gettext_lazy("Books"),
    "bots": gettext_lazy("Visitors that are machines"),
    "campaigns": gettext_lazy("Campaigns"),
    "cancelled_imports": gettext_lazy("Forgotten imports cancelled"),
    "caught": gettext_lazy("Rows caught"),
    "caught_rows": gettext_lazy("Rows caught"),
    "cleaned": gettext_lazy("Rows cleaned"),
    "columns": gettext_lazy("Columns"),
    "contacts": gettext_lazy("Contacts"),
    "drifting": gettext_lazy("Inputs that drift"),
    "dropped": gettext_lazy("Old partitions dropped"),
    "events": gettext_lazy("Events deleted"),
    "exports": gettext_lazy("Exported files"),
    "file": gettext_lazy("File"),
    "files": gettext_lazy("Files"),
    "forgotten_evaluations": gettext_lazy("Old evaluations forgotten"),
    "forgotten_files": gettext_lazy("Old files forgotten"),
    "forgotten_jobs": gettext_lazy("Old jobs forgotten"),
    "forgotten_notifications": gettext_lazy("Old notifications forgotten"),
    "forgotten_steps": gettext_lazy("Steps that can no longer be undone forgotten"),
    "format": gettext_lazy("Format"),
    "held": gettext_lazy("Predictions held against outcomes"),
    "invoices": gettext_lazy("Invoices"),
    "keys": gettext_lazy("Keys"),
    "left": gettext_lazy("Rows left as they are"),
    "made": gettext_lazy("Partitions made"),
    "months": gettext_lazy("Months dropped"),
    "orders": gettext_lazy("Orders"),
    "outcomes": gettext_lazy("Outcomes"),
    "pairs": gettext_lazy("Pairs proposed"),
    "partner_links": gettext_lazy("Accounts of partners"),
    "payments": gettext_lazy("Payments"),
    "product_pairs": gettext_lazy("Pairs of products"),
    "products": gettext_lazy("Products"),
    "proposed": gettext_lazy("Recalibration proposed"),
    "ranges": gettext_lazy("Parts"),
    "recommendations": gettext_lazy("Recommendations"),
    "refused": gettext_lazy("Refused"),
    "refused_rows": gettext_lazy("Refused rows"),
    "rescored": gettext_lazy("Accounts scored again"),
    "rows": gettext_lazy("Rows"),
    "rules": gettext_lazy("Rules"),
    "sessions": gettext_lazy("Sessions"),
    "started": gettext_lazy("Feeds started"),
    "state": gettext_lazy("State"),
    "tasks": gettext_lazy("Tasks"),
    "tickets": gettext_lazy("Tickets"),
    "trainings": gettext_lazy("Trainings started"),
    "unchanged": gettext_lazy("Nothing was left to do"),
    "undone": gettext_lazy("Rows taken back"),
    "version": gettext_lazy("Model"),
    "visitors": gettext_lazy("Visitors"),
    "withdrawn": gettext_lazy("Scores taken back"),
    "without_comparison": gettext_lazy("Campaigns without anything to compare with"),
}
VALUES: Mapping[str, str | Promise] = {
    "create": gettext_lazy("New"),
    "update": gettext_lazy("Changed"),
    "skip": gettext_lazy("Unchanged"),
    "refuse": gettext_lazy("Refused"),
    "inserted": gettext_lazy("New"),
    "updated": gettext_lazy("Changed"),
}


@register.simple_tag
def result_rows(result: Mapping[str, Any], books: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return name and value of each figure; what has no name here comes last, as it is stored."""
    names = {**KEYS, **dict(Score.Kind.choices), **dict(Value.Kind.choices)}
    known = [(str(names[key]), _value(key, value, books)) for key, value in result.items() if key in names]
    others = [
        (format_html("<code>{}</code>", key), _value(key, value, books))
        for key, value in result.items()
        if key not in names
    ]
    return known + others


def _value(key: str, value: Any, books: Mapping[str, str]) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return number(value)
    if key == "book" and value in books:
        return books[value]
    if key == "as_of" and isinstance(value, str):
        return str(on_day(datetime.fromisoformat(value)))
    if _is_counts(value):
        return " · ".join(f"{words} {number(value[part])}" for part, words in VALUES.items() if part in value)
    return format_html("<code>{}</code>", value)


def _is_counts(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and value.keys() <= VALUES.keys()
