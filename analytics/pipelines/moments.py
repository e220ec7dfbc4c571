from datetime import datetime

from django.db import connection

from crm.models import Book


def moment_of(book: Book, given: str | None = None) -> datetime:
    """Return the moment as of which a book is scored: given, a demo book's end, or the present.

    The present is the database's, so that every worker means the same.
    """
    if given:
        return datetime.fromisoformat(given)
    if book.ends_at is not None:
        return book.ends_at
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    return now
