"""What a file is, by its content alone: its name and what the browser says of it may be wrong."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from charset_normalizer import from_bytes

from crm.pipelines.imports.reading.limits import FileRefusedError, check_archive

SAMPLE_BYTES = 256 * 1024
BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe\0\0": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
OTHER_FORMATS = {
    b"\xd0\xcf\x11\xe0": "old_spreadsheet",  # .xls, and spreadsheets with a password
    b"%PDF": "not_a_table",
    b"\x1f\x8b": "packed",
    b"BZh": "packed",
    b"\xfd7zXZ": "packed",
    b"7z\xbc\xaf": "packed",
    b"\x28\xb5\x2f\xfd": "packed",
}
# Two letters of a Western word, such as "Größe": a Chinese character hardly stands between Latin ones.
WITHIN_WORD, ONE_LETTER = re.compile(rb"(?<=[A-Za-z])[\x80-\xff]{2}(?=[a-z])"), b"\xe9"
HIGH = re.compile(rb"[\x80-\xff]+")
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
# GB 2312: punctuation, full-width letters, and the characters of the first level, which are nearly
# all that Chinese is written with; then those of the second, as in the name of Shenzhen.
COMMON_GB = re.compile(rb"[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]")
RARER_GB = re.compile(rb"[\xd8-\xf7][\xa1-\xfe]")
# Chinese in GB 18030 stands in runs of whole characters; a Western text has single letters with an
# accent between plain ones. Written words weigh above 0.8 in the first and below 0.1 in the second.
SURELY_CHINESE, SURELY_WESTERN = 0.6, 0.3


def format_of(path: Path) -> str:
    """Return csv, ndjson, xlsx or parquet.

    :raises FileRefusedError: when it is something else.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise FileRefusedError("empty")
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        if "[Content_Types].xml" in check_archive(path):
            return "xlsx"
        raise FileRefusedError("packed")
    for magic, code in OTHER_FORMATS.items():
        if head.startswith(magic):
            raise FileRefusedError(code)
    return "ndjson" if _begins_as_json(head) else "csv"


def _begins_as_json(head: bytes) -> bool:
    start = next((head[len(bom) :] for bom in BOMS if head.startswith(bom)), head)
    start = start.replace(b"\0", b"").lstrip()
    if re.match(rb"\[\s*[{\[]", start):
        raise FileRefusedError("json_array")
    return re.match(rb'\{\s*("|\})', start) is not None


def encoding_of(path: Path) -> str:
    """Return the encoding of a text: as its first bytes say, else as its bytes beyond ASCII look."""
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    for bom, encoding in BOMS.items():
        if head.startswith(bom):
            return encoding
    return _utf_16(head) or _by_high_bytes(path)


def _utf_16(head: bytes) -> str | None:
    """Recognise UTF-16 that doesn't say so: every other byte of a delimiter or digit is zero."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if 50 * (even + odd) < len(head):
        return None
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    # A zero byte in another encoding is no sign of this one: its line ends would not be there.
    text = head[: len(head) // 2 * 2].decode(encoding, "replace")
    return encoding if re.search("[\r\n]", text) and text.count("\ufffd") * 100 <= len(text) else None


def _by_high_bytes(path: Path) -> str:
    lines = list(_lines_beyond_ascii(path))
    if not lines:
        return "utf-8"
    if sum(map(_is_utf_8, lines)) >= 0.9 * len(lines):
        return "utf-8"  # the few lines that are not are refused, each
    if _chinese(lines):
        return "gb18030"
    undefined = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
    return "latin-1" if any(map(undefined.search, lines)) else "cp1252"


def _lines_beyond_ascii(path: Path) -> Iterator[bytes]:
    """Yield lines of the whole file that are not ASCII, until there are enough of them to judge."""
    seen = 0
    with path.open("rb") as file:
        while (line := file.readline(SAMPLE_BYTES)) and seen < SAMPLE_BYTES:
            if not line.isascii():
                seen += len(line)
                yield line


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _chinese(lines: list[bytes]) -> bool:
    """Tell GB 18030 from Latin-1 and its like, which any decoder of theirs takes for valid."""
    runs = [run for line in lines for run in HIGH.findall(WITHIN_WORD.sub(ONE_LETTER, line))]
    share = sum(map(_weight, runs)) / sum(map(len, runs))
    if share >= SURELY_CHINESE or share <= SURELY_WESTERN:
        return share >= SURELY_CHINESE
    best = from_bytes(b"".join(lines), cp_isolation=["gb18030", "cp1252"]).best()
    return best is not None and best.encoding == "gb18030"


def _weight(run: bytes) -> float:
    if len(run) % 2:
        return 0.0
    pairs = [run[at : at + 2] for at in range(0, len(run), 2)]
    common, rarer = (sum(map(bool, map(kind.fullmatch, pairs))) for kind in (COMMON_GB, RARER_GB))
    return 2 * common + 1.2 * rarer


def check_is_text(sample: str) -> None:
    """Refuse what is no text in any encoding.

    :raises FileRefusedError: when it isn't.
    """
    strange = len(CONTROL.findall(sample))
    if strange > 8 and 50 * strange > len(sample):
        raise FileRefusedError("not_a_table")


def dialect_of(sample: str) -> dict[str, str | None]:
    """Return delimiter, quote and escape that make the most regular table of the sample."""
    candidates: list[tuple[str, str, str | None]] = [(mark, '"', None) for mark in ",;\t|"]
    if '\\"' in sample:
        candidates += [(mark, '"', "\\") for mark in ",;\t|"]
    if '"' not in sample and "'" in sample:
        candidates += [(mark, "'", None) for mark in ",;\t|"]
    best = max(candidates, key=lambda candidate: _regularity(sample, *candidate))
    if _regularity(sample, *best)[0] == 0:
        best = (",", '"', None)
    return dict(zip(("delimiter", "quote", "escape"), best, strict=True))


def _regularity(sample: str, delimiter: str, quote: str, escape: str | None) -> tuple[float, int]:
    """Return the share of records as wide as the first, and its width: nothing when it has one column."""
    reader = csv.reader(
        sample.splitlines(keepends=True), delimiter=delimiter, quotechar=quote, escapechar=escape,
        doublequote=escape is None, strict=True,
    )  # fmt: skip
    widths: list[int] = []
    broken = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            broken += 1
            continue
        if cells:
            widths.append(len(cells))
    if not widths or widths[0] < 2:
        return 0.0, 0
    plain = 0 if _wraps_cells(sample, delimiter, quote) else -1
    return widths.count(widths[0]) / (len(widths) + broken), widths[0] * 2 + plain


def _wraps_cells(sample: str, delimiter: str, quote: str) -> bool:
    """Tell whether the apostrophe is used as a quote: it stands at both sides of a cell."""
    if quote == '"':
        return True
    mark = re.escape(delimiter)
    return re.search(rf"(?:^|{mark})'[^']*'(?:{mark}|\r?$)", sample, re.MULTILINE) is not None
