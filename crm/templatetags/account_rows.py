"""Rows of the account list. Fifty rows of ten cells are made in one go, without a template each."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import urlencode

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from crm.selectors.account_columns import ListColumn
from crm.selectors.account_list import AccountRow
from crm.selectors.directory import Directory

from .formats import MISSING, Style, clock, grouped, money_in, percent, style, to_decimal

register = template.Library()

BAR_WIDTH = 40
HIGH = 0.5  # from here on a risk's bar takes the colour of its meaning
CLASSES = {"text": "", "number": "num", "share": "num with-bar", "money": "num", "date": "shrink"}


@register.simple_tag
def account_table_rows(
    rows: Sequence[AccountRow],
    columns: Sequence[ListColumn],
    names: Directory,
    *,
    may_select: bool,
    state: str = "",
) -> SafeString:
    """The `<tr>` of each account: a box to tick, its name, and a cell for each column.

    Its link carries the state of the list, so that the account's page can walk on in it.
    """
    walk = escape(urlencode({"list": state}))
    heads = _heads(rows, walk=walk, select=escape(_("Select")) if may_select else "")
    cells = zip(heads, *(_cells(column, rows, names) for column in columns), strict=True)
    return SafeString("".join([f"<tr>{''.join(line)}</tr>" for line in cells]))


def _heads(rows: Sequence[AccountRow], *, walk: str, select: str) -> Iterator[str]:
    """Yield the box to tick, where there is one, and the name of each account."""
    for row in rows:
        name, public_id = escape(row.name), row.public_id
        box = (
            f'<td class="check"><input type="checkbox" name="ids" value="{public_id}" '
            f'aria-label="{select} {name}"></td>'
        )
        yield (
            f'{box if select else ""}<th scope="row" class="pin">'
            f'<a class="table__main" href="/accounts/{public_id}/?{walk}">{name}</a></th>'
        )


def _cells(column: ListColumn, rows: Sequence[AccountRow], names: Directory) -> list[str]:
    """Return one column's cells; all that they have in common is made here, once."""
    shown, read, label = _words(column, names), column.read, escape(str(column.label))
    start = f'<td class="{CLASSES[column.kind]}" data-label="{label}">'
    nothing = f'<span class="muted">{MISSING}</span>'
    empty = f'<td class="{CLASSES[column.kind]} is-empty" data-label="{label}">{nothing}</td>'
    values = [read(row, names) for row in rows]
    return [empty if value is None or value == "" else f"{start}{shown(value)}</td>" for value in values]


def _words(column: ListColumn, names: Directory) -> Callable[[Any], str]:
    here, currency = style(), names.currency
    if column.kind == "share":
        return lambda value: _share_with_bar(round(value, 2 if value >= 0.1 else 3), column.higher_is, here)
    if column.kind == "money":
        return lambda value: money_in(value, currency, here)
    if column.kind == "date":
        return clock().when
    if column.kind == "number":
        return lambda value: _plain_number(value, here)
    return lru_cache(maxsize=64)(lambda value: escape(str(value)))


def _plain_number(value: Any, here: Style) -> str:
    """A number with the decimals that it has; what is none reads as it stands."""
    number = to_decimal(value)
    if number is None:
        return escape(str(value))
    decimals = -int(number.normalize().as_tuple().exponent)
    return grouped(number, min(max(decimals, 0), 4), here)


@lru_cache(maxsize=4_096)
def _share_with_bar(value: float, higher_is: str, here: Style) -> str:
    """A share as it is shown, and a bar as long; the bar is silent since the number stands beside it."""
    number = percent(value, 0 if value >= 0.1 else 1, here)
    tone = "bad" if higher_is == "bad" and value >= HIGH else "model"
    return (
        f'<span class="num">{number}<svg class="row-bar" viewBox="0 0 {BAR_WIDTH} 6" aria-hidden="true">'
        f'<rect class="row-bar__room" width="{BAR_WIDTH}" height="6" rx="2"/>'
        f'<rect class="chart__{tone}" width="{value * BAR_WIDTH:.1f}" height="6" rx="2"/></svg></span>'
    )
