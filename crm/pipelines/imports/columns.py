"""From the cells of a row to a line of `COPY`: each mapped column parsed once for each value it has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from crm.pipelines.imports import values
from crm.pipelines.imports.reading import Cell
from crm.pipelines.imports.values import CellError
from crm.selectors.import_kinds import Field, Kind

Parse = Callable[[Cell], Any]
REMEMBERED = 50_000  # values of a column: most columns have few, and memory is not for the rest
LONG = 100  # characters: longer texts are hardly ever the same
NULL = r"\N"
HORIZON_DAYS = 30
ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})
SQL_TYPES = {
    "decimal": "numeric",
    "integer": "bigint",
    "date": "date",
    "moment": "timestamptz",
    "boolean": "boolean",
}


@dataclass(frozen=True, slots=True)
class Options:
    """How cells are written in this file."""

    decimal: str | None
    date_order: str | None
    zone: ZoneInfo


class Known(dict[Any, str]):
    """What each text of a column is in a line of `COPY`. A text that can't be read raises CellError."""

    def __init__(self, parse: Parse, write: Callable[[Any], str]) -> None:
        super().__init__()
        self.parse, self.write = parse, write

    def __missing__(self, cell: str) -> str:
        if len(cell) > LONG:
            return self.of(cell)
        if len(self) >= REMEMBERED:
            self.clear()
        text = self[cell] = self.of(cell)
        return text

    def of(self, cell: Cell) -> str:
        value = self.parse(cell)
        return NULL if value is None else self.write(value)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file and where its cells go."""

    name: str
    place: int
    known: Known


def write_text(value: Any) -> str:
    text = str(value)
    return text if text.isprintable() and "\\" not in text else text.translate(ESCAPES)


def write_value(value: Any) -> str:
    if isinstance(value, bool):
        return "t" if value else "f"
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def columns_of(
    kind: Kind, names: list[str], mapping: Mapping[str, Any], options: Options
) -> dict[str, Column]:
    """Return the columns of the file that fill a field, by field."""
    found = {}
    for place, name in enumerate(names):
        target = mapping.get(name) or {}
        if "field" in target:
            field = kind.field(target["field"])
            write = write_text if field.type == "text" else write_value
            found[field.name] = Column(name, place, Known(_checked(field, options), write))
    return found


def sql_type(field: Field) -> str:
    return SQL_TYPES.get(field.type, "text")


def _checked(field: Field, options: Options) -> Parse:
    parse = _parser(field.type, options, max_length=field.max_length, choices=field.choices)

    def require(cell: Cell) -> Any:
        value = parse(cell)
        if value is None and field.required:
            raise CellError("required")
        return value

    return require


def _parser(
    kind: str, options: Options, *, max_length: int = 200, choices: Mapping[str, Any] | None = None
) -> Parse:
    makers: dict[str, Callable[[], Parse]] = {
        "text": lambda: values.parse_text(max_length),
        "decimal": lambda: values.parse_decimal(options.decimal),
        "number": lambda: values.parse_decimal(options.decimal),
        "integer": lambda: values.parse_integer(options.decimal),
        "date": lambda: values.parse_date(options.date_order),
        "moment": lambda: values.parse_moment(options.date_order, options.zone),
        "boolean": values.parse_bool,
        "choice": lambda: values.parse_choice({code: str(label) for code, label in (choices or {}).items()}),
        "country": values.parse_country,
        "currency": values.parse_currency,
        "email": values.parse_email,
    }
    return makers[kind]()


def attribute_columns(names: list[str], mapping: Mapping[str, Any], options: Options) -> list[Column]:
    """Return the columns that become custom attributes; each writes `"key": value`, escaped."""
    found = []
    for place, name in enumerate(names):
        attribute = (mapping.get(name) or {}).get("attribute")
        if attribute:
            parse = _parser("text" if attribute["type"] == "choice" else attribute["type"], options)
            found.append(Column(name, place, Known(parse, _member(attribute["key"]))))
    return found


def _member(key: str) -> Callable[[Any], str]:
    start = json.dumps(key) + ": "

    def write(value: Any) -> str:
        if isinstance(value, Decimal):
            return start + f"{value:f}"
        plain = value.isoformat() if isinstance(value, date) else value
        return start + json.dumps(plain, ensure_ascii=False).replace("\\", "\\\\")

    return write


@dataclass(frozen=True, slots=True)
class OutcomeColumn:
    """A labelled column: whether it happened, and from which day on it was looked for."""

    name: str
    place: int
    date_name: str
    date_place: int
    kind: str
    horizon_days: int
    happened: Parse
    on_date: Parse


def outcome_columns(names: list[str], mapping: Mapping[str, Any], options: Options) -> list[OutcomeColumn]:
    found = []
    for place, name in enumerate(names):
        outcome = (mapping.get(name) or {}).get("outcome")
        if outcome:
            day = outcome["date_column"]
            found.append(
                OutcomeColumn(
                    name=name,
                    place=place,
                    date_name=day,
                    date_place=names.index(day),
                    kind=str(outcome["kind"])[:30],
                    horizon_days=int(outcome.get("horizon_days") or HORIZON_DAYS),
                    happened=_parser("boolean", options),
                    on_date=_parser("date", options),
                )
            )
    return found


def outcomes_json(columns: Iterable[OutcomeColumn], cells: list[Cell]) -> str:
    """Return the row's outcomes as a JSON list; an empty label says nothing."""
    said = []
    for column in columns:
        happened = column.happened(cells[column.place])
        if happened is not None:
            on_date = column.on_date(cells[column.date_place])
            if on_date is None:
                raise CellError("required", column=column.date_name)
            known = {"kind": column.kind, "happened": happened, "on_date": on_date.isoformat()}
            said.append({**known, "horizon_days": column.horizon_days})
    return json.dumps(said).replace("\\", "\\\\") if said else NULL


def error_of(column: str, cell: Cell, error: CellError) -> dict[str, Any]:
    """As `QuarantinedRow.errors` keeps it."""
    shown = "" if cell is None else str(cell)
    return {
        "column": error.data.pop("column", column),
        "value": shown[:200].replace("\0", "\ufffd"),
        "code": error.code,
        "data": error.data,
    }
