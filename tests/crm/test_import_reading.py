"""Files of every format, encoding and delimiter, written and read back; and broken ones."""

import csv
import io
import json
import re
import resource
import tracemalloc
import zipfile
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.xml.constants import SHEET_MAIN_NS

from crm.pipelines.imports.reading import BadRow, FileRefusedError, open_rows
from crm.pipelines.imports.reading.detect import OTHER_FORMATS
from crm.pipelines.imports.reading.xlsx import _Strings
from crm.selectors.import_reading_words import FILE_REASONS, READING_REASONS, file_refusal_words

VALUES = ("cells", "codes", "dates", "numbers")
quick = settings(deadline=None, max_examples=60)
HEADER = ["name", "city", "note"]
# Line ends of Unicode that are none of CSV's, a quote, all delimiters.
LETTERS = st.one_of(
    st.characters(blacklist_categories=("Cs", "Cc")),
    st.sampled_from("\x85\u2028\x0b\r\n\t\"',;|\\ "),
)
TEXTS = st.text(LETTERS, max_size=12)
ROWS = st.lists(st.lists(TEXTS, min_size=3, max_size=3).filter(any), min_size=1, max_size=8)
CHINESE = """张伟 王芳 李娜 陈静 北京 上海 广州 深圳市 成都 有限公司 科技 贸易 已付款 退货
发票，备注：请尽快发货。"""
CLASSIC = "André Orléans Zoé Müller Straße Größe Åse Øystein Señor São Ñandú Çelik ÉCOLE côté dès £5"
WESTERN = f"{CLASSIC} À – “oui”"


@pytest.fixture(autouse=True)
def cap(settings):
    settings.IMPORT_MAX_BYTES = 500_000_000


def read(content: bytes, name="file", **reading):
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        rows = open_rows(path, reading=reading)
        again = open_rows(path, reading=json.loads(json.dumps(rows.reading)))
        found = list(rows)
        assert list(again) == found
        assert again.columns == rows.columns
        return rows, found


def as_csv(rows, *, delimiter=",", end="\r\n") -> str:
    text = io.StringIO(newline="")
    # Before "\n" alone the writer leaves a carriage return unquoted, which would then be a line's end.
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    if end == "\n":
        writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([HEADER, *rows])
    return text.getvalue()


def refusal(content: bytes, **reading) -> str:
    with pytest.raises(FileRefusedError) as refused:
        read(content, **reading)
    return refused.value.code


@quick
@given(
    rows=ROWS,
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
)
def test_text_arrives_as_it_was_written(rows, delimiter, end, encoding):
    opened, found = read(as_csv(rows, delimiter=delimiter, end=end).encode(encoding))

    assert opened.columns == HEADER
    assert opened.reading["delimiter"] == delimiter
    assert found == list(enumerate(rows, start=1))


@pytest.mark.parametrize(
    ("words", "written", "recognised"),
    [
        (CHINESE, "gb18030", {"gb18030"}),
        (CHINESE, "utf-8", {"utf-8"}),
        (CHINESE, "utf-16-le", {"utf-16-le"}),
        (WESTERN, "cp1252", {"cp1252"}),
        (CLASSIC, "latin-1", {"cp1252"}),  # the same letters
        (WESTERN, "utf-8", {"utf-8"}),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
@quick
@given(data=st.data())
def test_the_encoding_is_recognised(words, written, recognised, data):
    phrase = st.lists(st.sampled_from(words.split()), min_size=1, max_size=4).map(" ".join)
    rows = data.draw(st.lists(st.lists(phrase, min_size=3, max_size=3), min_size=1, max_size=6))

    opened, found = read(as_csv(rows).encode(written))

    assert opened.reading["encoding"] in recognised
    assert found == list(enumerate(rows, start=1))


def test_two_accents_in_a_word_are_no_chinese_character():
    opened, found = read(as_csv([["Größe", "Größe", "Größe"]]).encode("cp1252"))

    assert opened.reading["encoding"] == "cp1252"
    assert found == [(1, ["Größe", "Größe", "Größe"])]


def test_an_accent_far_down_the_file_still_decides():
    rows = [["plain", "text", str(number)] for number in range(60_000)] + [["André", "Orléans", "é"]]

    opened, found = read(as_csv(rows).encode("cp1252"))

    assert opened.reading["encoding"] == "cp1252"
    assert found[-1] == (60_001, ["André", "Orléans", "é"])


def test_whoever_knows_better_chooses_encoding_and_delimiter():
    opened, found = read("name;a,b\nŁódź;x,y\n".encode("cp1250"), encoding="cp1250", delimiter=",")

    assert opened.columns == ["name;a", "b"]
    assert found == [(1, ["Łódź;x", "y"])]
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le")):
        assert read(mark + "name,b\nx,y\n".encode(encoding), encoding=encoding)[0].columns == ["name", "b"]
    assert refusal(b"a,b\n1,2x\n", encoding="zip") == "unknown_encoding"
    assert refusal(b"a,b\n1,2x\n", delimiter="ab") == "bad_delimiter"


PLAIN = st.text(
    st.characters(whitelist_categories=("Lu", "Ll", "Lo"), max_codepoint=0x24F), min_size=1, max_size=6
)
GOOD = st.lists(PLAIN, min_size=3, max_size=3).map(lambda cells: (",".join(cells).encode(), cells))
BAD = st.sampled_from(
    [
        (b"short,row", "ragged"),
        (b"one,two,three,four", "ragged"),
        (b'"open,two,three', "bad_quotes"),
        (b'one,"two,three', "bad_quotes"),
        (b'one,"two"x,three', "bad_quotes"),
        (b"one,t\0wo,three", "nul_byte"),
        (b"one,\xff\xfe\xff,three", "undecodable"),
    ]
)


@quick
@given(lines=st.lists(st.one_of(GOOD, GOOD, GOOD, BAD), min_size=1, max_size=12))
def test_a_bad_row_is_refused_alone(lines):
    padding = [("ÄÖÜ,é,x".encode(), ["ÄÖÜ", "é", "x"])] * 80  # bad lines are the few
    lines = [*padding, *lines]
    content = b"\n".join([b"name,city,note", *(line for line, _expected in lines)]) + b"\n"

    _opened, found = read(content)

    assert [row.n if isinstance(row, BadRow) else row[0] for row in found] == list(range(1, len(lines) + 1))
    assert [row.code if isinstance(row, BadRow) else row[1] for row in found] == [item[1] for item in lines]


def test_rows_without_content_keep_their_number_and_are_not_given():
    _opened, found = read(b"a,b\n\n1,x\n,\n\n2,y,,\n")

    assert found == [(2, ["1", "x"]), (5, ["2", "y"])]


def test_a_line_without_end_is_refused_without_being_held(tmp_path):
    path = tmp_path / "long.csv"
    with path.open("wb") as file:
        file.write(b"a,b\n1,x\n")
        for _piece in range(30):
            file.write(b"y" * 1_000_000)
        file.write(b"\n2,z\n")
    tracemalloc.start()

    found = list(open_rows(path))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row.code if isinstance(row, BadRow) else row for row in found] == [
        (1, ["1", "x"]), "line_too_long", (3, ["2", "z"]),
    ]  # fmt: skip
    assert peak < 15_000_000


def test_an_open_quote_does_not_swallow_the_file(tmp_path):
    path = tmp_path / "open.csv"
    path.write_text("a,b\n" + '1,"open\n' + "".join(f"{number},x\n" for number in range(2, 400_000)))
    tracemalloc.start()

    bad, rows = [], 0
    for row in open_rows(path):
        if isinstance(row, BadRow):
            bad.append((row.n, row.code))
        else:
            rows += 1

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert bad == [(1, "bad_quotes")]
    assert rows == 399_998
    assert peak < 60_000_000


def test_headers_get_a_name_each():
    opened, found = read(b"name,,name, last \n a ,b,c,d\n")

    assert opened.columns == ["name", "column (2)", "name (2)", "last"]
    assert found == [(1, [" a ", "b", "c", "d"])]
    assert read(f"{'long' * 100},b\nx,y\n".encode())[0].columns == ["long" * 50, "b"]


def test_other_ways_to_quote_and_to_end_lines():
    assert read(b"a,b\r1x,2\r3,4\r")[1] == [(1, ["1x", "2"]), (2, ["3", "4"])]
    assert read(b"sep=;\na;b\n1;x,y\n")[1] == [(1, ["1", "x,y"])]
    assert read(b"a,b\n'x, y','z'\n'u','v, w'\n")[1] == [(1, ["x, y", "z"]), (2, ["u", "v, w"])]
    assert read(b'a,b\n"say \\"hi\\", x",z\n"u",v\n')[1] == [(1, ['say "hi", x', "z"]), (2, ["u", "v"])]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\n\n", "header_unreadable"),
        (b"a,b\n", "no_rows"),
        (b"1,2\n3,4\n", "header_missing"),
        (b"2024-05-06,a@b.co\n2024-05-07,c@d.co\n", "header_missing"),
        (b"%PDF-1.7 x", "not_a_table"),
        (bytes(range(256)) * 20, "not_a_table"),
        (b"\x1f\x8b\x08\0\0\0", "packed"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old_spreadsheet"),
        (b'[{"a": 1}]', "json_array"),
        (b'{"a": \n', "no_objects"),
        (b"PK\x03\x04broken", "unreadable"),
        (b"PAR1broken", "unreadable"),
        (b"a," * 3_000 + b"b\n" + b"1," * 3_000 + b"2\n", "too_many_columns"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_table_is_refused_whole(content, code):
    assert refusal(content) == code


def test_a_file_over_the_cap_is_refused(settings):
    settings.IMPORT_MAX_BYTES = 10

    assert refusal(b"a,b\n1,2\n3,4\n") == "too_big"


NUMBERS = st.decimals(min_value=-(10**9), max_value=10**9, places=4, allow_nan=False).filter(
    lambda number: len(number.as_tuple().digits) <= 15
)
WORDS = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Cn"), blacklist_characters="\ufffe\uffff"), min_size=1
)
DAYS = st.dates(date(1901, 1, 1), date(2200, 1, 1))
MOMENTS = st.datetimes(datetime(1901, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.replace(microsecond=0))  # noqa: DTZ001 (sheets know no zone)
CELLS = st.one_of(
    WORDS.filter(lambda word: word[0] != "=" and "_x" not in word), NUMBERS, MOMENTS, st.booleans(), st.none()
)
TYPED = st.lists(
    st.lists(CELLS, min_size=3, max_size=3).filter(lambda row: any(cell not in (None, "") for cell in row)),
    min_size=1, max_size=5,
)  # fmt: skip


@quick
@given(rows=TYPED)
def test_a_spreadsheet_gives_numbers_dates_and_answers(rows):
    book = openpyxl.Workbook()
    book.active.append(HEADER)
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)

    opened, found = read(file.getvalue())

    assert (opened.format, opened.columns) == ("xlsx", HEADER)
    assert found == [(n, [_known_to_a_sheet(cell) for cell in row]) for n, row in enumerate(rows, start=1)]


def _known_to_a_sheet(cell):
    return cell.strip("\r") if isinstance(cell, str) else cell


@quick
@given(rows=st.lists(st.fixed_dictionaries({}, optional={
    "name": WORDS, "amount": NUMBERS, "is_open": st.booleans(), "nothing": st.none(),
}).filter(lambda row: any(row.values())), min_size=1, max_size=6), ascii_only=st.booleans())  # fmt: skip
def test_json_lines_keep_their_types(rows, ascii_only):
    def written(value):
        return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=ascii_only)

    lines = [
        "{" + ", ".join(f'"{key}": {written(value)}' for key, value in row.items()) + "}" for row in rows
    ]

    opened, found = read("\n".join(lines).encode())

    assert opened.format == "ndjson"
    assert [dict(zip(opened.columns, cells, strict=True)) for _n, cells in found] == [
        {key: row.get(key) for key in opened.columns} for row in rows
    ]


def test_json_lines_that_are_none_are_refused_alone():
    lines = [
        '{"a": 1.10, "b": {"c": [1.5, "é"]}}', "{bad", "[1]", '"text"', '{"a": NaN}', '{"a": "\\u0000"}',
        '{"a": "\\ud800"}', "[" * 100_000, '{"a": 1e99999999999999999999}', "", '{"a": 2}',
    ]  # fmt: skip

    opened, found = read("\n".join(lines).encode())

    assert opened.columns == ["a", "b"]
    assert [row.code if isinstance(row, BadRow) else row for row in found] == [
        (1, [Decimal("1.10"), '{"c": [1.5, "é"]}']), "bad_json", "not_an_object", "not_an_object", "bad_json",
        "nul_byte", "undecodable", "bad_json", "bad_json", (11, [Decimal(2), None]),
    ]  # fmt: skip


@quick
@given(
    words=st.lists(st.one_of(st.none(), WORDS), min_size=1, max_size=5),
    number=st.integers(-(2**62), 2**62), real=st.floats(allow_nan=False, allow_infinity=False),
    others=st.tuples(DAYS, NUMBERS, st.booleans()),
)  # fmt: skip
def test_parquet_keeps_its_types(words, number, real, others):
    day, exact, flag = others
    many = len(words)
    table = pa.table({
        "text": pa.array(words, pa.string()), "integer": [number] * many, "real": [real] * many,
        "day": [day] * many, "exact": pa.array([exact] * many, pa.decimal128(20, 4)), "flag": [flag] * many,
        "choice": pa.array(words, pa.string()).dictionary_encode(), "list": [[number]] * many,
    })  # fmt: skip
    file = io.BytesIO()
    pq.write_table(table, file)

    _opened, found = read(file.getvalue())

    expected = [Decimal(number), Decimal(repr(real)), day, exact, flag]
    assert found == [(n, [word, *expected, word, f"[{number}]"]) for n, word in enumerate(words, start=1)]


def test_parquet_of_strange_types():
    table = pa.table({
        "at": pa.array([1_715_000_000_123_456_789], pa.timestamp("ns", tz="UTC")), "bytes": [b"text"],
        "hex": [b"\xff\xfe"], "single": pa.array([1.1], pa.float32()), "nan": [float("nan")],
        "time": [time(1, 2)], "struct": [{"a": 1}],
    })  # fmt: skip
    file = io.BytesIO()
    pq.write_table(table, file)

    _opened, [(_n, cells)] = read(file.getvalue())

    assert cells[0].isoformat() == "2024-05-06T12:53:20.123456+00:00"
    assert cells[1:] == ["text", "fffe", Decimal("1.1"), None, "01:02:00", '{"a": 1}']


def test_text_that_repeats_in_parquet_is_in_memory_once(tmp_path):
    path = tmp_path / "bomb.parquet"
    place = pa.array([0] * 50_000, pa.int32())
    long = pa.DictionaryArray.from_arrays(place, pa.array(["x" * 200_000]))
    pq.write_table(pa.table({"a": long, "b": range(50_000)}), path, store_schema=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    rows = sum(1 for _row in open_rows(path))

    assert rows == 50_000  # which would be ten gigabytes
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_sheets_are_chosen_and_formulas_are_read_as_what_they_came_to():
    book = openpyxl.Workbook()
    book.active.title = "Empty"
    data = book.create_sheet("Data")
    for row in (["id", "sum"], [17, "=1+1"], [], [18, None, "beyond"], [19, "x"]):
        data.append(row)
    hidden = book.create_sheet("Hidden")
    hidden.sheet_state = "hidden"
    hidden.append(["secret"])
    file = io.BytesIO()
    book.save(file)
    content = _with_cached_value(file.getvalue(), formula=b"<f>1+1</f><v></v>", value=b"<f>1+1</f><v>2</v>")

    opened, found = read(content)

    assert opened.reading == {"sheet": "Data", "sheets": ["Empty", "Data"]}
    assert found[0] == (1, [Decimal(17), Decimal(2)])
    assert (found[1].n, found[1].code) == (3, "ragged")
    assert found[2] == (4, [Decimal(19), "x"])
    assert read(file.getvalue())[1][0] == (1, [Decimal(17), "#CALC!"])  # nobody has calculated it
    assert refusal(content, sheet="Hidden") == "no_such_sheet"
    assert refusal(content, sheet="Empty") == "no_rows"


def _with_cached_value(content: bytes, *, formula: bytes, value: bytes) -> bytes:
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(changed, "w") as new:
        for part in old.infolist():
            text = old.read(part)
            if part.filename == "xl/worksheets/sheet2.xml":
                shorter = formula.replace(b"<v></v>", b"<v />")
                assert formula in text or shorter in text
                text = text.replace(formula, value).replace(shorter, value)
            new.writestr(part, text)
    return changed.getvalue()


def archive_of(parts: dict[str, int]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for name, megabytes in parts.items():
            with archive.open(name, "w") as part:
                for _megabyte in range(megabytes):
                    part.write(bytes(1_048_576))
    return file.getvalue()


def test_archives_that_would_fill_the_memory_are_refused_unopened():
    assert refusal(archive_of({"xl/worksheets/sheet1.xml": 201})) == "unpacks_too_big"
    assert refusal(archive_of({"xl/worksheets/sheet1.xml": 20})) == "zip_bomb"
    assert refusal(archive_of({"xl/nothing.xml": 0})) == "unreadable"


def lengthened(content: bytes, part: str, end: str, more: str) -> bytes:
    """Return the workbook with more before the end of one of its parts."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            new.writestr(name, text.replace(end, more + end) if name == part else text)
    return changed.getvalue()


def test_what_holds_ever_more_elements_is_refused_before_it_fills_the_memory():
    many = "".join(f'<c r="A{n}"/>' for n in range(150_000))
    book = openpyxl.Workbook()
    book.active.append(["name"])
    book.active.append(["x"])
    file = io.BytesIO()
    book.save(file)

    sheet = lengthened(file.getvalue(), "xl/worksheets/sheet1.xml", "</sheetData>", f"<row>{many}</row>")
    assert refusal(sheet) == "unreadable"
    strings = f'<sst xmlns="{SHEET_MAIN_NS}"><si><t>fine</t></si><si>{many}</si></sst>'
    with pytest.raises(ValueError, match="si"):
        _Strings(io.BytesIO(strings.encode()))


def test_entities_of_a_sheet_are_not_expanded():
    book = openpyxl.Workbook()
    book.active.append(["a"])
    book.active.append(["x"])
    file = io.BytesIO()
    book.save(file)
    changed = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w") as new:
        for part in old.infolist():
            text = old.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                text = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + text.replace(b"<t>x</t>", b"<t>&a;</t>")
            new.writestr(part, text)

    assert refusal(changed.getvalue()) == "unreadable"


def test_memory_does_not_grow_with_the_rows(tmp_path):
    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.csv"
        with path.open("w") as file:
            file.write("a,b,c\n")
            file.writelines(f"{number},some text,{number}.50\n" for number in range(rows))
        tracemalloc.start()
        count = sum(1 for _row in open_rows(path))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == rows
        return used

    assert peak(60_000) < peak(6_000) + 500_000  # of a file of 1.5 MB


def test_every_refusal_has_words():
    package = Path(__file__).parents[2] / "crm" / "pipelines" / "imports"
    sources = [*(package / "reading").glob("*.py"), *(package / f"{name}.py" for name in VALUES)]
    text = "\n".join(source.read_text() for source in sources)
    of_files = set(re.findall(r'FileRefusedError\(\s*"(\w+)"', text)) | set(OTHER_FORMATS.values())
    of_cells = set(re.findall(r'CellError\(\s*"(\w+)"|BadRow\(n, "(\w+)"', text))

    assert len(of_files) > 10
    assert of_files - FILE_REASONS.keys() == set()
    assert {cell or row for cell, row in of_cells} - READING_REASONS.keys() == set()
    too_big = {"code": "too_big", "data": {"size": 2 * 1024**2, "limit": 1024}}
    assert "2.0" in file_refusal_words(too_big)
    assert "1.0" in file_refusal_words(too_big)


def test_shared_strings_are_read_as_spreadsheets_write_them():
    """openpyxl writes none, and every spreadsheet does."""
    book = openpyxl.Workbook()
    book.active.append(["ZERO"])
    book.active.append(["ONE"])
    book.active.append(["TWO"])
    file = io.BytesIO()
    book.save(file)
    shared = (
        '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>name</t></si>'
        '<si><r><t>Zo</t></r><r><rPr><b/></rPr><t>ë 张</t></r><rPh sb="0" eb="1"><t>zhang</t></rPh></si>'
        '<si><t xml:space="preserve"> a_x000D_b _x005F_x000D_ </t></si></sst>'
    )
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    entry = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
    changed = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w") as new:
        for part in old.infolist():
            text = old.read(part).decode()
            for number, word in enumerate(("ZERO", "ONE", "TWO")):
                text = text.replace(f't="inlineStr"><is><t>{word}</t></is>', f't="s"><v>{number}</v>')
            if part.filename == "[Content_Types].xml" and "sharedStrings" not in text:
                text = text.replace("</Types>", entry)
            if part.filename != "xl/sharedStrings.xml":
                new.writestr(part.filename, text)
        new.writestr("xl/sharedStrings.xml", shared)

    opened, found = read(changed.getvalue())

    assert opened.columns == ["name"]
    assert found == [(1, ["Zoë 张"]), (2, [" a\rb _x000D_ "])]


def parquet_of(rows: int) -> bytes:
    table = pa.table({"a": ["x", None] * rows, "b": range(2 * rows), "c": [[1], None] * rows})
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def workbook_of(rows: int) -> bytes:
    book = openpyxl.Workbook()
    for number in range(rows):
        book.active.append([f"x{number}", number, date(2024, 5, 6)])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


WHOLE = {
    "csv": 'name,city\nÄ,"b\nc"\n'.encode() * 3,
    "gb18030": "姓名;城市\n张伟;北京\n".encode("gb18030"),
    "utf-16": "a\tb\nx\ty\n".encode("utf-16"),
    "ndjson": b'{"a": 1, "b": {"c": [1]}}\n{"a": "x"}\n',
    "parquet": parquet_of(20),
    "xlsx": workbook_of(5),
    "nothing": b"",
}


@settings(deadline=None, max_examples=80)
@given(kind=st.sampled_from(sorted(WHOLE)), data=st.data())
def test_a_damaged_file_gives_rows_or_is_refused(kind, data):
    content = bytearray(WHOLE[kind])
    for _damage in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content)))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    found, refused = [], ""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        try:
            rows = open_rows(path)
            found = list(rows)
        except FileRefusedError as error:
            refused = error.code

    assert found or refused in FILE_REASONS
    for row in found:
        assert isinstance(row, BadRow) or len(row[1]) == len(rows.columns)


def test_names_of_columns_hold_what_a_database_can_hold():
    book = openpyxl.Workbook()
    book.active.append(["a_x0000_b", "c_xD800_d"])
    book.active.append(["x", "y"])
    file = io.BytesIO()
    book.save(file)

    assert read(file.getvalue())[0].columns == ["a\ufffdb", "c?d"]
