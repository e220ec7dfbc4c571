"""Exchange rates: read, stored all or none, listed, deleted; and what an import does before and after."""

import io
from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from crm.models import ExchangeRate, Order, Organisation
from crm.selectors.import_words import refusal_words
from crm.services.exchange_rates import (
    NewRate,
    RateInUseError,
    RatesRefusedError,
    delete_rate,
    read_rates,
    store_rates,
)
from crm.services.organisation import edit_organisation
from tests import factories as f
from tests.importing import committed, refusals, verdicts

pytestmark = pytest.mark.django_db
EURO = NewRate("EUR", date(2026, 1, 1), Decimal("0.86"))


def known():
    return {
        (rate.base, rate.quote, rate.valid_from.isoformat()): rate.figure
        for rate in ExchangeRate.objects.all()
    }


def problems(text):
    with pytest.raises(RatesRefusedError) as refused:
        read_rates(text=text)
    return [(one.line, one.field, one.code) for one in refused.value.problems]


@pytest.mark.parametrize(
    "text",
    [
        "EUR,2026-01-01,0.86\nCNY,2026-02-01,0.11",
        "\ufeffcurrency,day,rate\r\n\r\neur , 2026-01-01 , 0.8600\r\ncny,2026-02-01,0.11\r\n",
        "Currency;Day;Rate\nEUR;2026-01-01;0,86\nCNY;2026-02-01;0,11;\n",
        "EUR\t2026-01-01\t0.86\nCNY\t2026-02-01\t0.11",
        '"EUR","2026-01-01","0.86"\n"CNY","2026-02-01","0.11"',
    ],
)
def test_lines_are_read_however_they_are_written(text):
    rates = read_rates(text=text)

    assert [(rate.currency, rate.day.isoformat(), rate.rate) for rate in rates] == [
        ("EUR", "2026-01-01", Decimal("0.86")),
        ("CNY", "2026-02-01", Decimal("0.11")),
    ]


def test_everything_that_is_wrong_is_told_with_line_and_field():
    assert problems(
        "EUR,2026-01-01,0.86\nEURO,2026-13-01,-1\nUSD,2026-01-01\nEUR,2026-01-01,0.87\nUSD,1.2.2026,nan"
    ) == [
        (2, "currency", "unknown_currency"),
        (2, "day", "not_a_day"),
        (2, "rate", "not_a_rate"),
        (3, "", "columns"),
        (4, "day", "doubled"),
        (5, "day", "not_a_day"),
        (5, "rate", "not_a_rate"),
    ]


def test_each_line_may_have_a_delimiter_of_its_own():
    rates = read_rates(text="EUR,2026-01-01,0.8642\nUSD;2026-01-01;0,77\r\nCNY\t2026-01-01\t0.11")

    assert [(rate.line, rate.currency, str(rate.rate.normalize())) for rate in rates] == [
        (1, "EUR", "0.8642"),
        (2, "USD", "0.77"),
        (3, "CNY", "0.11"),
    ]


@pytest.mark.parametrize(("line", "words"), [("EUR", "has 1 column."), ("EUR,2026-01-01", "has 2 columns.")])
def test_a_line_with_too_few_columns_is_told_how_many(line, words):
    with pytest.raises(RatesRefusedError) as refused:
        read_rates(text=f"USD;2026-01-01;0.77\n{line}")

    [problem] = refused.value.problems
    assert problem.words.startswith(f"Line 2: The line {words}")


@pytest.mark.parametrize("text", ["", "currency,day,rate\n", "\n\n"])
def test_no_rates_are_refused_too(text):
    assert problems(text) == [(1, "", "nothing")]


@pytest.mark.parametrize("rate", ["0", "-1", "1e9", "0.00000000001", "inf", "0,86", "x", "", "1e-999999"])
def test_what_no_rate_can_be_is_refused(rate):
    assert problems(f'EUR,2026-01-01,"{rate}"') == [(1, "rate", "not_a_rate")]


def test_the_same_rates_again_change_nothing():
    first = store_rates(rates=[EURO], source="ECB")
    again = store_rates(rates=[EURO])

    assert (first.added, again.added, again.unchanged) == (1, 0, 1)
    assert ExchangeRate.objects.get().source == "ECB"


def test_another_rate_of_a_known_day_is_refused_unless_it_is_to_replace():
    store_rates(rates=[EURO], source="ECB")
    corrected = NewRate("EUR", EURO.day, Decimal("0.87"))
    new = NewRate("USD", EURO.day, Decimal("0.75"), line=2)

    with pytest.raises(RatesRefusedError) as refused:
        store_rates(rates=[corrected, new])
    assert [(one.line, one.field, one.value) for one in refused.value.problems] == [(1, "rate", "0.86")]
    assert known() == {("EUR", "GBP", "2026-01-01"): "0.86"}

    stored = store_rates(rates=[corrected, new], replace=True, source="corrected")

    assert (stored.added, stored.replaced) == (1, 1)
    assert known() == {("EUR", "GBP", "2026-01-01"): "0.87", ("USD", "GBP", "2026-01-01"): "0.75"}


def test_the_reporting_currency_needs_no_rate():
    edit_organisation(name="", reporting_currency="EUR", time_zone="UTC")

    with pytest.raises(RatesRefusedError) as refused:
        store_rates(rates=[EURO])

    assert refused.value.problems[0].code == "reporting_currency"


def test_a_rate_at_which_amounts_were_converted_stays():
    store_rates(rates=[EURO])
    rate = ExchangeRate.objects.get()
    payment = f.PaymentFactory(currency="EUR", rate=Decimal("0.86"))

    with pytest.raises(RateInUseError):
        delete_rate(rate=rate)
    payment.delete()
    delete_rate(rate=rate)

    assert not ExchangeRate.objects.exists()


def test_a_rate_to_what_is_no_longer_the_reporting_currency_can_go():
    store_rates(rates=[EURO])
    edit_organisation(name="", reporting_currency="USD", time_zone="UTC")
    f.OrderFactory(currency="EUR", rate=Decimal("0.86"))

    delete_rate(rate=ExchangeRate.objects.get())

    assert not ExchangeRate.objects.exists()


# An import before a rate is known, and after


def test_orders_in_a_currency_without_a_rate_go_in_once_it_is_known(admin_client_):
    account = f.AccountFactory(book=f.BookFactory(currency="EUR"), currency="EUR")
    f.ExternalIdFactory(source="erp", value="17", row_id=account.pk)
    rows = [
        {"Order": "1", "Customer": "17", "Date": "2026-01-05", "Amount": "100", "Currency": "EUR"},
        {"Order": "2", "Customer": "17", "Date": "2026-03-05", "Amount": "100", "Currency": "EUR"},
    ]

    before = committed("orders", rows, book=account.book)
    told = refusal_words(before.quarantined.first().errors[0])
    admin_client_.post("/settings/rates/new/", rate_form())
    admin_client_.post("/settings/rates/new/", rate_form(rate="0.9", valid_from="2026-03-01"))
    after = committed("orders", rows, book=account.book)

    assert verdicts(before) == {"refuse": 2}
    assert {codes[0][2] for codes in refusals(before).values()} == {"missing_rate"}
    assert "from EUR to GBP on 2026-01-05" in told
    assert "/settings/rates/" in told
    assert verdicts(after) == {"create": 2}
    assert dict(Order.objects.values_list("number", "amount_reporting")) == {"1": 86, "2": 90}


def test_a_company_that_counts_in_euros_needs_no_rate_for_them():
    edit_organisation(name="Lind GmbH", reporting_currency="EUR", time_zone="Europe/Berlin")
    account = f.AccountFactory(book=f.BookFactory(currency="EUR"), currency="EUR")
    f.ExternalIdFactory(source="erp", value="17", row_id=account.pk)

    row = {"Order": "1", "Customer": "17", "Date": "2026-01-05", "Amount": "100", "Currency": "EUR"}
    made = committed("orders", [row], book=account.book)

    assert verdicts(made) == {"create": 1}
    assert Order.objects.get().amount_reporting == 100


# Pages


def rate_form(**changes):
    return {"currency": "eur", "rate": "0.86", "valid_from": "2026-01-01", "source": "ECB", **changes}


def test_an_administrator_adds_a_rate_and_deletes_it(admin_client_):
    assert "No exchange rates yet" in admin_client_.get("/settings/rates/").text

    page = admin_client_.post("/settings/rates/new/", rate_form(), follow=True).text

    assert "1 rate added." in page
    assert "ECB" in page
    assert known() == {("EUR", "GBP", "2026-01-01"): "0.86"}
    gone = admin_client_.post("/settings/rates/EUR/GBP/2026-01-01/delete/", follow=True)
    assert "The rate is deleted." in gone.text
    assert known() == {}


@pytest.mark.parametrize("day", ["2026-01-02", "yesterday"])
def test_a_rate_that_there_is_not_cannot_be_deleted(admin_client_, day):
    assert admin_client_.post(f"/settings/rates/EUR/GBP/{day}/delete/").status_code == 404


def test_deleting_a_rate_in_use_says_why_not(admin_client_):
    store_rates(rates=[EURO])
    f.InvoiceFactory(currency="EUR", rate=Decimal("0.86"))

    page = admin_client_.post("/settings/rates/EUR/GBP/2026-01-01/delete/", follow=True).text

    assert "amounts are stored that were converted at it" in page
    assert ExchangeRate.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"currency": "EURO"}, "at most 3 characters"),
        ({"currency": "XXQ"}, "This is no currency"),
        ({"currency": "GBP"}, "reporting currency itself"),
        ({"rate": "0"}, "Write a number above zero"),
        ({"valid_from": "soon"}, "Enter a valid date"),
        ({"rate": "0.87"}, "Another rate is known from that day on, 0.86"),
    ],
)
def test_a_refused_rate_keeps_what_was_typed(admin_client_, changes, words):
    store_rates(rates=[EURO])

    answer = admin_client_.post("/settings/rates/new/", rate_form(**changes))

    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="ECB"' in answer.text
    assert known() == {("EUR", "GBP", "2026-01-01"): "0.86"}


def test_pasted_lines_and_a_file_are_stored_whole_or_not(admin_client_):
    def send(**form):
        return admin_client_.post("/settings/rates/upload/", form, follow=True)

    pasted = send(lines="EUR,2026-01-01,0.86\nEUR,2026-02-01,0.87")
    file = SimpleUploadedFile("rates.csv", b"currency,day,rate\nUSD,2026-01-01,0.75\nEUR,2026-01-01,0.86\n")
    uploaded = send(file=file)
    refused = send(lines="CHF,2026-01-01,0.9\nCHF,2026-02-30,0.9")
    latin = send(file=SimpleUploadedFile("rates.csv", b"EUR,2026-01-01,\xff"))
    neither = send(lines="")

    assert "2 rates added." in pasted.text
    assert "1 rate added. 1 was known already." in uploaded.text
    assert [answer.status_code for answer in (refused, latin, neither)] == [422, 422, 422]
    assert "Line 2, Day: “2026-02-30” is no day." in refused.text
    assert "CHF,2026-01-01,0.9" in refused.text  # as it was typed
    assert "not in Unicode" in latin.text
    assert "Choose a file or paste lines" in neither.text
    assert {key[0] for key in known()} == {"EUR", "USD"}


def test_only_so_many_problems_are_shown(admin_client_):
    lines = "\n".join(f"EUR,day {number},1" for number in range(30))

    page = admin_client_.post("/settings/rates/upload/", {"lines": lines}).text

    assert "Line 20, Day" in page
    assert "Line 21, Day" not in page
    assert "And 10 more." in page


def test_the_list_shows_one_currency_and_turns_its_pages(admin_client_):
    store_rates(rates=[NewRate("EUR", date(2026, 1, day), Decimal(day)) for day in range(1, 32)])
    store_rates(rates=[NewRate("EUR", date(2025, 1, day), Decimal(day)) for day in range(1, 32)])
    store_rates(rates=[NewRate("USD", date(2026, 1, 1), Decimal("0.75"))])

    first = admin_client_.get("/settings/rates/")
    second = admin_client_.get("/settings/rates/", {"after": first.context["page"].next_cursor})
    dollars = admin_client_.get("/settings/rates/?currency=USD").context["page"].rows
    nothing = admin_client_.get("/settings/rates/?currency=CHF").text

    days = [rate.valid_from for rate in first.context["page"].rows]
    assert days == sorted(days, reverse=True)
    assert len(second.context["page"].rows) == 13
    assert [rate.base for rate in dollars] == ["USD"]
    assert "No rate of this currency" in nothing


def test_a_book_whose_currency_has_no_rate_is_named(admin_client_):
    f.BookFactory(code="retail", name="Retail", currency="EUR")
    f.BookFactory(code="home", name="Home", currency="GBP")

    before = admin_client_.get("/settings/rates/").text
    store_rates(rates=[EURO])
    after = admin_client_.get("/settings/rates/").text

    assert "Retail is in EUR, which has no rate" in before
    assert "/settings/rates/new/?currency=EUR" in before
    assert 'value="EUR"' in admin_client_.get("/settings/rates/new/?currency=EUR").text
    assert "Rates are missing" not in after


# Command


def run(tmp_path, text, **options):
    path = tmp_path / "rates.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    out = io.StringIO()
    call_command("import_rates", str(path), stdout=out, **options)
    return out.getvalue()


def test_the_command_stores_a_file_and_again_changes_nothing(tmp_path):
    text = "currency,day,rate\nEUR,2026-01-01,0.86\nCNY,2026-01-01,0.11\n"

    assert run(tmp_path, text, source="ECB").startswith("2 rates added, 0 replaced, 0 known")
    assert run(tmp_path, text).startswith("0 rates added, 0 replaced, 2 known")
    assert run(tmp_path, "EUR,2026-01-01,0.87", replace=True).startswith("0 rates added, 1 replaced")

    assert known() == {("EUR", "GBP", "2026-01-01"): "0.87", ("CNY", "GBP", "2026-01-01"): "0.11"}
    assert Organisation.objects.get().name == ""


def test_the_command_reads_what_is_piped_in(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("EUR,2026-01-01,0.86\n"))

    call_command("import_rates", "-", stdout=io.StringIO())

    assert known() == {("EUR", "GBP", "2026-01-01"): "0.86"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("EUR,2026-01-01,0.86\nEUR,2026-02-01,-1", "Line 2, Rate: “-1” is no rate"),
        (b"\xff\xfe", "can't be read"),
    ],
)
def test_the_command_refuses_everything_when_a_line_is_wrong(tmp_path, text, words):
    with pytest.raises(CommandError, match=words) as refused:
        run(tmp_path, text)

    assert refused.value.returncode == 2
    assert known() == {}
