"""The job that adds what the sets lack: contacts, tickets, activities, tasks, partners, views."""

from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Literal

from crm.models import Book, Contact
from crm.pipelines.simulated.names import FAMILY_NAMES, FORENAMES, JOB_TITLES, pick, spread
from crm.pipelines.simulated.partners import add_partners, add_saved_views
from crm.pipelines.simulated.work import add_activities, add_tasks, add_tickets
from crm.services.demo_staff import ensure_staff
from crm.services.jobs import RunningJob

# One to three people a customer. Their numbers belong to a range that is never given to anybody.
_CONTACTS = """
    INSERT INTO crm_contact (account_id, name, job_title, email, phone, is_simulated)
    SELECT account_id, first || ' ' || last, job_title,
        lower(first || '.' || last || '@' || btrim(regexp_replace(company, '[^A-Za-z0-9]+', '-', 'g'), '-'))
            || '.example.com',
        '+44 20 7946 0' || lpad(({number} % 1000)::text, 3, '0'), true
    FROM (
        SELECT account.id AS account_id, account.name AS company, seat, {first} AS first, {last} AS last,
            {title} AS job_title
        FROM (SELECT id, name, book_id FROM crm_account) AS account,
            LATERAL generate_series(1, 1 + ({people} % 3)::int) AS seat
        WHERE account.book_id = {book}
    ) AS person
    ORDER BY account_id, seat
"""


def run(job: RunningJob) -> dict[str, Any]:
    """Add the simulated people and their work to the demo books, once. Killed, nothing of it stands."""
    wanted = job.params.get("books") or ["wholesale", "bank"]
    job.progress("people")
    counts: dict[str, Any] = {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('simulated people', 0))")
        ensure_staff()
        for book in Book.objects.filter(code__in=wanted, is_demo=True).order_by("pk"):
            if not book.accounts.filter(activities__is_simulated=True).exists():
                counts[book.code] = _populate(cursor, book)
        add_saved_views()
        job.fence()
    return counts


def _populate(cursor: CursorWrapper, book: Book) -> dict[str, int]:
    accounts = book.accounts.count()
    is_wholesale = book.code == "wholesale"
    return {
        "contacts": _add_contacts(cursor, book) if is_wholesale else 0,
        "tickets": add_tickets(cursor, book, count=min(200 if is_wholesale else 100, accounts // 2)),
        "activities": add_activities(cursor, book, count=min(1_600 if is_wholesale else 400, accounts)),
        "tasks": add_tasks(cursor, book, count=min(320 if is_wholesale else 80, accounts // 2)),
        "partner_links": add_partners(cursor, book) if is_wholesale else 0,
    }


def _add_contacts(cursor: CursorWrapper, book: Book) -> int:
    if Contact.objects.filter(account__book=book, is_simulated=True).exists():
        return 0
    person = "account.id * 4 + seat"
    cursor.execute(
        SQL(_CONTACTS).format(
            book=Literal(book.pk),
            first=pick(FORENAMES, spread(person, "first")),
            last=pick(FAMILY_NAMES, spread(person, "last")),
            title=pick(JOB_TITLES, "seat - 1 + account.id"),
            people=SQL(spread("account.id", "people")),
            number=SQL(spread("account_id * 4 + seat", "phone")),
        )
    )
    return int(cursor.rowcount)
