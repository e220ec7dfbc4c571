"""By what a row of a file can be told to be about an account that is to be erased."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from crm.models import Bin, Contact, Import
from crm.services.match_keys import email_key, phone_key, tax_key

# Kinds of external ids, beside the account's own, by the tables of what belongs to it.
NAMED = {
    "contact": "crm_contact", "order": "crm_order", "invoice": "crm_invoice", "payment": "crm_payment",
    "subscription": "crm_subscription", "ticket": "crm_ticket",
}  # fmt: skip
# In which field of a kind of file what is called as in another system.
EXTERNAL_IDS = {
    "accounts": "account", "contacts": "contact", "subscriptions": "subscription", "payments": "payment",
    "tickets": "ticket",
}  # fmt: skip
NUMBERS = {("orders", "number"), ("invoices", "number"), ("payments", "invoice")}
LEAST_WITHOUT_MAPPING = 4  # characters: "17" in a column that nobody explained is anything
_EMAIL = re.compile(r"[^\s<>,;:|\"'()]+@[^\s<>,;:|\"'()]+")
_PHONE = re.compile(r"[+(\d][\d\s()./-]{6,22}\d")
_WHOLE = re.compile(r"\d+\.0+")
_PARTS = re.compile(r"[,;\t|\"]")
# Each yields rows as JSON, under the name of the table to which they are counted.
_OF_ACCOUNT = {
    "crm_account AS t WHERE id": "crm_account",
    "crm_accountevent AS t WHERE pgh_obj_id": "crm_account",
    "crm_contact AS t WHERE account_id": "crm_contact",
    "crm_contactevent AS t WHERE account_id": "crm_contact",
    "(SELECT account_id, number FROM crm_order) AS t WHERE account_id": "crm_order",
    "(SELECT account_id, number FROM crm_invoice) AS t WHERE account_id": "crm_invoice",
    "(SELECT DISTINCT account_id, visitor FROM crm_event) AS t WHERE account_id": "crm_event",
    "(SELECT * FROM crm_externalid WHERE kind = 'account') AS t WHERE row_id": "crm_externalid",
    **{
        f"(SELECT link.*, account_id FROM crm_externalid AS link JOIN {table} ON {table}.id = link.row_id"
        f" AND link.kind = '{kind}') AS t WHERE account_id": "crm_externalid"
        for kind, table in NAMED.items()
    },
}
Row = tuple[str, Mapping[str, Any]]  # table and columns


@dataclass(slots=True)
class Marks:
    """The account's addresses and numbers, and what other systems call what it has."""

    references: dict[tuple[str, str], set[str]] = field(default_factory=dict)  # (source, kind) -> ids
    numbers: set[str] = field(default_factory=set)  # of orders and invoices
    visitors: set[str] = field(default_factory=set)
    anywhere: set[str] = field(default_factory=set)  # what is the account's wherever it stands
    emails: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    tax_ids: set[str] = field(default_factory=set)
    countries: set[str] = field(default_factory=set)
    books: set[int] = field(default_factory=set)

    def add(self, table: str, row: Mapping[str, Any]) -> None:
        if table == "crm_externalid":
            self.references.setdefault((row["source"], row["kind"]), set()).add(row["value"])
        elif table in ("crm_order", "crm_invoice"):
            self.numbers.add(row["number"])
        elif table == "crm_event" and row.get("visitor"):
            self.visitors.add(row["visitor"])
        elif table == "crm_account":
            self.books.add(row["book_id"])
            self.countries.add(row["country"])
            self.anywhere.add(str(row["public_id"]))
        if table in ("crm_account", "crm_contact"):
            self.emails |= {email_key(row["email"])} - {""}
            self.phones |= {phone_key(row["phone"], country) for country in self.countries | {""}} - {""}
            self.tax_ids |= {tax_key(row.get("tax_id", ""), row.get("country", ""))} - {""}


def marks_of_account(ids: Sequence[int]) -> Marks:
    """Return the marks of a standing account and of those that were merged into it."""
    with connection.cursor() as cursor:
        cursor.execute(_rows_from(_OF_ACCOUNT), {"ids": list(ids)})
        return _marks((table, json.loads(row)) for table, row in cursor.fetchall())


def marks_of_contact(contact: Contact) -> Marks:
    """Return the marks of one person, now and as it was before: the account's own are not among them."""
    sources = {
        "crm_contact AS t WHERE id": "crm_contact",
        "crm_contactevent AS t WHERE pgh_obj_id": "crm_contact",
        "(SELECT * FROM crm_externalid WHERE kind = 'contact') AS t WHERE row_id": "crm_externalid",
        "(SELECT contact_id, key AS visitor FROM crm_visitor) AS t WHERE contact_id": "crm_event",
    }
    with connection.cursor() as cursor:
        cursor.execute(_rows_from(sources), {"ids": [contact.pk]})
        rows = [(table, json.loads(row)) for table, row in cursor.fetchall()]
    return _marks(rows, countries={contact.account.country})


def _rows_from(sources: Mapping[str, str]) -> str:
    return " UNION ALL ".join(
        f"SELECT '{table}', to_jsonb(t) FROM {source} = ANY(%(ids)s)" for source, table in sources.items()
    )


def marks_of_bin(entry: Bin) -> Marks:
    """Return the marks of an account that was deleted."""
    return _marks((item["table"], item["row"]) for item in entry.rows)


def _marks(rows: Iterable[Row], *, countries: Iterable[str] = ()) -> Marks:
    marks = Marks(countries=set(countries))
    # An account's country tells how its people's telephone numbers are read.
    for table, row in sorted(rows, key=lambda found: found[0] != "crm_account"):
        marks.add(table, row)
    return marks


class Finder:
    """Says of rows of one file whether they are about the account."""

    def __init__(self, marks: Marks, source_import: Import) -> None:
        self.marks = marks
        self.fields = {
            column: target["field"]
            for column, target in source_import.mapping.items()
            if target and target.get("field")
        }
        self.by_column = {column: self._expected(source_import, name) for column, name in self.fields.items()}
        own = self._references(source_import.source, kinds=None)
        self.unmapped = {text for text in own if len(text) >= LEAST_WITHOUT_MAPPING}
        self.countries = sorted(marks.countries | {""})

    def is_in(self, cells: Iterable[tuple[str, Any]]) -> bool:
        return any(self._tells(column, _text(value)) for column, value in cells if value not in (None, ""))

    def is_in_text(self, text: str) -> bool:
        """Say so of a row that could not be taken apart."""
        return self.is_in(("", part) for part in _PARTS.split(text))

    def _tells(self, column: str, text: str) -> bool:
        expected = self.by_column.get(column, set()) if self.fields else self.unmapped
        if text in expected or text.lower() in self.marks.anywhere:
            return True
        if "@" in text:
            return any(email_key(found.rstrip(".")) in self.marks.emails for found in _EMAIL.findall(text))
        if self.marks.phones and _PHONE.fullmatch(text):
            return any(phone_key(text, country) in self.marks.phones for country in self.countries)
        may_be_tax = bool(self.marks.tax_ids) and self.fields.get(column, "tax_id") == "tax_id"
        return may_be_tax and any(tax_key(text, country) in self.marks.tax_ids for country in self.countries)

    def _expected(self, source_import: Import, name: str) -> set[str]:
        """Return what of the account may stand in a column that goes to this field."""
        layout = source_import.layout
        if name == "account":
            return self._references(source_import.source, kinds={"account"})
        if name == "external_id" and layout in EXTERNAL_IDS:
            return self._references(source_import.source, kinds={EXTERNAL_IDS[layout]})
        if (layout, name) in NUMBERS and source_import.book_id in self.marks.books:
            return self.marks.numbers
        return self.marks.visitors if name == "visitor" else set()

    def _references(self, source: str, *, kinds: set[str] | None) -> set[str]:
        """Return the ids of a source; a file of a demo book does not say which it is of."""
        found = (
            ids
            for (of_source, kind), ids in self.marks.references.items()
            if source in ("", of_source) and (kinds is None or kind in kinds)
        )
        return set().union(*found)


def _text(value: Any) -> str:
    """Return a cell as an id would be written: 17 and not 17.0."""
    text = str(value).strip()
    return text.partition(".")[0] if _WHOLE.fullmatch(text) else text
