"""Rows of the account list. Fifty rows of ten cells are made in one go, without a template each."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from crm.selectors.account_columns import ListColumn
from crm.selectors.account_list import AccountRow
from crm.selectors.directory import Directory

from .formats import MISSING, money, share, when

register = template.Library()

BAR_WIDTH = 40
HIGH = 0.5  # from here on a risk's bar takes the colour of its meaning
CLASSES = {"text": "", "share": "num with-bar", "money": "num", "date": "shrink"}

Cell = Callable[[AccountRow], str]


@register.simple_tag
def account_table_rows(
    rows: Sequence[AccountRow], columns: Sequence[ListColumn], names: Directory, *, may_select: bool
) -> SafeString:
    """The `<tr>` of each account: a box to tick, its name, and a cell for each column."""
    cells = [_cell(column, names) for column in columns]
    select = escape(_("Select"))
    lines = []
    for row in rows:
        name, public_id = escape(row.account.name), row.account.public_id
        box = (
            f'<td class="check"><input type="checkbox" name="ids" value="{public_id}" '
            f'aria-label="{select} {name}"></td>'
        )
        lines.append(
            f'<tr>{box if may_select else ""}<th scope="row" class="pin">'
            f'<a class="table__main" href="/accounts/{public_id}/">{name}</a></th>'
            f"{''.join([cell(row) for cell in cells])}</tr>"
        )
    return SafeString("".join(lines))


def _cell(column: ListColumn, names: Directory) -> Cell:
    """Return what makes one column's cell; all that its rows have in common is made here, once."""
    shown, read, label = _words(column, names), column.read, escape(column.label)
    start = f'<td class="{CLASSES[column.kind]}" data-label="{label}">'
    empty = f'<td class="is-empty" data-label="{label}"><span class="muted">{MISSING}</span></td>'

    def cell(row: AccountRow) -> str:
        value = read(row, names)
        return empty if value is None or value == "" else f"{start}{shown(value)}</td>"

    return cell


def _words(column: ListColumn, names: Directory) -> Callable[[Any], str]:
    if column.kind == "share":
        return lambda value: _share_with_bar(value, column.higher_is)
    if column.kind == "money":
        return lambda value: str(money(value, names.currency))
    if column.kind == "date":
        return _date
    return lru_cache(maxsize=64)(lambda value: str(escape(value)))


def _date(value: date) -> str:
    return str(when(value))


def _share_with_bar(value: float, higher_is: str) -> str:
    """A share, and a bar as long; the bar is silent since the number stands beside it."""
    number = share(value, 0 if value >= 0.1 else 1)
    tone = "bad" if higher_is == "bad" and value >= HIGH else "model"
    return (
        f'<span class="num">{number}<svg class="row-bar" viewBox="0 0 {BAR_WIDTH} 6" aria-hidden="true">'
        f'<rect class="row-bar__room" width="{BAR_WIDTH}" height="6" rx="2"/>'
        f'<rect class="chart__{tone}" width="{value * BAR_WIDTH:.1f}" height="6" rx="2"/></svg></span>'
    )
