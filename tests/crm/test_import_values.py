"""Numbers, dates and words as several countries write them, read back as what they are."""

import time
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.models import Account
from crm.pipelines.imports.values import (
    CellError,
    column_types,
    guess_formats,
    parse_bool,
    parse_choice,
    parse_country,
    parse_currency,
    parse_date,
    parse_decimal,
    parse_email,
    parse_integer,
    parse_moment,
    parse_text,
)

quick = settings(deadline=None)
BERLIN = ZoneInfo("Europe/Berlin")
FULL_WIDTH = str.maketrans("0123456789.,-()", "０１２３４５６７８９．，－（）")
NUMBERS = st.decimals(min_value=-(10**11), max_value=10**11, places=3, allow_nan=False)
DAYS = st.dates(date(1970, 1, 1), date(2069, 12, 31))
LOCALES = [
    (".", ","),
    (",", "."),
    (",", " "),
    (",", "\u202f"),
    (".", "'"),
    (".", "\u2019"),
    (".", ""),
    (",", ""),
]
SIGNS = [
    lambda digits: f"-{digits}",
    lambda digits: f"\u2212{digits}",
    lambda digits: f"{digits}-",
    lambda digits: f"({digits})",
    lambda digits: f" - {digits}",
]


def code_of(parse, cell) -> str:
    with pytest.raises(CellError) as refused:
        parse(cell)
    return refused.value.code


def written(number: Decimal, mark: str, group: str, sign) -> str:
    whole, fraction = f"{abs(number):,.3f}".split(".")
    digits = whole.replace(",", group) + mark + fraction
    return sign(digits) if number < 0 else digits


@quick
@given(number=NUMBERS, locale=st.sampled_from(LOCALES), sign=st.sampled_from(SIGNS), is_wide=st.booleans())
def test_a_number_of_any_locale_is_read_back(number, locale, sign, is_wide):
    text = written(number, *locale, sign)

    assert parse_decimal(locale[0])(text.translate(FULL_WIDTH) if is_wide else text) == number


@quick
@given(numbers=st.lists(NUMBERS, min_size=1, max_size=8), locale=st.sampled_from(LOCALES))
def test_the_decimal_mark_is_never_guessed_wrongly(numbers, locale):
    cells = [[written(number, *locale, SIGNS[0])] for number in numbers]

    guess = guess_formats(cells)["decimal"]

    assert guess in {locale[0], None}
    if locale[1] and any(abs(number) >= 1000 for number in numbers):
        assert guess == locale[0]


@pytest.mark.parametrize(
    ("mark", "text", "number"),
    [
        (",", "1.234,56", "1234.56"),
        (".", "1,234.56", "1234.56"),
        (",", "1 234,56", "1234.56"),
        (".", "1'234.56", "1234.56"),
        (".", "12,34,567.5", "1234567.5"),
        (".", "１２３．４", "123.4"),
        (".", "(1.23)", "-1.23"),
        (".", "1.23-", "-1.23"),
        (",", ",5", "0.5"),
        (".", "5.", "5"),
        (".", "+7", "7"),
        (".", "1.5E+05", "150000"),
        (",", "1.234", "1234"),
        (".", "1.234", "1.234"),
        (None, "1.234,5", "1234.5"),
        (None, "1,234,567", "1234567"),
        (None, "12,5", "12.5"),
    ],
)
def test_numbers(mark, text, number):
    assert parse_decimal(mark)(text) == Decimal(number)


@pytest.mark.parametrize(
    ("mark", "text", "code"),
    [
        (".", "1,23", "not_a_number"),
        (".", "1.2.3", "not_a_number"),
        (",", "1,234.56", "not_a_number"),
        (".", "1 23", "not_a_number"),
        (".", "1,234'567", "not_a_number"),
        (".", "NaN", "not_a_number"),
        (".", "Infinity", "not_a_number"),
        (".", "1_000", "not_a_number"),
        (".", "--1", "not_a_number"),
        (".", "(-1)", "not_a_number"),
        (".", "(1", "not_a_number"),
        (".", "12 €", "not_a_number"),
        (".", "-", "not_a_number"),
        (".", "٣", "not_a_number"),
        (".", "1" * 16, "number_out_of_range"),
        (".", "1e99", "number_out_of_range"),
        (".", "1." + "0" * 80, "number_out_of_range"),
        (".", "0." + "0" * 80, "number_out_of_range"),
        (".", "1." + "0" * 20_000, "not_a_number"),
        (None, "1.234", "ambiguous_number"),
        (None, "1,234", "ambiguous_number"),
        (".", "#DIV/0!", "failed_formula"),
    ],
)
def test_what_is_no_number_is_refused(mark, text, code):
    assert code_of(parse_decimal(mark), text) == code


@pytest.mark.parametrize("cell", ["1" + " " * 100_000 + "x", "2024-05-06 10:00:00" + " " * 100_000 + "x"])
def test_pages_of_blanks_are_given_up_at_once(cell):
    began = time.perf_counter()

    assert code_of(parse_decimal("."), cell) == "not_a_number"
    assert code_of(parse_date("ymd"), cell) == "not_a_date"
    assert code_of(parse_moment("ymd", UTC), cell) == "not_a_date"
    guessed = guess_formats([[cell]])
    assert column_types(["a"], [[cell]], **guessed) == {"a": "text"}
    assert time.perf_counter() - began < 2


def test_typed_cells_are_numbers_already():
    assert parse_decimal(",")(Decimal("1.5")) == Decimal("1.5")
    assert parse_integer(",")("3,0") == 3
    assert code_of(parse_integer("."), "3.5") == "not_a_whole_number"
    assert code_of(parse_decimal("."), True) == "not_a_number"
    assert code_of(parse_decimal("."), Decimal("Infinity")) == "not_a_number"
    assert code_of(parse_decimal("."), Decimal("1e999999")) == "number_out_of_range"
    assert code_of(parse_decimal("."), Decimal("1." + "0" * 20_000)) == "number_out_of_range"


@quick
@given(number=st.one_of(NUMBERS, st.text(max_size=12)), mark=st.sampled_from([".", ",", None]))
def test_any_text_is_a_number_or_refused(number, mark):
    try:
        value = parse_decimal(mark)(str(number))
    except CellError:
        return
    assert value is None or value.is_finite()


ORDERS = {"dmy": "{d:02d}{s}{m:02d}{s}{y}", "mdy": "{m:02d}{s}{d:02d}{s}{y}", "ymd": "{y}{s}{m}{s}{d}"}


@quick
@given(
    day=DAYS, order=st.sampled_from(list(ORDERS)), mark=st.sampled_from("./-"),
    is_short=st.booleans(), clock=st.sampled_from(["", " 13:05", "T23:59:59", " 1:05 PM"]),
)  # fmt: skip
def test_a_date_of_any_order_is_read_back(day, order, mark, is_short, clock):
    year = f"{day.year % 100:02d}" if is_short and order != "ymd" else day.year
    text = ORDERS[order].format(d=day.day, m=day.month, y=year, s=mark) + clock

    assert parse_date(order)(text) == day


@quick
@given(
    days=st.lists(DAYS, min_size=1, max_size=10),
    order=st.sampled_from(["dmy", "mdy"]),
    mark=st.sampled_from("/-"),
)
def test_the_order_of_dates_is_never_guessed_wrongly(days, order, mark):
    cells = [[ORDERS[order].format(d=day.day, m=day.month, y=day.year, s=mark), "x"] for day in days]

    guess = guess_formats(cells)["date_order"]

    assert guess == (order if any(day.day > 12 for day in days) else None)


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ("dmy", "06/05/2024"), ("mdy", "05/06/2024"), (None, "2024年5月6日"), (None, "２０２４/5/6"),
        (None, "20240506"),
        (None, "2024-05-06T10:00:00+02:00"), (None, "45418"), (None, "45418.75"), ("dmy", "6.5.24"),
        (None, "6 May 2024"), (None, "May 6, 2024"), (None, "6. Mai 2024"), (None, "06-May-2024"),
        (None, "Mon, 06 May 2024 10:00:00 GMT"), (None, "6.5.2024"), (None, Decimal(45418)),
        (None, Decimal(20240506)), (None, date(2024, 5, 6)), (None, datetime(2024, 5, 6, 10)),  # noqa: DTZ001 (cells know no zone)
    ],
)  # fmt: skip
def test_dates(order, text):
    assert parse_date(order)(text) == date(2024, 5, 6)


@pytest.mark.parametrize(
    ("order", "text", "code"),
    [
        (None, "05/06/2024", "ambiguous_date"),
        ("mdy", "25/06/2024", "no_such_date"),
        ("dmy", "06/25/2024", "no_such_date"),
        (None, "2024-02-30", "no_such_date"),
        (None, "2023-02-29", "no_such_date"),
        (None, "0224-05-06", "date_out_of_range"),
        (None, "yesterday", "not_a_date"),
        (None, "6 Foo 2024", "not_a_date"),
        (None, "2024-05-06 25:00", "no_such_time"),
        (None, "2024-05-06 13:00 PM", "no_such_time"),
        (None, "2024-05-06 later", "not_a_date"),
        (None, "2024", "not_a_date"),
        (None, Decimal(3), "not_a_date"),
        (None, True, "not_a_date"),
    ],
)
def test_what_is_no_date_is_refused(order, text, code):
    assert code_of(parse_date(order), text) == code


@quick
@given(at=st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), minutes=st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001 (cells know no zone)
def test_a_moment_with_its_zone_is_read_back(at, minutes):
    moment = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    assert parse_moment(None, BERLIN)(moment.isoformat()) == moment
    assert parse_moment(None, BERLIN)(moment.isoformat(" ", "microseconds")).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-05-06 13:05", "2024-05-06T11:05:00+00:00"),
        ("2024-01-06 13:05:30.25", "2024-01-06T12:05:30.250000+00:00"),
        ("2024-05-06", "2024-05-05T22:00:00+00:00"),
        ("2024-05-06T13:05Z", "2024-05-06T13:05:00+00:00"),
        ("2024-05-06 13:05 UTC", "2024-05-06T13:05:00+00:00"),
        ("2024-05-06T13:05:00+0530", "2024-05-06T07:35:00+00:00"),
        ("2024年5月6日 下午1时05分", "2024-05-06T11:05:00+00:00"),
        ("2024年5月6日 13点05分06秒", "2024-05-06T11:05:06+00:00"),
        ("May 6, 2024 1:05 am", "2024-05-05T23:05:00+00:00"),
        ("1714953600", "2024-05-06T00:00:00+00:00"),
        ("1714953600250", "2024-05-06T00:00:00.250000+00:00"),
        ("45418.5", "2024-05-06T10:00:00+00:00"),
        (Decimal("45418.5"), "2024-05-06T10:00:00+00:00"),
        (date(2024, 5, 6), "2024-05-05T22:00:00+00:00"),
        (datetime(2024, 5, 6, 13, 5), "2024-05-06T11:05:00+00:00"),  # noqa: DTZ001 (cells know no zone)
    ],
)
def test_moments(text, moment):
    assert parse_moment("dmy", BERLIN)(text) == datetime.fromisoformat(moment)


@quick
@given(text=st.text(max_size=20), order=st.sampled_from(["dmy", "mdy", "ymd", None]))
def test_any_text_is_a_moment_or_refused(text, order):
    try:
        moment = parse_moment(order, BERLIN)(text)
    except CellError:
        return
    assert moment is None or moment.utcoffset() == timedelta(0)


@quick
@given(day=st.dates(date(1928, 1, 1), date(2173, 1, 1)))
def test_day_numbers_of_spreadsheets(day):
    assert parse_date(None)(str((day - date(1899, 12, 30)).days)) == day


@pytest.mark.parametrize("cell", [None, "", "  ", "\u3000", "\\N", "NULL"])
def test_an_empty_cell_is_nothing(cell):
    parsers = [
        parse_decimal("."), parse_integer("."), parse_date(None), parse_moment(None, UTC), parse_bool(),
        parse_choice({"a": "A"}), parse_country(), parse_currency(), parse_email(),
    ]  # fmt: skip

    assert [parse(cell) for parse in parsers] == [None] * len(parsers)


def test_texts_are_refused_rather_than_cut():
    parse = parse_text(5)

    assert parse("  abc ") == "abc"
    assert parse("\\N") is None
    assert parse(Decimal("17")) == "17"
    assert parse(Decimal("1E+3")) == "1000"
    assert parse("'=1+1") == "=1+1"  # as our exports write it
    assert parse("'x'") == "'x'"
    assert code_of(parse, "abcdef") == "too_long"
    assert code_of(parse, "a\0b") == "nul_byte"
    assert code_of(parse, "#REF!") == "failed_formula"


def test_words_are_read_in_both_languages():
    assert [parse_bool()(word) for word in ("Yes", "是", "ja", "1", "TRUE", True)] == [True] * 6
    assert [parse_bool()(word) for word in ("no", "否", "0", "False", False)] == [False] * 5
    assert code_of(parse_bool(), "perhaps") == "not_yes_or_no"
    kind = parse_choice(dict(Account.Kind.choices))
    code, label = Account.Kind.choices[0]
    assert [kind(code.upper()), kind(str(label))] == [code, code]
    assert code_of(kind, "neither") == "unknown_choice"
    assert [parse_country()(name) for name in ("de", "DEU", "Germany", "德国", "Deutschland")] == ["DE"] * 5
    assert code_of(parse_country(), "Atlantis") == "unknown_country"
    assert [parse_currency()(text) for text in ("eur", "€", "ＥＵＲ")] == ["EUR"] * 3
    assert code_of(parse_currency(), "$") == "unknown_currency"
    assert parse_email()(" a.b+c@mail.example.co ") == "a.b+c@mail.example.co"
    assert [code_of(parse_email(), text) for text in ("a@b", "a b@c.de", "a@b..de", "a@b.de, c@d.de")] == [
        "not_an_email"
    ] * 4


def test_columns_are_what_all_their_cells_are():
    rows = [
        ["1,5", "yes", "06.05.2024", "2024-05-06 10:00", "007", "", "1"],
        ["2", "no", "13.05.2024", "2024-05-07T11:00Z", "008", None, "x"],
    ]

    types = column_types(list("abcdefg"), rows, decimal=",", date_order="dmy")

    assert types == {
        "a": "number", "b": "bool", "c": "date", "d": "moment", "e": "text", "f": "text", "g": "text",
    }  # fmt: skip
