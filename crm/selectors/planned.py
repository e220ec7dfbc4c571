"""Statements that PostgreSQL plans once for a connection, on the pages that are asked for most.

Planning the statements of an account page takes a tenth of the page. Django writes every value into its
statement, so that each is a new one to the server; inside `planned_once` values travel beside it, and
a statement that comes for the sixth time is kept with its plan.

For statements whose best plan is the same for all values: a list that is filtered by a country wants one
plan for a common country and another for a rare one. And for single statements, since a text with two of
them can't be prepared.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor

ASKED_BEFORE = 5  # times


@contextmanager
def planned_once() -> Iterator[None]:
    connection.ensure_connection()
    link = connection.connection
    usual = link.cursor_factory, link.prepare_threshold
    # Nowhere else: psycopg would remember the last hundred statements with all the values in them.
    link.cursor_factory, link.prepare_threshold = ServerBindingCursor, ASKED_BEFORE
    try:
        yield
    finally:
        link.cursor_factory, link.prepare_threshold = usual
