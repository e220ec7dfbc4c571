"""The words for cells, rows and whole files that could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Of a cell or a row. Filled in with the error's own data.
READING_REASONS: Mapping[str, str | Promise] = {
    "ragged": _("The row has other columns than the header."),
    "bad_quotes": _("A quotation mark is not closed, or stands where none may be."),
    "line_too_long": _("The line is longer than %(limit)s characters."),
    "nul_byte": _("The text holds a zero byte, which no text may hold."),
    "undecodable": _("The text holds bytes that are no characters in the encoding of the file."),
    "bad_json": _("The line is no JSON."),
    "not_an_object": _("The line is JSON, but no object with names and values."),
    "failed_formula": _("The spreadsheet's formula came to no result."),
    "too_long": _("The text has %(length)s characters; %(limit)s are allowed."),
    "not_a_number": _("This is no number as the file writes numbers."),
    "ambiguous_number": _("This could be two numbers: say which sign is the decimal mark."),
    "number_out_of_range": _("The number has more than %(digits)s digits before the decimal mark."),
    "not_a_whole_number": _("This has to be a whole number."),
    "not_a_date": _("This is no date."),
    "ambiguous_date": _("This could be two dates: say whether the day or the month comes first."),
    "no_such_date": _("There is no such day in the calendar."),
    "no_such_time": _("There is no such time of day."),
    "date_out_of_range": _("The year is too early or too late."),
    "not_yes_or_no": _("This is neither yes nor no."),
    "unknown_choice": _("This is none of the values that are allowed."),
    "unknown_country": _("This is no country: write its name or its code of two or three letters."),
    "unknown_currency": _("This is no currency: write its code of three letters."),
    "not_an_email": _("This is no e-mail address."),
}
# Of a file as a whole: `Import.problem`.
FILE_REASONS: Mapping[str, str | Promise] = {
    "empty": _("The file is empty."),
    "too_big": _("The file has %(size)s; at most %(limit)s are read."),
    "unpacks_too_big": _("The file would unpack to %(size)s; at most %(limit)s are read."),
    "zip_bomb": _("The file would unpack to far more than any table does, and is not opened."),
    "encrypted": _("The file is protected by a password."),
    "packed": _("The file is an archive: unpack it first."),
    "old_spreadsheet": _(
        "The file is an old spreadsheet (.xls) or has a password: save it as .xlsx without."
    ),
    "not_a_table": _("The file is no table of text, spreadsheet or Parquet file."),
    "json_array": _("The file is one JSON list: write one object a line instead."),
    "no_objects": _("No line of the file is a JSON object."),
    "unreadable": _("The file is damaged, or cut off."),
    "no_rows": _("The file has a header, but no rows."),
    "header_missing": _("The first row is no header: it has values where the names of columns belong."),
    "header_unreadable": _("The first row can't be read."),
    "too_many_columns": _("The file has more than %(limit)s columns."),
    "unknown_encoding": _("The encoding is none that can be read here."),
    "bad_delimiter": _("The sign between the columns has to be one character, and not the quotation mark."),
    "part_too_big": _(
        "A part of the workbook that is no sheet (%(part)s) is far too big. Save its cells anew."
    ),
    "contract": _(
        "The file doesn’t keep the contract of the feed “%(feed)s”. The feed has stopped and says why."
    ),
    "abandoned": _("Nobody finished this import within %(days)s days."),
    "no_such_sheet": _("The workbook has no visible sheet “%(sheet)s”."),
}


def file_refusal_words(problem: Mapping[str, Any] | None) -> str:
    """Return why a file as a whole was refused, in the reader's language; empty if it wasn't."""
    if not problem:
        return ""
    code, data = str(problem.get("code", "")), dict(problem.get("data") or {})
    if code in {"too_big", "unpacks_too_big"}:
        data |= {name: filesizeformat(data[name]) for name in ("size", "limit") if name in data}
    words = str(FILE_REASONS.get(code, code.replace("_", " ").capitalize()))
    try:
        return words % data
    except (KeyError, TypeError, ValueError):
        return words
