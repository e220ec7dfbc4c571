"""The same customers out of every format end up as the same accounts."""

import io
import json
from datetime import date

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from crm.models import Account
from tests.importing import checked, committed, csv_bytes, verdicts

pytestmark = pytest.mark.django_db

ROWS = [
    {"Customer ID": "0017", "Name": "Müller & Söhne", "Country": "DE", "Customer since": "2024-06-05"},
    {"Customer ID": "18", "Name": "上海贸易公司", "Country": "CN", "Customer since": "2023-12-31"},
]


def ndjson() -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode()


def xlsx() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(list(ROWS[0]))
    for row in ROWS:
        *cells, since = row.values()
        sheet.append([*cells, date.fromisoformat(since)])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def parquet() -> bytes:
    typed = [{**row, "Customer since": date.fromisoformat(row["Customer since"])} for row in ROWS]
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(typed), file)
    return file.getvalue()


FILES = {
    "utf-8.csv": lambda: csv_bytes(ROWS),
    "bom.csv": lambda: b"\xef\xbb\xbf" + csv_bytes(ROWS),
    "utf-16.csv": lambda: csv_bytes(ROWS).decode().encode("utf-16"),
    "gb18030.csv": lambda: csv_bytes(ROWS).decode().encode("gb18030"),
    "semicolons.csv": lambda: csv_bytes(ROWS).replace(b",", b";"),
    "rows.ndjson": ndjson,
    "sheet.xlsx": xlsx,
    "table.parquet": parquet,
}


@pytest.mark.parametrize("name", FILES)
def test_customers_arrive_from_any_format(name):
    made = committed("accounts", FILES[name](), name=name)

    assert verdicts(made) == {"create": 2}
    found = Account.objects.order_by("pk").values_list("name", "country", "customer_since")
    assert [(name, country, since.isoformat()) for name, country, since in found] == [
        (row["Name"], row["Country"], row["Customer since"]) for row in ROWS
    ]


def test_the_same_rows_in_another_format_change_nothing():
    committed("accounts", FILES["utf-8.csv"]())

    assert verdicts(checked("accounts", xlsx(), name="sheet.xlsx")) == {"skip": 2}


def test_a_long_cell_is_shown_cut_and_refused_whole():
    made = checked("accounts", f"Customer ID,Name\n1,{'长' * 5_000}\n2,Amber\n".encode())

    assert made.counts["rows"]["refuse"] == 1
    assert made.reading["sample"] == [["1", "长" * 500], ["2", "Amber"]]
    assert made.quarantined.get().cells["Name"] == "长" * 5_000
