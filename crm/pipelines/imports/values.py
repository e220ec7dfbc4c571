"""Cells as values: `parse_decimal(",")` and its like return a function of one cell.

An empty cell is None, whatever is parsed. What can't be read raises `CellError` with a code; nothing
is guessed: "05/06/2024" is a date only when somebody has said what comes first.
"""

from crm.pipelines.imports.cells import CellError, Parser, as_text
from crm.pipelines.imports.codes import (
    parse_bool,
    parse_choice,
    parse_country,
    parse_currency,
    parse_email,
    parse_text,
)
from crm.pipelines.imports.dates import ORDERS, parse_date, parse_moment
from crm.pipelines.imports.formats import column_types, guess_formats, infer_type
from crm.pipelines.imports.numbers import MARKS, parse_decimal, parse_integer

__all__ = [
    "MARKS",
    "ORDERS",
    "CellError",
    "Parser",
    "as_text",
    "column_types",
    "guess_formats",
    "infer_type",
    "parse_bool",
    "parse_choice",
    "parse_country",
    "parse_currency",
    "parse_date",
    "parse_decimal",
    "parse_email",
    "parse_integer",
    "parse_moment",
    "parse_text",
]
