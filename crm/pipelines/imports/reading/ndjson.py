"""One JSON object a line. Numbers stay exact; what is nested becomes JSON text again."""

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from crm.pipelines.imports.reading import detect
from crm.pipelines.imports.reading.limits import COLUMNS, LINE_CHARACTERS, FileRefusedError
from crm.pipelines.imports.reading.rows import BadRow, Row, Rows, column_names, cut, unfit
from crm.pipelines.imports.reading.text import (
    checked_encoding,
    is_piece,
    open_lines,
    rest_of_line,
    text_problem,
)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_exact = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse).decode
_plain = json.JSONDecoder(parse_constant=_refuse).decode


def open_ndjson(path: Path, given: Mapping[str, Any]) -> Rows:
    """Open a file of JSON objects, reading it once through for its keys unless `given` names them.

    :raises FileRefusedError: when no line is an object.
    """
    encoding = checked_encoding(given) if given.get("encoding") else detect.encoding_of(path)

    def objects() -> Iterator[tuple[int, dict[str, Any]] | BadRow]:
        with open_lines(path, encoding=encoding) as read:
            yield from _objects(read)

    keys = list(given["keys"]) if given.get("keys") else _all_keys(objects())
    columns = column_names(keys)

    def rows() -> Iterator[Row | BadRow]:
        for item in objects():
            yield item if isinstance(item, BadRow) else _row(*item, keys)

    return Rows("ndjson", {"encoding": encoding, "keys": keys}, columns, rows)


def _all_keys(objects: Iterator[tuple[int, dict[str, Any]] | BadRow]) -> list[str]:
    keys: dict[str, None] = {}
    for item in objects:
        if not isinstance(item, BadRow) and not item[1].keys() <= keys.keys():
            keys |= dict.fromkeys(key for key in item[1] if not unfit(key))
            if len(keys) > COLUMNS:
                break  # and refused as too many
    if not keys:
        raise FileRefusedError("no_objects")
    return list(keys)


def _objects(read: Callable[[], str]) -> Iterator[tuple[int, dict[str, Any]] | BadRow]:
    for n, line in enumerate(iter(read, ""), start=1):
        if is_piece(line):
            rest_of_line(read)
            yield BadRow(n, "line_too_long", cut(line), {"limit": LINE_CHARACTERS})
        elif problem := text_problem(line):
            yield BadRow(n, problem, cut(line))
        elif not line.isspace():
            yield _object(n, line)


def _object(n: int, line: str) -> tuple[int, dict[str, Any]] | BadRow:
    try:
        value = _exact(line)
        if not isinstance(value, dict):
            return BadRow(n, "not_an_object", cut(line))
        if any(isinstance(cell, dict | list) for cell in value.values()):
            plain = _plain(line)
            value |= {
                key: json.dumps(plain[key], ensure_ascii=False)
                for key, cell in value.items()
                if isinstance(cell, dict | list)
            }
    except (ValueError, ArithmeticError, RecursionError):
        return BadRow(n, "bad_json", cut(line))
    return n, value


def _row(n: int, value: dict[str, Any], keys: list[str]) -> Row | BadRow:
    cells = [value.get(key) for key in keys]
    for cell in cells:
        if isinstance(cell, str) and (problem := unfit(cell)):
            return BadRow(n, problem, cut(cell))
    if len(value) > len(keys) or not value.keys() <= set(keys):
        return BadRow(n, "ragged", cut(str(sorted(value.keys() - set(keys)))), {"expected": len(keys)})
    return n, cells
