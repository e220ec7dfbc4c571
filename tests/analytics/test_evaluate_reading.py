from __future__ import annotations

import gzip
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics.pipelines.evaluation.cells import amounts, moments, read_numbers, read_text
from analytics.pipelines.evaluation.preparing import read_outcomes, typed
from analytics.pipelines.evaluation.reading import BadInput, read_table

TABLE = {"id": ["001", "002"], "name": ["Zoë", 'a "b"'], "x": ["1", ""]}


def read(tmp_path, content: bytes):
    path = tmp_path / "table"
    path.write_bytes(content)
    return read_table(path)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_delimiter_and_encoding_are_found_out(tmp_path, mark, encoding):
    text = f'id{mark}name{mark}x\r\n001{mark}Zoë{mark}1\r\n002{mark}"a ""b"""{mark}\r\n'

    assert read(tmp_path, text.encode(encoding)).frame.to_dict("list") == TABLE


def test_chinese_is_read(tmp_path):
    rows = "客户,城市\n001,深圳市\n002,上海市\n"

    assert read(tmp_path, rows.encode("gb18030")).frame["城市"].tolist() == ["深圳市", "上海市"]


def test_what_is_packed_is_unpacked(tmp_path):
    packed = gzip.compress(b"id,x\n001,2\n")

    assert read(tmp_path, packed).frame.to_dict("list") == {"id": ["001"], "x": ["2"]}
    with pytest.raises(BadInput, match="end-of-stream"):
        read(tmp_path, packed[:-6])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"a,b\n", "no rows"),
        (b"a,a,b,b\n1,2,3,4\n", "more than once: a, b"),
        (b'a,b\n"1,2\n3,4\n', "EOF inside string"),
        (bytes(range(32)) * 200, "no text"),
        (b"%PDF-1.7 a,b", "no text"),
        (b"PAR1 but not really", "can't be read as a table"),
        (b'{"a": 1}\n', "JSON lines"),
        (b"\xd0\xcf\x11\xe0 old", "old spreadsheet"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(tmp_path, content, message):
    with pytest.raises(BadInput, match=message):
        read(tmp_path, content)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(BadInput, match="can't be read"):
        read_table(tmp_path)


def test_rows_of_another_width_are_counted_or_filled(tmp_path):
    found = read(tmp_path, b"a,b\n1,2\n3,4,5\n6\n")

    assert found.frame.to_dict("list") == {"a": ["1", "6"], "b": ["2", ""]}
    assert [(each.code, each.data) for each in found.notes] == [("long_rows", {"rows": 1})]


def test_a_delimiter_at_every_line_s_end_is_no_column(tmp_path):
    assert list(read(tmp_path, b"a,b,\n1,2,\n3,4,\n").frame) == ["a", "b"]


def test_columns_without_a_name_are_called_by_their_place(tmp_path):
    assert list(read(tmp_path, b",b\n1,2\n").frame) == ["Unnamed: 0", "b"]


def test_parquet_keeps_what_it_knows(tmp_path):
    table = pa.table({
        "id": ["007", "8"],
        "level": pa.array(["a", "b"]).dictionary_encode(),
        "amount": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
        "day": [date(2026, 1, 31), None],
        "list": [[1], [2]],
        "yes": [True, None],
        "bytes": [b"\xff\xfe", b"x"],
        "clock": pa.array([1, None], pa.time32("s")),
        "nothing": pa.nulls(2),
        "lasted": pa.array([1, None], pa.duration("s")),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "t")

    found = read_table(tmp_path / "t")
    frame, _ = typed(found.frame)

    assert [each.column for each in found.notes] == ["list", "bytes"]
    assert frame["amount"].tolist()[0] == 1.5
    assert frame["day"].dt.day.tolist()[0] == 31
    assert frame["level"].tolist() == ["a", "b"]
    assert "list" not in frame


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["2026-01-31", "2026-02-01 10:00"], ["2026-01-31", "2026-02-01"]),
        (["31/01/2026", "01/02/2026"], ["2026-01-31", "2026-02-01"]),
        (["1/31/2026 8:26", "2/1/2026"], ["2026-01-31", "2026-02-01"]),
        (["31.1.2026", "1.2.2026"], ["2026-01-31", "2026-02-01"]),
        (["20260131", "20260201"], ["2026-01-31", "2026-02-01"]),
        (["1769817600", "1769904000"], ["2026-01-31", "2026-02-01"]),
        (["2026年1月31日", "2026年02月01日 10:00"], ["2026-01-31", "2026-02-01"]),
        (["2026-01-31T23:30:00-05:00", "2026-02-01T00:00:00Z"], ["2026-02-01", "2026-02-01"]),
    ],
)
def test_dates_are_read_as_people_write_them(cells, days):
    found, notes = moments(pd.DataFrame({"d": cells}), "d")

    assert [str(each.date()) for each in found] == days
    assert notes == []


def test_dates_out_of_reach_are_missing():
    cells = ["2026-01-31", "9999-12-31", "0001-01-01", "2026-02-01"]

    as_text, _ = moments(pd.DataFrame({"d": cells}), "d")
    typed_too, _ = moments(pd.DataFrame({"d": pd.Series(cells).astype("datetime64[s]")}), "d")

    assert as_text.isna().tolist() == typed_too.isna().tolist() == [False, True, True, False]


def test_days_of_a_spreadsheet_are_dates_and_other_numbers_are_none():
    found, notes = moments(pd.DataFrame({"d": ["46053", "46054.25"]}), "d")

    assert [str(each) for each in found] == ["2026-01-31 00:00:00", "2026-02-01 06:00:00"]
    assert [each.code for each in notes] == ["spreadsheet_dates"]
    with pytest.raises(BadInput, match="no dates"):
        moments(pd.DataFrame({"d": ["2023", "2024"]}), "d")


def test_columns_of_parquet_that_share_a_name_are_refused_by_it(tmp_path):
    pq.write_table(pa.Table.from_arrays([pa.array([1])] * 2, names=["y", "y"]), tmp_path / "t")

    with pytest.raises(BadInput, match="more than once: y"):
        read_table(tmp_path / "t")


def test_dates_that_could_be_read_either_way_are_said():
    found, notes = moments(pd.DataFrame({"d": ["01/02/2026", "03/04/2026"]}), "d")

    assert [str(each.date()) for each in found] == ["2026-01-02", "2026-03-04"]
    assert [each.code for each in notes] == ["ambiguous_dates"]


def test_what_is_no_date_and_no_number_is_refused_with_examples():
    table = pd.DataFrame({"d": ["soon", "later"]})

    with pytest.raises(BadInput, match="no dates: soon, later"):
        moments(table, "d")
    with pytest.raises(BadInput, match="no numbers: soon, later"):
        amounts(table, "d")


def test_a_column_with_nothing_in_it_is_said_to_be_blank():
    table = pd.DataFrame({"d": ["", " "]})

    for read in (moments, amounts):
        with pytest.raises(BadInput, match="'d' is blank in all rows"):
            read(table, "d")


def test_numbers_with_signs_thousands_and_decimal_commas():
    assert read_numbers(pd.Series(["$1,200.50", "5 %", "", "x", "-3"]))[0].tolist()[:2] == [1200.5, 5.0]
    assert amounts(pd.DataFrame({"m": ["1.234,50", "7,25"]}), "m")[0].tolist() == [1234.5, 7.25]
    assert amounts(pd.DataFrame({"m": ["1,234", "7,250"]}), "m")[0].tolist() == [1234.0, 7250.0]
    assert amounts(pd.DataFrame({"m": ["1.234,50 €", "€ 7,25"]}), "m")[0].tolist() == [1234.5, 7.25]
    assert amounts(pd.DataFrame({"m": ["1\u00a0234,50", "7,25"]}), "m")[0].tolist() == [1234.5, 7.25]
    assert amounts(pd.DataFrame({"m": ["1'234.50", "7.25"]}), "m")[0].tolist() == [1234.5, 7.25]
    assert amounts(pd.DataFrame({"m": ["(1,234.50)", "7.25-"]}), "m")[0].tolist() == [-1234.5, -7.25]
    assert amounts(pd.DataFrame({"m": ["1.234,50-", "7,25"]}), "m")[0].tolist() == [-1234.5, 7.25]
    with pytest.raises(BadInput, match="no numbers"):
        amounts(pd.DataFrame({"m": ["3, 40", "5, 60"]}), "m")  # two numbers each, not one


def test_numbers_that_nobody_counts_to_are_missing():
    found, left_out = read_numbers(pd.Series([1.0, np.inf, -1.8e308, 1e300, np.nan]))

    assert found.tolist()[0] == 1.0
    assert np.isnan(found[1:]).all()
    assert left_out == 3


def test_account_numbers_are_the_same_as_text_and_as_floats():
    assert read_text(pd.Series([17850.0, np.nan])).tolist()[0] == "17850"
    assert read_text(pd.Series(["0017 ", "17"])).tolist() == ["0017", "17"]


@pytest.mark.parametrize(
    ("values", "positive", "label"),
    [
        (["Yes", " Yes ", "No", ""], "Yes", [1, 1, 0, 0]),
        (["1", "1.0", "0", "2"], "1", [1, 1, 0, 0]),
        ([1.0, 0.0, None, 1.0], "1", [1, 0, 0, 1]),
        ([True, False, True, None], "True", [1, 0, 1, 0]),
        ([True, False, True, False], "1", [1, 0, 1, 0]),
        (["TRUE", "FALSE", "", "TRUE"], "1", [1, 0, 0, 1]),
        (["true", "false"], "True", [1, 0]),
        (["1,0", "0,0", "1,0"], "1", [1, 0, 1]),
    ],
)
def test_the_outcome_is_compared_as_text_and_by_value(values, positive, label):
    found, _, _ = read_outcomes(pd.Series(values), target="y", positive=positive)

    assert found.tolist() == label
