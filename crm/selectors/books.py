"""Books as the pages for administrators show them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet

from crm.models import Book, Score
from crm.models.access import MANAGE_BOOKS, Principal, can

MOST_COUNTED = 10_000  # accounts of one book that are counted

_COUNTS = """
    SELECT book.id, (SELECT count(*) FROM
        (SELECT FROM crm_account WHERE book_id = book.id LIMIT %(most)s) AS first_ones)
    FROM crm_book AS book
"""


@dataclass(frozen=True, slots=True)
class BookRow:
    book: Book
    accounts: int
    is_all: bool  # or there are more

    @property
    def kinds(self) -> list[str]:
        """What is scored, in words."""
        names = dict(Score.Kind.choices)
        return [str(names.get(kind, kind)) for kind in self.book.score_kinds]


def get_books(principal: Principal) -> QuerySet[Book]:
    """Return those that the principal may change: all of them, or none."""
    return Book.objects.all() if can(principal, MANAGE_BOOKS) else Book.objects.none()


def list_books(principal: Principal) -> list[BookRow]:
    """Return every book by name, with its accounts up to a cap: there are a handful of books."""
    books = list(get_books(principal).order_by("name", "pk"))
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"most": MOST_COUNTED})
        counts = dict(cursor.fetchall())
    return [BookRow(book, counts[book.pk], counts[book.pk] < MOST_COUNTED) for book in books]
