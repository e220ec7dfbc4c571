"""Accounts as CSV: header and rows, a batch at a time, harmless in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.models import Account
from crm.selectors.account_columns import ListColumn, need_attributes
from crm.selectors.account_list import AccountRow, AccountSort, account_page, sorted_accounts
from crm.selectors.directory import Directory

BATCH = 1_000
# What a spreadsheet calculates, the wide forms on an East Asian system.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class _Echo:
    """A file that hands back each line instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(
    accounts: QuerySet[Account],
    *,
    sort: AccountSort,
    columns: Sequence[ListColumn],
    names: Directory,
    progress: Callable[[int], None] = lambda _done: None,
) -> Iterator[str]:
    """Yield the lines of the file. `progress` hears after each batch how many rows there were."""
    writer = csv.writer(_Echo())
    labels = (neutral(str(column.label)) for column in columns)  # an administrator's own among them
    yield "\ufeff" + writer.writerow([_("Name"), *labels, "id"])
    rows = sorted_accounts(accounts, sort)
    done, cursor, with_attributes = 0, None, need_attributes(columns)
    while True:
        page = account_page(rows, sort=sort, after=cursor, per_page=BATCH, with_attributes=with_attributes)
        for row in page.rows:
            yield writer.writerow(_cells(row, columns, names))
        done, cursor = done + len(page.rows), page.next_cursor
        progress(done)
        if cursor is None:
            return


def _cells(row: AccountRow, columns: Sequence[ListColumn], names: Directory) -> list[Any]:
    values = (column.read(row, names) for column in columns)
    return [neutral(row.name), *map(_cell, values), row.public_id]


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str):
        return neutral(value)
    if hasattr(value, "hour"):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M")
    return round(value, 6) if isinstance(value, float) else value


def neutral(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
