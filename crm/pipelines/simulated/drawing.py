"""Drawing accounts, moments and words by hashes: the same seed gives the same demo everywhere."""

from collections.abc import Sequence

from psycopg.sql import SQL, Composable, Literal

from crm.models import Book
from crm.pipelines.simulated.names import spread

SECONDS_A_DAY = 86_400


def drawn_accounts(book: Book, *, count: int, purpose: str) -> Composable:
    """Return a query of `count` draws, with repeats: i, account_id, owner_id, contact_id."""
    return SQL("""
        SELECT i, account.id AS account_id, account.owner_id, contact.id AS contact_id
        FROM (SELECT array_agg(id ORDER BY id) AS ids, count(*) AS n FROM crm_account WHERE book_id = {book})
            AS all_accounts
        CROSS JOIN generate_series(1, CASE n WHEN 0 THEN 0 ELSE {count} END) AS i
        JOIN crm_account AS account ON account.id = ids[1 + {draw} % n]
        LEFT JOIN LATERAL (
            SELECT id FROM crm_contact WHERE account_id = account.id ORDER BY id LIMIT 1
        ) AS contact ON true
    """).format(book=Literal(book.pk), count=Literal(count), draw=SQL(spread("i", purpose)))


def moment_before_end(book: Book, *, days: int, purpose: str) -> Composable:
    """Return the SQL of a moment in office hours within the last `days` of the book."""
    draw = spread("i", purpose)
    return SQL(
        "{ends}::timestamptz - make_interval(days => 1 + ({draw} % {days})::int)"
        " + make_interval(mins => 540 + ({draw} / 1000 % 480)::int)"
    ).format(ends=Literal(book.ends_at), draw=SQL(draw), days=Literal(days))


def one_of(words: Sequence[Sequence[str]], *, columns: Sequence[str], purpose: str) -> Composable:
    """Return a lateral SQL item: one of the rows of words, with these columns."""
    rows = [
        SQL("({}, {})").format(Literal(at), SQL(", ").join(map(Literal, row))) for at, row in enumerate(words)
    ]
    return SQL("JOIN (VALUES {rows}) AS words (at, {columns}) ON at = {draw} % {n}").format(
        rows=SQL(", ").join(rows),
        columns=SQL(", ".join(columns)),
        draw=SQL(spread("i", purpose)),
        n=Literal(len(words)),
    )


def share(purpose: str, *, number: str = "i") -> SQL:
    """Return the SQL of a number from 0 to 99."""
    return SQL(f"({spread(number, purpose)} % 100)")
