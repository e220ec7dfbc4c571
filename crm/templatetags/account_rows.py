"""Cells of the account list. Fifty rows of ten cells are made in one go, without a template each."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from crm.selectors.account_columns import ListColumn, Names
from crm.selectors.account_list import AccountRow

from .formats import MISSING, money, share, when

register = template.Library()

BAR_WIDTH = 40
HIGH = 0.5  # from here on a risk's bar takes the colour of its meaning


@register.simple_tag
def account_cells(row: AccountRow, columns: Sequence[ListColumn], names: Names) -> SafeString:
    """The cells of one row, beside its name."""
    return mark_safe("".join(_cell(column, column.read(row, names), names) for column in columns))


def _cell(column: ListColumn, value: Any, names: Names) -> str:
    label = escape(column.label)
    if value is None or value == "":
        return f'<td class="{_CLASSES[column.kind]} is-empty" data-label="{label}"><span class="muted">{MISSING}</span></td>'
    if column.kind == "share":
        number = share(value, 0 if value >= 0.1 else 1)
        shown = f'<span class="num">{number}{_bar(value, column.higher_is)}</span>'
    elif column.kind == "money":
        shown = str(money(value, names.currency))
    elif column.kind == "date":
        shown = str(when(value))
    else:
        shown = escape(value)
    return f'<td class="{_CLASSES[column.kind]}" data-label="{label}">{shown}</td>'


_CLASSES = {"text": "", "share": "num with-bar", "money": "num", "date": "shrink"}


def _bar(value: float, higher_is: str) -> str:
    """A bar as long as the share, silent since the number stands beside it."""
    tone = "bad" if higher_is == "bad" and value >= HIGH else "model"
    width = round(value * BAR_WIDTH, 1)
    return (
        f'<svg class="row-bar" viewBox="0 0 {BAR_WIDTH} 6" aria-hidden="true">'
        f'<rect class="row-bar__room" width="{BAR_WIDTH}" height="6" rx="2"/>'
        f'<rect class="chart__{tone}" width="{width}" height="6" rx="2"/></svg>'
    )
