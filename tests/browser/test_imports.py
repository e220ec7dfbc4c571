"""Files on their way in through the browser: uploaded, mapped, checked, written, mended, taken back."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from playwright.sync_api import expect
from pyarrow import parquet

from crm.models import Account, ChangeSet, Import
from tests.browser.accessibility import findings
from tests.importing import csv_bytes, work

pytestmark = pytest.mark.browser
COLUMNS = ("External ID", "Name", "Country", "Colour")


def rows_of(what: str) -> list[dict[str, str]]:
    names = (("1", "Quince", "GB"), ("2", "Plum", "FR"))
    return [dict(zip(COLUMNS, (f"{what}-{n}", f"{name} {what}", country, "blue"), strict=True))
            for n, name, country in names]  # fmt: skip


def as_csv(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_bytes(csv_bytes(rows))


def as_ndjson(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def as_xlsx(path: Path, rows: list[dict[str, str]]) -> None:
    book = openpyxl.Workbook()
    for cells in (rows[0], *(row.values() for row in rows)):
        book.active.append(list(cells))
    book.save(path)


def as_parquet(path: Path, rows: list[dict[str, str]]) -> None:
    parquet.write_table(pa.Table.from_pylist(rows), path)


WRITERS: dict[str, Callable] = {"csv": as_csv, "ndjson": as_ndjson, "xlsx": as_xlsx, "parquet": as_parquet}


def upload(visitor, path: Path, **more: str) -> Import:
    """Send the form, and return the import that came of it."""
    page = visitor.page
    visitor.go("/imports/new/?kind=accounts&source=erp")
    page.locator("[name=file]").set_input_files(path)
    page.locator("[name=book]").select_option(label=more.get("book", "Wholesale"))
    page.locator("form[enctype] button.button--primary").click()
    expect(page).to_have_url(re.compile(r"/imports/[0-9a-f-]{36}/$"))
    return Import.objects.order_by("-pk")[0]


def go_on(visitor, made: Import) -> Import:
    """Do the job that waits, and look at the page as it is then."""
    visitor.page.goto("about:blank")  # a page that refreshes itself would get in the way
    made.refresh_from_db()
    work(made.job)
    made.refresh_from_db()
    visitor.go(f"/imports/{made.public_id}/")
    return made


def commit(visitor, made: Import) -> Import:
    visitor.page.locator("#commit").click()
    return go_on(visitor, made)


@pytest.mark.parametrize("ending", WRITERS)
def test_a_file_of_each_format_arrives(visit, tmp_path, ending):
    rows = [{f"{name} {ending}" if name == "Colour" else name: cell for name, cell in row.items()}
            for row in rows_of(f"Shop of {ending}")]  # fmt: skip
    path = tmp_path / f"shops.{ending}"
    WRITERS[ending](path, rows)
    visitor = visit("analyst")
    page = visitor.page

    made = go_on(visitor, upload(visitor, path))
    expect(page.locator("tr", has_text="External ID").locator("select")).to_have_value("field:external_id")
    expect(page.locator("tr", has_text="Colour").locator("select")).to_have_value("")
    page.locator("tr", has_text="Colour").locator("select").select_option("attribute")
    page.get_by_role("button", name="Check the rows").click()
    made = go_on(visitor, made)
    expect(page.locator("#commit")).to_have_text("Import 2 rows")
    expect(page.locator(".preview tbody tr")).to_have_count(2)
    made = commit(visitor, made)

    expect(page.get_by_role("heading", name="What was written")).to_be_visible()
    found = Account.objects.filter(name__in=[row["Name"] for row in rows]).order_by("name")
    assert [(account.country, account.attributes) for account in found] == [
        ("FR", {f"colour_{ending}": "blue"}),
        ("GB", {f"colour_{ending}": "blue"}),
    ]


def test_a_page_that_waits_follows_its_job_by_itself(visit, tmp_path):
    path = tmp_path / "followed.csv"
    as_csv(path, rows_of("Followed"))
    visitor = visit("analyst")
    made = upload(visitor, path)
    expect(visitor.page.get_by_role("heading", name="Looking into the file")).to_be_visible()

    work(made.job)

    expect(visitor.page.get_by_role("button", name="Check the rows")).to_be_visible()


@pytest.mark.parametrize("language", ["en", pytest.param("zh-hans", marks=pytest.mark.long)])
def test_it_goes_without_scripts_and_every_step_is_accessible(visit, tmp_path, language):
    what = f"Plain {language}"
    rows = [*rows_of(what), dict(zip(COLUMNS, (f"{what}-3", f"Fig {what}", "Nowhere", ""), strict=True))]
    path = tmp_path / "plain.csv"
    as_csv(path, rows)
    plain = visit("analyst", javascript=False, language=language)
    looking = visit("analyst", language=language)

    def look(address: str) -> None:
        looking.go(address)
        assert findings(looking.page) == [], address

    made = upload(plain, path)
    address = f"/imports/{made.public_id}/"
    look(address)  # reading
    made = go_on(plain, made)
    look(address)  # columns
    plain.page.locator("button[form=mapping]").click()
    look(address)  # checking
    made = go_on(plain, made)
    look(address)  # preview
    expect(plain.page.locator(".preview__wrong .cell-error")).to_have_count(1)
    plain.page.locator("#commit").click()
    look(address)  # writing
    made = go_on(plain, made)
    look(address)  # report
    assert made.counts["rows"] == {"create": 2, "update": 0, "skip": 0, "refuse": 1}

    mend(plain, made, "France")
    sent = Import.objects.order_by("-pk")[0]
    look(f"{address}quarantine/?state=sent")
    arrive(plain, sent)
    look(f"/imports/{sent.public_id}/")
    assert Account.objects.get(name=f"Fig {what}").country == "FR"

    take_back(plain, made)
    look(address)
    assert list(Account.objects.filter(name__endswith=what).values_list("name", flat=True)) == [f"Fig {what}"]


def mend(visitor, made: Import, country: str) -> None:
    """Open the quarantine from the report, write a country into the cell that is to blame, and send it."""
    page = visitor.page
    page.locator(f"a.button--primary[href='/imports/{made.public_id}/quarantine/']").click()
    cell = page.locator("article input[aria-invalid=true]")
    expect(cell).to_have_value("Nowhere")
    cell.fill(country)
    page.locator("article button[value=send]").click()
    expect(page).not_to_have_url(re.compile("quarantine"))


def arrive(visitor, sent: Import) -> None:
    """Do the jobs of rows that were sent again: they go on by themselves."""
    while sent.state not in {"done", "failed"}:
        go_on(visitor, sent)
    assert sent.counts["rows"]["create"] == 1


def take_back(visitor, made: Import) -> None:
    visitor.go(f"/imports/{made.public_id}/")
    visitor.page.locator("details.confirm > summary").click()
    visitor.page.locator("#undo").click()
    work(ChangeSet.objects.get(source_import=made).job)
    visitor.go(f"/imports/{made.public_id}/")
    expect(visitor.page.locator(".alert--good")).to_be_visible()


def test_an_undo_says_what_it_left_alone(visit, tmp_path):
    path = tmp_path / "undo.csv"
    as_csv(path, rows_of("Undone"))
    visitor = visit("administrator")
    made = go_on(visitor, upload(visitor, path))
    visitor.page.get_by_role("button", name="Check the rows").click()
    made = commit(visitor, go_on(visitor, made))
    edited = Account.objects.get(name="Plum Undone")
    visitor.go(f"{edited.get_absolute_url()}edit/")
    visitor.page.get_by_label("Industry").fill("Fruit")
    visitor.page.get_by_role("button", name="Save").click()

    take_back(visitor, made)

    main = visitor.page.locator("main")
    expect(main).to_contain_text("left as")
    expect(main.get_by_role("link", name="Plum Undone")).to_be_visible()
    expect(main).to_contain_text("Somebody changed it since.")
    assert list(Account.objects.filter(name__endswith="Undone").values_list("name", flat=True)) == [
        "Plum Undone"
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"External ID,Name\n", "no rows"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "old spreadsheet"),
        (b"PK\x03\x04 cut off", "damaged"),
    ],
)
def test_a_broken_file_says_what_is_wrong(visit, tmp_path, content, words):
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    visitor = visit("analyst")
    if not content:
        visitor.forgive("422")
        visitor.go("/imports/new/?kind=accounts")
        visitor.page.locator("[name=file]").set_input_files(path)
        visitor.page.get_by_role("button", name="Upload").click()
    else:
        go_on(visitor, upload(visitor, path))

    expect(visitor.page.locator("main")).to_contain_text(re.compile(words))


@pytest.mark.parametrize("javascript", [True, False])
def test_a_new_book_is_asked_for_when_it_is_wanted(visit, tmp_path, javascript):
    path = tmp_path / "shops.csv"
    as_csv(path, rows_of(f"New {javascript}"))
    visitor = visit("administrator", javascript=javascript)
    page = visitor.page
    visitor.go("/imports/new/?kind=accounts")
    expect(page.get_by_label("Name of the new book")).to_be_hidden()

    page.get_by_label("Book", exact=True).select_option("new")
    page.get_by_label("Name of the new book").fill("Orchard")
    page.get_by_label("Its code").fill(f"orchard-{javascript}".lower())
    page.locator("[name=file]").set_input_files(path)
    page.get_by_role("button", name="Upload").click()

    expect(page.locator(".page-header__sub")).to_contain_text("into Orchard")


def test_a_file_over_the_cap_is_refused_at_once(visit, tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(520_000_000)  # takes no room
    visitor = visit("analyst")
    visitor.forgive("413")
    visitor.go("/imports/new/")
    visitor.page.locator("[name=file]").set_input_files(path)

    visitor.page.get_by_role("button", name="Upload").click()

    expect(visitor.page.locator(".alert--bad")).to_contain_text("It has 520 MB; at most 500 MB are taken.")


def test_missing_fields_are_said_at_once_and_the_format_can_be_told(visit, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text("Nummer~Firma\nN-1~Äpfel\n", encoding="cp1252")
    visitor = visit("analyst")
    page = visitor.page

    made = go_on(visitor, upload(visitor, path))
    expect(page.locator(".alert--watch")).to_contain_text("which every row needs")
    page.locator("details.reading > summary").click()
    page.get_by_label("Encoding").select_option("latin-1")
    page.get_by_role("button", name="Read again").click()
    made = go_on(visitor, made)

    assert made.reading["encoding"] == "latin-1"
    visitor.forgive("422")
    page.get_by_role("button", name="Check the rows").click()
    expect(page.locator(".alert--watch")).to_contain_text("which every row needs")
