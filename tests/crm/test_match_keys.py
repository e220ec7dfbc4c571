"""Different spellings of one thing give one key, and different things don't."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.services.match_keys import (
    MAX_LENGTH,
    Details,
    details_from,
    domain_key,
    email_key,
    keys_of,
    name_key,
    phone_key,
    tax_key,
)

WORDS = st.lists(
    st.sampled_from(["harbour", "gifts", "müller", "ångström", "lindqvist", "ромашка", "αθήνα", "3m"]),
    min_size=1, max_size=4,
)  # fmt: skip
FORMS = st.sampled_from([
    "Ltd", "Ltd.", "Limited", "GmbH", "G.m.b.H.", "GmbH & Co. KG", "AG", "S.A.", "SARL", "S.r.l.", "S.p.A.",
    "B.V.", "NV", "A/S", "AB", "Oy", "Sp. z o.o.", "s.r.o.", "Kft.", "d.o.o.", "Inc.", "LLC", "Corp.",
    "Pty Ltd", "Pvt. Ltd.", "Sdn. Bhd.", "PLC", "Lda.", "Ltda", "ООО", "ЗАО", "Co., Ltd.",
    "S. de R.L. de C.V.",
])  # fmt: skip


@pytest.mark.parametrize(
    "spellings",
    [
        ("Müller & Söhne GmbH & Co. KG", "MUELLER UND SOEHNE", "Mueller Söhne G.m.b.H."),
        ("Lind, Rosa", "Rosa Lind", "ＲＯＳＡ　ＬＩＮＤ"),
        ("深圳市华强电子有限公司", "深圳市 华强 电子 股份有限公司", "深圳市华强电子有限责任公司"),
        ("台灣積體電路製造股份有限公司", "台灣積體電路製造"),
        ("株式会社トヨタ", "トヨタ㈱", "(株)トヨタ", "ﾄﾖﾀ株式会社"),
        ("삼성전자 주식회사", "㈜삼성전자", "삼성 전자"),
        ("ООО «Ромашка»", "Ромашка, ООО", "РОМАШКА"),
        ("Αθήνα Α.Ε.", "ΑΘΗΝΑ ΑΕ", "αθηνα"),
        ("Société Lind S.A.R.L.", "SOCIETE LIND", "Lind SARL"),
        ("Århus Oy", "Aarhus"),
        ("A.P. Møller – Mærsk A/S", "AP Moller Maersk"),
        ("The Coca-Cola Company", "Coca Cola Co."),
        ("O'Brien's Ltd", "OBRIENS", "O’Brien’s Limited"),
        ("İstanbul Tekstil Ltd. Şti.", "Istanbul Tekstil"),
    ],
)
def test_one_company_has_one_key_however_it_is_spelt(spellings):
    keys = {name_key(spelling) for spelling in spellings}

    assert len(keys) == 1
    assert "" not in keys


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lind", "Linde"),
        ("Lind Wholesale", "Lind Retail"),
        ("深圳市华强电子有限公司", "广州市华强电子有限公司"),
        ("Limited", "Company"),
        ("Harbour Gifts 1", "Harbour Gifts 2"),
    ],
)
def test_two_companies_have_two(one, other):
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize("name", ["", " ", "-", "…", "X", "株", "\u0301"])
def test_what_says_nothing_has_no_key(name):
    assert name_key(name) == ""


@given(words=WORDS, form=FORMS, seed=st.randoms(use_true_random=False))
def test_case_accents_width_order_punctuation_and_form_do_not_matter(words, form, seed):
    shuffled = list(words)
    seed.shuffle(shuffled)
    text = " ".join(words)

    key = name_key(text)

    assert name_key(text.upper()) == key
    assert name_key(unicodedata.normalize("NFD", text)) == key
    assert name_key("  ".join(shuffled)) == key
    assert name_key(f"{', '.join(words)}!") == key
    assert name_key(f"{text} {form}") == key
    assert name_key("".join(wide(mark) for mark in text)) == key


def wide(mark: str) -> str:
    return chr(ord(mark) + 0xFEE0) if "!" <= mark <= "~" else "\u3000" if mark == " " else mark


@given(text=st.text(max_size=300), country=st.sampled_from(["", "GB", "US", "CN", "RU", "IT", "XX"]))
def test_any_text_whatever_gives_keys_that_fit(text, country):
    details = Details(text, country, text, text, text, text, people=[(text, text)])

    for kind, key in keys_of(details):
        assert kind in {"name", "domain", "phone", "tax_id", "email"}
        assert 0 < len(key) <= MAX_LENGTH
        assert key == key.strip()
        assert "\x00" not in key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("https://www.Acme.co.uk/path?x=1", "acme.co.uk"),
        ("http://user:secret@shop.acme.co.uk:8080/", "acme.co.uk"),
        ("info@acme.co.uk", "acme.co.uk"),
        ("ACME.COM.", "acme.com"),
        ("http://bücher.example", "xn--bcher-kva.example"),
        ("HTTPS://例え.jp", "xn--r8jz45g.jp"),
        ("lind.blogspot.com", "lind.blogspot.com"),
        ("rosa@gmail.com", ""),
        ("rosa@qq.com", ""),
        ("rosa@yahoo.co.jp", ""),
        ("https://www.facebook.com/lind", ""),
        ("192.168.0.1", ""),
        ("localhost", ""),
        ("no domain at all", ""),
        ("", ""),
    ],
)
def test_a_domain_is_the_registered_one_and_no_public_one(text, key):
    assert domain_key(text) == key


@pytest.mark.parametrize(
    ("text", "country", "key"),
    [
        ("020 7946 0018", "GB", "+442079460018"),
        ("+44 (0)20 7946 0018", "", "+442079460018"),
        ("0044-20-7946-0018", "DE", "+442079460018"),
        ("０２０ ７９４６ ００１８", "GB", "+442079460018"),
        ("020 7946 0018 ext. 12", "GB", "+442079460018"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("1-415-555-2671", "US", "+14155552671"),
        ("011 44 20 7946 0018", "US", "+442079460018"),
        ("8 (495) 123-45-67", "RU", "+74951234567"),
        ("06 1234 5678", "IT", "+390612345678"),
        ("010-62345678", "CN", "+861062345678"),
        ("010-62345678转8001", "CN", "+861062345678"),
        ("020 7946 0018", "", ""),
        ("0000 000000", "GB", ""),
        ("12", "GB", ""),
        ("call reception", "GB", ""),
    ],
)
def test_a_number_is_written_as_it_is_dialled_from_abroad(text, country, key):
    assert phone_key(text, country) == key


@given(
    number=st.integers(2_000_000_000, 7_999_999_999), marks=st.lists(st.sampled_from(" -./()"), max_size=6)
)
def test_marks_between_digits_do_not_matter(number, marks):
    digits = str(number)
    spread = "".join(f"{digit}{mark}" for digit, mark in zip(digits, [*marks, *[""] * 10], strict=False))

    assert phone_key(f"0{spread}", "GB") == phone_key(f"+44{number}")


@pytest.mark.parametrize(
    ("text", "country", "key"),
    [
        ("GB 123 4567 82", "GB", "GB123456782"),
        ("123456782", "GB", "GB123456782"),
        ("VAT no GB123456782", "", "GB123456782"),
        ("DE-136.695.976", "AT", "DE136695976"),
        ("EL123456789", "GR", "GR123456789"),
        ("91310000MA1FL0QK2X", "CN", "CN91310000MA1FL0QK2X"),
        ("000000000", "DE", ""),
        ("n/a", "DE", ""),
        ("123", "DE", ""),
    ],
)
def test_a_tax_number_has_its_country_in_front(text, country, key):
    assert tax_key(text, country) == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Rosa.Lind+news@GMAIL.com", "rosalind@gmail.com"),
        ("rosalind@googlemail.com", "rosalind@gmail.com"),
        (" Rosa.Lind+x@lind.example ", "rosa.lind@lind.example"),
        ("mailto:rosa@lind.example", "rosa@lind.example"),
        ("rosa at lind.example", ""),
        ("@lind.example", ""),
        ("rosa@", ""),
    ],
)
def test_a_mailbox_has_one_key(text, key):
    assert email_key(text) == key


def test_details_are_read_from_what_somebody_entered():
    entered = {"name": "Lind", "country": None, "owner": 7, "phone": "+44 20 7946 0018"}

    assert keys_of(details_from(entered)) == {("name", "lind"), ("phone", "+442079460018")}
