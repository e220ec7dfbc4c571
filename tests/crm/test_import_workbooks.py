"""Workbooks that were made to fill the memory of whoever reads them."""

import io
import re
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import openpyxl
import pytest

from crm.pipelines.imports.reading import FileRefusedError, open_rows, xlsx
from tests.factories import AccountFactory, BookFactory, ExternalIdFactory
from tests.importing import checked, verdicts

SHARED = (
    '<Override PartName="/xl/sharedStrings.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
)
NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RUN = f"<r><t>{'x' * 1_000_000}</t></r>"
MEASURED = """
import resource, sys
from pathlib import Path
import django
django.setup()
from crm.pipelines.imports.reading import FileRefusedError, open_rows
small, large = map(Path, sys.argv[1:])
def read(path):
    try:
        found = sum(1 for _row in open_rows(path))
    except FileRefusedError as error:
        found = error.code
    return found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
_found, before = read(small)
found, after = read(large)
print(found, (after - before) // 1024)
"""


def workbook(path: Path, **changes) -> Path:
    """Write a workbook of one row, some of whose parts are changed by functions of their text."""
    changes = {"sharedStrings": with_strings("<si><t>none</t></si>"), **changes}
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["name"])
    book.active.append(["x"])
    book.save(file)
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            for part, change in changes.items():
                text = change(text) if Path(name).stem == part else text
            new.writestr(name, text.replace("</Types>", SHARED + "</Types>"))
        new.writestr("xl/sharedStrings.xml", changes["sharedStrings"](""))
    return path


def code_of(path: Path) -> str:
    with pytest.raises(FileRefusedError) as refused:
        list(open_rows(path))
    return refused.value.code


def growth(tmp_path: Path, **changes) -> tuple[str, int]:
    """Return what came of reading the file, and the megabytes that it took beside those of a small one."""
    small, large = workbook(tmp_path / "small.xlsx"), workbook(tmp_path / "large.xlsx", **changes)
    command = [sys.executable, "-c", MEASURED, str(small), str(large)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return said[-2], int(said[-1])


def with_formats(count: int, *, padding: str = ""):
    formats = "".join(f'<xf numFmtId="{number}"{padding}/>' for number in range(count))
    return lambda text: re.sub("<cellXfs.*?</cellXfs>", f"<cellXfs>{formats}</cellXfs>", text)


def with_rows(rows: str):
    return lambda text: re.sub("<dimension[^>]*>", "", text).replace("</sheetData>", f"{rows}</sheetData>")


def with_strings(strings: str):
    return lambda _text: f"<sst {NS}>{strings}</sst>"


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("styles", with_formats(70_000, padding=' applyProtection="0" applyAlignment="0"' * 3)),
        ("styles", with_formats(300_000)),
        ("workbook", lambda text: text.replace("</workbook>", f"<!--{'x' * 9_000_000}--></workbook>")),
        ("[Content_Types]", lambda text: text.replace("</Types>", "<Default/>" * 300_000 + "</Types>")),
    ],
    ids=["long formats", "many formats", "workbook", "types"],
)  # fmt: skip
def test_what_would_be_made_objects_of_as_a_whole_is_bounded(tmp_path, part, change):
    assert code_of(workbook(tmp_path / "a.xlsx", **{part: change})) == "part_too_big"


def test_many_formats_are_read(tmp_path):
    path = workbook(tmp_path / "a.xlsx", styles=with_formats(10_000))

    assert list(open_rows(path)) == [(1, ["x"])]


@pytest.mark.parametrize(
    "changes",
    [
        {"sharedStrings": with_strings(f"<si><t>name</t></si><si><t>{'x' * 60_000_000}</t></si>")},
        {"sharedStrings": with_strings("<si><t>name</t></si><si>" + RUN * 60 + "</si>")},
        {"sheet1": with_rows(f'<row><c t="inlineStr"><is><t>{"x" * 60_000_000}</t></is></c></row>')},
        {"sheet1": with_rows(f"<row><!--{'x' * 60_000_000}--></row>")},
        {"sheet1": with_rows(f'<row r="{"9" * 60_000_000}"/>')},
        {
            "sharedStrings": with_strings(f"<si><t>name</t></si><si><t>{'x' * 30_000}</t></si>"),
            "sheet1": with_rows("<row>" + '<c t="s"><v>1</v></c>' * 16_000 + "</row>"),
        },
    ],
    ids=["string", "runs of a string", "cell", "comment", "attribute", "one string in each cell"],
)  # fmt: skip
def test_what_is_longer_than_a_record_is_refused_before_it_is_held(tmp_path, changes):
    code, grown = growth(tmp_path, **changes)

    assert code == "unreadable"
    assert grown < 60


def test_strings_that_fill_the_memory_are_read_out_of_a_file(tmp_path, monkeypatch):
    strings = "".join(f"<si><t>Straße {number}</t></si>" for number in range(2_000))
    rows = "".join(f'<row><c t="s"><v>{number}</v></c></row>' for number in reversed(range(2_000)))
    path = workbook(tmp_path / "a.xlsx", sharedStrings=with_strings(strings), sheet1=with_rows(rows))
    monkeypatch.setattr(xlsx, "STRINGS_IN_MEMORY", 1_000)

    cells = [cells for _number, cells in open_rows(path)]

    assert cells[1:] == [[f"Straße {number}"] for number in reversed(range(2_000))]


@pytest.mark.django_db
def test_rows_of_long_texts_are_staged_a_few_at_a_time(tmp_path):
    """Twenty thousand rows are one COPY, but not one list: a short file may name a long text often."""
    account = AccountFactory(book=BookFactory())
    ExternalIdFactory(source="erp", value="17", row_id=account.pk)
    names = ["account", "subject", "opened_at", "text", "17", "2026-01-01", "x" * 19_000, "Help"]
    strings = "".join(f"<si><t>{name}</t></si>" for name in names)

    def row(*places: int) -> str:
        return "<row>" + "".join(f'<c t="s"><v>{place}</v></c>' for place in places) + "</row>"

    rows = row(0, 1, 2, 3) + row(4, 7, 5, 6) + row(4, 6, 5, 6) * 2_000  # whose subject is too long
    changed = {"sharedStrings": with_strings(strings), "sheet1": lambda text: re.sub(
        "<sheetData>.*</sheetData>", f"<sheetData>{rows}</sheetData>", text)}  # fmt: skip
    content = workbook(tmp_path / "a.xlsx", **changed).read_bytes()
    tracemalloc.start()

    made = checked("tickets", content, name="a.xlsx", book=account.book)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert verdicts(made) == {"create": 1, "refuse": 2_000}
    assert peak < 45_000_000  # of 80 MB of text
