"""Short lists that many pages offer to choose from, and the names of what rows refer to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple

from django.db import connection
from django.db.models import QuerySet

from crm.models import Account, Organisation, User
from crm.selectors.countries import COUNTRIES
from crm.selectors.lately import lately
from crm.selectors.planned import planned_once

# Countries are found by jumping from one to the next through the index.
_COUNTRIES = """
    WITH RECURSIVE found AS (
        (SELECT country FROM crm_account ORDER BY country LIMIT 1)
        UNION ALL
        SELECT (SELECT country FROM crm_account WHERE country > found.country ORDER BY country LIMIT 1)
        FROM found WHERE found.country IS NOT NULL
    )
    SELECT country FROM found WHERE country <> ''
"""
# One round trip.
_DIRECTORY = """
    SELECT json_build_array(
        (SELECT coalesce(json_agg(json_build_array(id, code, name, score_kinds) ORDER BY id), '[]')
         FROM crm_book),
        (SELECT coalesce(json_agg(json_build_array(
                    id, public_id, coalesce(nullif(trim(concat(first_name, ' ', last_name)), ''), username)
                ) ORDER BY first_name, last_name, username), '[]')
         FROM crm_user WHERE is_active),
        coalesce((SELECT reporting_currency FROM crm_organisation), 'GBP'),
        (SELECT coalesce(json_agg(json_build_array(key, label, type, choices) ORDER BY label), '[]')
         FROM crm_attributedefinition)
    )::text
"""
_WITH_VIEWS = f"""
    SELECT ({_DIRECTORY}), (
        SELECT coalesce(json_agg(json_build_array(
            public_id, name, query, is_shared, is_default, owner_id
        ) ORDER BY owner_id <> %(user)s, position, id), '[]')::text
        FROM crm_savedview WHERE page = %(page)s AND (owner_id = %(user)s OR is_shared)
    )
"""


@dataclass(frozen=True, slots=True)
class BookName:
    pk: int
    code: str
    name: str
    score_kinds: list[str]


@dataclass(frozen=True, slots=True)
class PersonName:
    pk: int
    public_id: str
    name: str


class AttributeName(NamedTuple):
    """A custom attribute as filters and columns know it."""

    key: str
    label: str
    type: str
    choices: dict[str, str]


class ViewName(NamedTuple):
    """A saved view as its tab knows it."""

    public_id: str
    name: str
    query: str
    is_shared: bool
    is_default: bool
    owner_id: int


@dataclass(frozen=True)
class Directory:
    """What the rows of a list refer to by number or code, put into words once for all of them."""

    books: dict[int, BookName]
    people: list[PersonName]  # those who can own something
    country_codes: tuple[str, ...]  # of the accounts that there are, or were a minute ago
    currency: str  # of published money
    attributes: list[AttributeName]
    text: str = ""  # as it was read: equal texts are equal directories

    @cached_property
    def owners(self) -> dict[int | None, str]:
        return {person.pk: person.name for person in self.people}

    @cached_property
    def countries(self) -> Mapping[str, str]:
        return _CountryNames()

    @cached_property
    def stages(self) -> dict[str, str]:
        return {code: str(name) for code, name in Account.Stage.choices}

    @property
    def book_choices(self) -> list[tuple[str, str]]:
        return [(book.code, book.name) for book in self.books.values()]

    @property
    def country_choices(self) -> list[tuple[str, str]]:
        return sorted(((code, self.countries[code]) for code in self.country_codes), key=itemgetter(1))

    @property
    def people_choices(self) -> list[tuple[str, str]]:
        return [(person.public_id, person.name) for person in self.people]

    def book_of(self, code: str | None) -> BookName | None:
        return next((book for book in self.books.values() if book.code == code), None)


class _CountryNames(dict[str, str]):
    """Names in the reader's language, each looked up when a row first needs it."""

    def __missing__(self, code: str) -> str:
        name = self[code] = str(COUNTRIES.get(code, code))
        return name


def get_directory() -> Directory:
    with connection.cursor() as cursor:
        cursor.execute(_DIRECTORY)
        return _directory(cursor.fetchone()[0])


def get_directory_and_views(user: User, page: str) -> tuple[Directory, list[ViewName]]:
    """Return the directory, and one's own views of a page in their order before what others share.

    These are the views that `SavedView.objects.visible_to` finds, spelt out since every list asks.
    """
    with planned_once(), connection.cursor() as cursor:
        cursor.execute(_WITH_VIEWS, {"user": user.pk, "page": page})
        text, saved = cursor.fetchone()
    return _directory(text), [ViewName._make(view) for view in json.loads(saved)]


def _country_codes() -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTRIES)
        return tuple(code for (code,) in cursor.fetchall())


def _directory(text: str) -> Directory:
    books, people, currency, attributes = json.loads(text)
    country_codes = lately("countries", _country_codes)
    return Directory(
        books={row[0]: BookName(*row) for row in books},
        people=[PersonName(*row) for row in people],
        country_codes=country_codes,
        currency=currency,
        attributes=[AttributeName._make(row) for row in attributes],
        text=f"{text} {country_codes}",
    )


def list_people() -> QuerySet[User]:
    """Return those who can own accounts, tickets and tasks."""
    people = User.objects.filter(is_active=True).order_by("first_name", "last_name", "username")
    return people.only("first_name", "last_name", "username", "public_id", "role", "team_id")


def reporting_currency() -> str:
    return Organisation.objects.values_list("reporting_currency", flat=True).first() or "GBP"
