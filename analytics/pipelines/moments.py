from datetime import datetime

from analytics.lake import Lake
from crm.models import Book


def moment_of(lake: Lake, book: Book, given: str | None = None) -> datetime:
    """Return the moment as of which a book is scored: given, a demo book's end, or the present.

    The present is the last moment of which the lake knows everything: what transactions that were
    still open then have written since can't be told apart later, and such a score could not be
    computed again.
    """
    if given:
        return datetime.fromisoformat(given)
    return book.ends_at or lake.manifest.complete_until
