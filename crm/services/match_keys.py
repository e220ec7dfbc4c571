"""Pure normalisers: two spellings of one name, address or number give one key.

A key is for comparing, never for showing. An empty key says that there is nothing to compare:
a blank, a placeholder, a mailbox at a public provider's domain.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crm.services.company_forms import FILLERS, FORMS_AT_END, FORMS_AT_START, GLUED_FORMS, LONGEST_FORM
from crm.services.phone_prefixes import (
    CALLING_CODES,
    INTERNATIONAL_PREFIXES,
    KEEPS_TRUNK,
    TRUNK_PREFIXES,
)
from crm.services.public_domains import HOSTING, PUBLIC_DOMAINS, SECOND_LEVELS

MAX_LENGTH = 200  # of a key, as the column has it

# Latin letters that Unicode does not take apart.
_LETTERS = str.maketrans({
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "a", "œ": "o", "ı": "i", "ħ": "h", "ŧ": "t",
})  # fmt: skip
# German writes ü as ue where there is no ü, Danish å as aa: both spellings lose their second letter.
_UMLAUT = re.compile(r"([ao])\1(?![aou])|(?<=[aou])e(?=[bcdfghjklmnpqrstvwxyz])")
_ACCENTS = re.compile("[\u0300-\u036f]")
_ABBREVIATION = re.compile(r"\b(?:\w\.){2,}\w?\b\.?|\b(?:\w\.){2,}")
_APOSTROPHES = re.compile("['’‘`´ʼ]")
_NO_LETTER = re.compile(r"[\W_]+")
# Scripts that are written without spaces, or with spaces that people leave out.
_UNSPACED = re.compile("^[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af々〆ー]+$")

_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://")
_HOST = re.compile(r"^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$")
_YAHOO = re.compile(r"^(?:yahoo|hotmail|live|outlook|gmx|yandex|aol|msn)\.[a-z]{2,3}(?:\.[a-z]{2})?$")

_EXTENSION = re.compile(
    r"(?:ext|extension|x|durchwahl|доб|分机|轉|转|#|;ext=|,)\.?\s*\d{1,6}\s*$", re.IGNORECASE
)
_VAT_PREFIXES = re.compile(
    "^(?:AT|BE|BG|CH|CY|CZ|DE|DK|EE|EL|ES|FI|FR|GB|GR|HR|HU|IE|IT|LT|LU|LV|MT|NL|NO|PL|PT|RO|SE|SI|SK|XI)"
)
_TAX_WORDS = re.compile(
    r"^(?:VAT|UST|USTID|USTIDNR|TVA|NIF|CIF|NIP|EIN|ABN|GST)(?:NO|NR|ID)?(?=\d|[A-Z]{2}\d)"
)

KEYED = ("name", "country", "website", "tax_id", "email", "phone")  # the account's own columns


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of an account that keys can be made of."""

    name: str = ""
    country: str = ""
    website: str = ""
    tax_id: str = ""
    email: str = ""
    phone: str = ""
    people: Iterable[tuple[str, str]] = field(default=())  # e-mail and phone of each contact


def details_from(values: Mapping[str, Any]) -> Details:
    """Return the details among the columns of an account that somebody entered or imports."""
    texts = {name: str(values.get(name) or "") for name in KEYED}
    return Details(
        name=texts["name"], country=texts["country"], website=texts["website"], tax_id=texts["tax_id"],
        email=texts["email"], phone=texts["phone"],
    )  # fmt: skip


def keys_of(details: Details) -> set[tuple[str, str]]:
    """Return the kinds and keys of an account, of its contacts too; empty keys are left out."""
    emails = [details.email, *(email for email, _phone in details.people)]
    phones = [details.phone, *(phone for _email, phone in details.people)]
    found = {("name", name_key(details.name)), ("tax_id", tax_key(details.tax_id, details.country))}
    found |= {("domain", domain_key(text)) for text in (details.website, *emails)}
    found |= {("email", email_key(text)) for text in emails}
    found |= {("phone", phone_key(text, details.country)) for text in phones}
    return {(kind, key) for kind, key in found if key}


def name_key(name: str) -> str:
    """Return the words of a name without case, accents, width, punctuation, order and company form.

    A name that is nothing but a company form keeps it. Chinese, Japanese and Korean words are joined
    in their order, for they are written with and without spaces.
    """
    text = _plain(name)
    text = _ABBREVIATION.sub(lambda match: match[0].replace(".", "") + " ", text)
    words = _without_forms(_NO_LETTER.sub(" ", _APOSTROPHES.sub("", text)).split())
    glued = "".join(word for word in words if _UNSPACED.match(word))
    spaced = sorted(_spelling(word) for word in words if not _UNSPACED.match(word))
    key = " ".join([*spaced, glued]).strip()
    return key[:MAX_LENGTH].strip() if len(key) > 1 else ""


def domain_key(text: str) -> str:
    """Return the registrable domain of a website or an e-mail address; none of a public provider."""
    host = _SCHEME.sub("", unicodedata.normalize("NFKC", text).strip().lower())
    host = re.split(r"[/?#\s,;]", host, maxsplit=1)[0].rpartition("@")[2].partition(":")[0].rstrip(".")
    try:
        host = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        return ""
    if not _HOST.match(host):
        return ""
    domain = _registrable(host)
    return "" if domain in PUBLIC_DOMAINS or _YAHOO.match(domain) else domain[:MAX_LENGTH]


def email_key(text: str) -> str:
    """Return the mailbox that an address leads to: no tag after "+", and no dots at Gmail."""
    local, _at, host = unicodedata.normalize("NFKC", text).strip().lower().rpartition("@")
    local = local.removeprefix("mailto:").partition("+")[0] if not local.startswith("+") else local
    if not local or " " in local or not _HOST.match(host):
        return ""
    if host in ("gmail.com", "googlemail.com"):
        local, host = local.replace(".", ""), "gmail.com"
    key = f"{local}@{host}" if local else ""
    return key if len(key) <= MAX_LENGTH else ""


def phone_key(text: str, country: str = "") -> str:
    """Return the number with its country's prefix, as in E.164; a national one needs the country."""
    text = _EXTENSION.sub("", unicodedata.normalize("NFKC", text).strip()).strip()
    is_international = text.startswith(("+", "(+"))
    digits = _digits(text.replace("(0)", "") if is_international else text)
    for prefix in () if is_international else (INTERNATIONAL_PREFIXES.get(country, "00"), "00"):
        if digits.startswith(prefix) and len(digits) > len(prefix) + 7:
            digits, is_international = digits.removeprefix(prefix), True
            break
    if not is_international:
        digits = _with_prefix(digits, country)
    is_number = 8 <= len(digits) <= 15 and len(set(digits)) > 2
    return f"+{digits}" if is_number else ""


def tax_key(text: str, country: str = "") -> str:
    """Return a tax number with its country in front, without the marks between its digits."""
    marks = "".join(mark for mark in unicodedata.normalize("NFKC", text).upper() if mark.isalnum())
    marks = _TAX_WORDS.sub("", marks)
    if _VAT_PREFIXES.match(marks) and sum(mark.isdigit() for mark in marks[2:]) >= 6:
        country, marks = marks[:2], marks[2:]
    digits = _digits(marks)
    if len(digits) < 5 or len(set(digits)) < 3:
        return ""
    return f"{'GR' if country == 'EL' else country}{marks}"[:MAX_LENGTH]


def _plain(name: str) -> str:
    """Return a text without width, case and accents; marks that are letters elsewhere stay."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    text = _ACCENTS.sub("", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", text).translate(_LETTERS)


def _spelling(word: str) -> str:
    return _UMLAUT.sub(lambda match: match[1] or "", word) if word.isascii() else word


def _without_forms(words: list[str]) -> list[str]:
    """Take the company's form off both ends, again and again; "GmbH & Co. KG" is three of them."""
    meant = [word for word in map(_without_glued_form, words) if word and word not in FILLERS]
    left = list(meant)
    while (shorter := _shortened(left)) != left:
        left = shorter
    return left or meant or words


def _shortened(words: list[str]) -> list[str]:
    for length in range(LONGEST_FORM, 0, -1):
        if len(words) > length and tuple(words[-length:]) in FORMS_AT_END:
            return words[:-length]
        if len(words) > length and tuple(words[:length]) in FORMS_AT_START:
            return words[length:]
    return words


def _without_glued_form(word: str) -> str:
    """Take 有限公司 and its like off a word, which has no space before them."""
    if not _UNSPACED.match(word):
        return word
    for form in GLUED_FORMS:
        if word.endswith(form):
            return word.removesuffix(form)
        if word.startswith(form):
            return word.removeprefix(form)
    return word


def _registrable(host: str) -> str:
    labels = host.split(".")
    is_deep = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in SECOND_LEVELS
    domain = ".".join(labels[-3 if is_deep else -2 :])
    return ".".join(labels[-3:]) if domain in HOSTING else domain


def _digits(text: str) -> str:
    return "".join(str(unicodedata.digit(mark)) for mark in text if mark.isdecimal())


def _with_prefix(digits: str, country: str) -> str:
    code = CALLING_CODES.get(country, "")
    if not code or not digits:
        return ""
    if country not in KEEPS_TRUNK:
        digits = digits.removeprefix(TRUNK_PREFIXES.get(country, "0"))
    return code + digits
