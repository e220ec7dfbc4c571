"""Short lists that many pages offer to choose from."""

from __future__ import annotations

from django.db import connection
from django.db.models import QuerySet

from crm.models import Book, Organisation, User

# Jumps from one country to the next through the index instead of reading every account.
_COUNTRIES = """
    WITH RECURSIVE found AS (
        (SELECT country FROM crm_account ORDER BY country LIMIT 1)
        UNION ALL
        SELECT (SELECT country FROM crm_account WHERE country > found.country ORDER BY country LIMIT 1)
        FROM found WHERE found.country IS NOT NULL
    )
    SELECT country FROM found WHERE country <> ''
"""


def list_countries() -> list[str]:
    """Return the codes of the countries that accounts are in."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTRIES)
        return [code for (code,) in cursor]


def list_people() -> QuerySet[User]:
    """Return those who can own accounts, tickets and tasks."""
    people = User.objects.filter(is_active=True).order_by("first_name", "last_name", "username")
    return people.only("first_name", "last_name", "username", "public_id", "role", "team_id")


def list_books() -> list[Book]:
    return list(Book.objects.order_by("pk"))


def reporting_currency() -> str:
    return Organisation.objects.values_list("reporting_currency", flat=True).first() or "GBP"
