"""Tickets, activities and tasks of the simulated staff, all before the end of the book."""

from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Literal

from crm.models import Book
from crm.pipelines.simulated.drawing import drawn_accounts, moment_before_end, one_of, share
from crm.pipelines.simulated.words import ACTIVITIES, TASKS, TICKETS

DAYS = 180

# What was opened more than four weeks before the end is nearly always solved by then.
_TICKETS = """
    INSERT INTO crm_ticket (account_id, contact_id, kind, state, priority, subject, text, assignee_id,
        opened_at, solved_at, is_simulated)
    SELECT account_id, contact_id, kind, state, priority, subject, text,
        CASE WHEN {assigned} < 80 THEN (SELECT id FROM crm_user WHERE username = 'sam') END,
        opened_at,
        CASE WHEN state IN ('solved', 'closed')
            THEN least(opened_at + make_interval(hours => 2 + {hours} * 2), {ends}::timestamptz) END,
        true
    FROM (
        SELECT *, CASE
                WHEN opened_at < {ends}::timestamptz - interval '28 days' AND {luck} < 92 THEN 'closed'
                WHEN {luck} < 45 THEN 'solved'
                WHEN {luck} < 65 THEN 'pending'
                ELSE 'open' END AS state,
            CASE WHEN {weight} < 15 THEN 1 WHEN {weight} < 75 THEN 2 WHEN {weight} < 94 THEN 3 ELSE 4 END
                AS priority
        FROM (SELECT drawn.*, kind, subject, text, {opened} AS opened_at FROM ({drawn}) AS drawn {words})
            AS opened
    ) AS ticket
    ORDER BY opened_at
"""
_ACTIVITIES = """
    INSERT INTO crm_activity (account_id, contact_id, kind, text, at, author_id, is_pinned,
        is_simulated)
    SELECT account_id, contact_id, kind, text, {at}, owner_id, false, true
    FROM ({drawn}) AS drawn {words} ORDER BY i
"""
# Of the tasks due before the end most are done; the others are overdue, and some are still to come.
_TASKS = """
    INSERT INTO crm_task (account_id, title, due_date, assignee_id, created_by_id, done_at, is_simulated)
    SELECT account_id, title, due_date, owner_id, owner_id,
        CASE WHEN due_date < {ends}::date AND {done} < 80
            THEN due_date + make_interval(hours => 9 + {done} % 8) END,
        true
    FROM (
        SELECT drawn.*, title, {ends}::date - 45 + {due} * 60 / 100 AS due_date
        FROM ({drawn}) AS drawn {words}
    ) AS task
    ORDER BY i
"""


def add_tickets(cursor: CursorWrapper, book: Book, *, count: int) -> int:
    cursor.execute(
        SQL(_TICKETS).format(
            drawn=drawn_accounts(book, count=count, purpose="ticket"),
            words=one_of(TICKETS[book.code], columns=("kind", "subject", "text"), purpose="subject"),
            opened=moment_before_end(book, days=DAYS, purpose="opened"),
            ends=Literal(book.ends_at),
            luck=share("state"),
            weight=share("priority"),
            assigned=share("assignee"),
            hours=SQL("({})::int").format(share("hours")),
        )
    )
    return int(cursor.rowcount)


def add_activities(cursor: CursorWrapper, book: Book, *, count: int) -> int:
    cursor.execute(
        SQL(_ACTIVITIES).format(
            drawn=drawn_accounts(book, count=count, purpose="activity"),
            words=one_of(ACTIVITIES[book.code], columns=("kind", "text"), purpose="activity text"),
            at=moment_before_end(book, days=DAYS, purpose="activity at"),
        )
    )
    return int(cursor.rowcount)


def add_tasks(cursor: CursorWrapper, book: Book, *, count: int) -> int:
    cursor.execute(
        SQL(_TASKS).format(
            drawn=drawn_accounts(book, count=count, purpose="task"),
            words=one_of([(title,) for title in TASKS[book.code]], columns=("title",), purpose="title"),
            ends=Literal(book.ends_at),
            due=SQL("({})::int").format(share("due")),
            done=SQL("({})::int").format(share("done")),
        )
    )
    return int(cursor.rowcount)
