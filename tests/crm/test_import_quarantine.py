"""Refused rows: mended, sent again through the same pipeline, or let go."""

import pytest

from crm.models import Account, Import, OrderLine, QuarantinedRow
from tests.factories import AccountFactory, BookFactory, ExternalIdFactory, ProductFactory
from tests.importing import checked, committed, refusals, work

pytestmark = pytest.mark.django_db
ACCOUNTS = [
    {"External ID": "A1", "Name": "Quince", "Country": "GB"},
    {"External ID": "A2", "Name": "Plum", "Country": "Nowhere"},
    {"External ID": "A3", "Name": "Fig", "Country": "Elsewhere"},
]


@pytest.fixture(autouse=True)
def _files(tmp_path, settings):
    settings.FILES_ROOT = tmp_path


def address(made: Import, step: str = "") -> str:
    return f"/imports/{made.public_id}/quarantine/{step}"


def states(made: Import) -> dict[int, str]:
    return dict(QuarantinedRow.objects.filter(source_import=made).values_list("row_number", "state"))


def arrived(sent: Import) -> Import:
    """Do what rows that were sent again start by themselves: reading, checking, writing."""
    while sent.state not in {"done", "failed"}:
        work(sent.job)
        sent.refresh_from_db()
    return sent


def test_a_mended_row_goes_through_the_same_checks_and_arrives(admin_client_):
    made = committed("accounts", ACCOUNTS)
    page = admin_client_.get(address(made))
    assert [row.row.row_number for row in page.context["rows"]] == [2, 3]
    assert [cell.column for cell in page.context["rows"][0].blamed] == ["Country"]

    answer = admin_client_.post(address(made, "2/"), {"action": "send", "cell_2": "France"})

    sent = Import.objects.exclude(pk=made.pk).get()
    assert answer.headers["Location"] == f"/imports/{sent.public_id}/"
    assert (sent.layout, sent.book, sent.source) == (made.layout, made.book, made.source)
    assert states(made) == {2: "sent", 3: "waiting"}
    assert arrived(sent).counts["rows"] == {"create": 1, "update": 0, "skip": 0, "refuse": 0}
    assert Account.objects.get(name="Plum").country == "FR"
    assert "Rows of file.csv, sent again" in admin_client_.get(f"/imports/{sent.public_id}/").text


def test_what_is_still_wrong_waits_in_the_import_that_it_was_sent_with(admin_client_):
    made = committed("accounts", ACCOUNTS)
    admin_client_.post(address(made, "2/"), {"action": "save", "cell_2": "DE"})
    assert states(made) == {2: "waiting", 3: "waiting"}

    admin_client_.post(address(made, "all/"), {"action": "send"})

    sent = arrived(Import.objects.exclude(pk=made.pk).get())
    assert states(made) == {2: "sent", 3: "sent"}
    assert refusals(sent) == {2: [("Country", "Elsewhere", "unknown_country")]}
    assert Account.objects.get(name="Plum").country == "DE"


def test_a_row_is_sent_once(admin_client_):
    made = committed("accounts", ACCOUNTS)
    for _ in range(2):
        admin_client_.post(address(made, "2/"), {"action": "send", "cell_2": "France"})

    assert Import.objects.count() == 2


def test_rows_that_are_let_go_do_not_come_back(admin_client_):
    made = committed("accounts", ACCOUNTS)

    admin_client_.post(address(made, "2/"), {"action": "let_go"})
    admin_client_.post(address(made, "2/"), {"action": "send", "cell_2": "France"})
    admin_client_.post(address(made, "all/"), {"action": "let_go"})

    assert states(made) == {2: "dismissed", 3: "dismissed"}
    assert Import.objects.count() == 1
    assert [
        row.row.row_number for row in admin_client_.get(address(made) + "?state=dismissed").context["rows"]
    ]


def test_rows_wait_until_their_import_is_done(admin_client_):
    made = checked("accounts", ACCOUNTS)

    answer = admin_client_.post(address(made, "2/"), {"action": "send", "cell_2": "France"}, follow=True)

    assert "Rows can be sent again once the import is done" in answer.text
    assert states(made) == {2: "waiting", 3: "waiting"}


def test_the_lines_of_an_order_are_sent_together(admin_client_):
    account = AccountFactory(book=BookFactory())
    ExternalIdFactory(row_id=account.pk, value="C1")
    ProductFactory(book=account.book, code="P1")
    line = {"number": "O1", "account": "C1", "placed_at": "2026-03-01", "product": "P1", "unit_price": "5"}
    rows = [{**line, "quantity": "2"}, {**line, "quantity": "many"}]
    made = committed("orders", rows, book=account.book)
    assert states(made) == {1: "waiting", 2: "waiting"}

    admin_client_.post(
        address(made, "2/"), {"action": "send", f"cell_{list(rows[0]).index('quantity')}": "3"}
    )

    sent = arrived(Import.objects.exclude(pk=made.pk).get())
    assert states(made) == {1: "sent", 2: "sent"}
    assert sent.counts["rows"] == {"create": 2, "update": 0, "skip": 0, "refuse": 0}
    assert sorted(OrderLine.objects.values_list("quantity", flat=True)) == [2, 3]


def test_many_rows_are_shown_a_page_at_a_time(admin_client_):
    rows = [{"External ID": f"A{number}", "Name": "Plum", "Country": "Nowhere"} for number in range(25)]
    made = committed("accounts", rows)

    first = admin_client_.get(address(made)).context["page"]
    second = admin_client_.get(address(made), {"after": first.next_cursor}).context["page"]

    assert [row.row_number for row in first.rows] == list(range(1, 21))
    assert [row.row_number for row in second.rows] == list(range(21, 26))


def test_a_row_that_could_not_be_read_is_written_anew(admin_client_):
    content = b"External ID,Name,Country\nA1,Quince,GB\nA2,Plum,FR,too,many\n"
    made = committed("accounts", content)
    assert states(made) == {2: "waiting"}

    admin_client_.post(
        address(made, "2/"), {"action": "send", "cell_0": "A2", "cell_1": 'Plum, "sweet"', "cell_2": "FR"}
    )

    arrived(Import.objects.exclude(pk=made.pk).get())
    assert Account.objects.filter(name='Plum, "sweet"', country="FR").exists()


NOWHERE = [{"External ID": f"A{n}", "Name": f"Plum {n}", "Country": "Nowhere"} for n in range(3)]


def replace(client, made, **posted):
    asked = {
        "action": "replace",
        "column": "Country",
        "code": "unknown_country",
        "value": "Nowhere",
        **posted,
    }
    return client.post(address(made, "all/"), asked, follow=True)


def test_a_value_that_many_rows_are_refused_for_is_replaced_in_all_of_them(admin_client_):
    made = committed("accounts", [*NOWHERE, ACCOUNTS[2]])
    (shown,) = admin_client_.get(address(made)).context["alike"]
    assert (shown.column, shown.value, shown.rows) == ("Country", "Nowhere", 3)

    page = replace(admin_client_, made, text="France")

    assert "3 rows are mended, and wait." in page.text
    assert page.context["alike"] == []  # nothing of it is wrong in a way that is known yet
    assert "0 rows are mended" in replace(admin_client_, made, text="Spain").text
    admin_client_.post(address(made, "all/"), {"action": "send"})
    sent = arrived(Import.objects.exclude(pk=made.pk).get())
    assert list(Account.objects.values_list("country", flat=True)) == ["FR"] * 3
    assert refusals(sent) == {4: [("Country", "Elsewhere", "unknown_country")]}


@pytest.mark.parametrize("wrong", [{"column": "Name"}, {"column": "x"}, {"code": "required"}, {"value": "x"}])
def test_what_was_refused_for_something_else_is_left_alone(admin_client_, wrong):
    made = committed("accounts", NOWHERE)

    replace(admin_client_, made, text="France", **wrong)

    assert {row.cells["Country"] for row in made.quarantined.all()} == {"Nowhere"}
    assert {row.cells.get("x") for row in made.quarantined.all()} == {None}


def test_rows_that_do_not_wait_are_not_mended(admin_client_):
    made = committed("accounts", NOWHERE)
    admin_client_.post(address(made, "2/"), {"action": "let_go"})

    replace(admin_client_, made, text="France")

    cells = made.quarantined.order_by("row_number").values_list("cells__Country", flat=True)
    assert list(cells) == ["France", "Nowhere", "France"]
