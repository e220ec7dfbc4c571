"""The feed holds rows back while older transactions run, those of other test processes included."""

import time

from django.db import connection

from analytics.lake.extracting import complete_until

BEHIND = "SELECT max({column}) >= pg_snapshot_xmin(pg_current_snapshot()) FROM {table}"


def wait_until_readable(table: str = "crm_change", column: str = "xid", *, seconds: float = 600) -> None:
    """Wait until every committed row may be read: another process may hold one open for minutes."""
    deadline = time.monotonic() + seconds
    with connection.cursor() as cursor:
        while True:
            cursor.execute(BEHIND.format(table=table, column=column))
            if not cursor.fetchone()[0]:
                return
            assert time.monotonic() < deadline, "an older transaction does not end"
            time.sleep(0.02)


def wait_until_known(*, seconds: float = 60) -> None:
    """Wait until what is committed by now counts as known: a second, and while older transactions last."""
    deadline = time.monotonic() + seconds
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment = cursor.fetchone()[0]
    while complete_until() <= moment:
        assert time.monotonic() < deadline, "an older transaction does not end"
        time.sleep(0.05)


def wait_for_older_transactions(*, seconds: float = 600) -> None:
    """Wait until no transaction lasts that began before this, in whatever database of the server."""
    deadline = time.monotonic() + seconds
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        mine = cursor.fetchone()[0]
        while True:
            cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot()) > %s::xid8", [mine])
            if cursor.fetchone()[0]:
                return
            assert time.monotonic() < deadline, "an older transaction does not end"
            time.sleep(0.02)
