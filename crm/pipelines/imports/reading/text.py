"""Text of any encoding as lines, of which none is ever too long for the memory."""

import codecs
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from crm.pipelines.imports.reading.limits import LINE_CHARACTERS, FileRefusedError

# Detected are the first five; the others are for those who know better.
ENCODINGS = (
    "utf-8", "utf-8-sig", "utf-16", "gb18030", "cp1252",
    "utf-16-le", "utf-16-be", "utf-32", "latin-1", "iso8859-15", "cp1250", "iso8859-2", "cp1251",
    "cp1253", "cp1254", "cp850", "mac-roman", "big5", "shift_jis", "euc_jp", "euc_kr",
)  # fmt: skip
# Bytes that are nothing in the encoding become this, which no decoder makes and no text holds.
UNDECODABLE = "\udcff"


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return UNDECODABLE, error.end


codecs.register_error("sextant.mark", _mark)


def checked_encoding(reading: Mapping[str, Any]) -> str:
    """Return the encoding that somebody chose.

    :raises FileRefusedError: when it is none of those offered.
    """
    encoding = str(reading["encoding"])
    if encoding not in ENCODINGS:
        raise FileRefusedError("unknown_encoding", encoding=encoding[:40])
    return encoding


@contextmanager
def open_lines(path: Path, *, encoding: str) -> Iterator[Callable[[], str]]:
    """Open a file and give a function that returns its next line, with its end, or "" after the last.

    A line as long as `LINE_CHARACTERS` is a piece of a longer one; the following pieces come next.
    """
    # A mark at the beginning is none of the text, whether or not the encoding's name allows for it.
    decoded = {"utf-8": "utf-8-sig", **dict.fromkeys(("utf-16-le", "utf-16-be"), _marked(path))}.get(encoding)
    with path.open(encoding=decoded or encoding, errors="sextant.mark", newline="") as file:
        yield partial(file.readline, LINE_CHARACTERS)


def _marked(path: Path) -> str | None:
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else None


def is_piece(line: str) -> bool:
    """Tell whether the line goes on beyond what was read of it."""
    return len(line) >= LINE_CHARACTERS and line[-1] not in "\r\n"


def rest_of_line(read: Callable[[], str]) -> None:
    """Pass over the remaining pieces of a line."""
    while is_piece(read()):
        pass


def text_problem(text: str) -> str:
    """Return the code of what makes this text impossible to keep, or an empty one."""
    if "\0" in text:
        return "nul_byte"
    return "undecodable" if UNDECODABLE in text else ""
