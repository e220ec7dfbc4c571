"""The change feed: no reader ever skips a row, however late its transaction commits."""

import threading

from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.models import Change, FeedCursor
from crm.pipelines import partitions
from crm.services.feed import (
    advance,
    mend_after_restore,
    read_changes,
    record_change,
    record_changes,
)
from crm.services.jobs import run_job
from tests.factories import AccountFactory, JobFactory
from tests.settled import wait_until_readable


def read_all(reader: str, limit: int = 1000) -> list[int | None]:
    """Return all that may be read now, and tell the feed so."""
    found = []
    while changes := read_changes(reader, limit):
        found += [change.object_id for change in changes]
        advance(reader, changes[-1])
    return found


class Writer:
    """A transaction on a connection of its own, taken step by step."""

    def __init__(self) -> None:
        self.connection = connection.copy()
        self.connection.set_autocommit(False)

    def write(self, number: int) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO crm_change (kind, object_id, data) VALUES ('order.placed', %s, '{}')", [number]
            )

    def end(self, *, commit: bool) -> None:
        self.connection.commit() if commit else self.connection.rollback()
        self.connection.close()


def test_a_reader_takes_up_where_it_stopped(transactional_db):
    for number in range(5):
        record_change(kind="order.placed", object_id=number)

    wait_until_readable()
    first = read_changes("reader", 2)
    advance("reader", first[-1])

    assert [change.object_id for change in first] == [0, 1]
    assert read_all("reader") == [2, 3, 4]
    assert read_all("another", limit=1) == [0, 1, 2, 3, 4]


def test_a_transaction_that_commits_late_is_never_skipped(transactional_db):
    slow, fast = Writer(), Writer()
    slow.write(1)
    fast.write(2)
    fast.end(commit=True)

    before = read_all("reader")
    slow.end(commit=True)
    wait_until_readable()
    after = read_all("reader")

    assert before == []
    assert after == [1, 2]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_committed_row_is_read_once_whatever_the_interleaving(transactional_db, data):
    Change.objects.all().delete()
    FeedCursor.objects.all().delete()
    writers, committed, seen, number = {}, set(), [], 0

    try:
        for _step in range(data.draw(st.integers(15, 30))):
            which = data.draw(st.integers(0, 1))
            action = data.draw(st.sampled_from(["write", "write", "commit", "commit", "roll back", "read"]))
            if action == "read":
                changes = read_changes("reader", data.draw(st.integers(1, 4)))
                seen += [change.object_id for change in changes]
                if changes:
                    advance("reader", changes[-1])
            elif action == "write":
                writer, numbers = writers.setdefault(which, (Writer(), []))
                number += 1
                writer.write(number)
                numbers.append(number)
            elif which in writers:
                writer, numbers = writers.pop(which)
                writer.end(commit=action == "commit")
                committed |= set(numbers) if action == "commit" else set()
    finally:  # of an attempt that is given up, too: nobody could read past its transactions
        for writer, _numbers in writers.values():
            writer.end(commit=False)
    wait_until_readable()
    seen += read_all("reader")

    assert sorted(seen) == sorted(committed)


def test_a_reader_beside_running_writers_sees_each_row_once(transactional_db):
    def write(numbers: range) -> None:
        for number in numbers:
            with transaction.atomic():
                record_change(kind="order.placed", object_id=number)
        connection.close()

    threads = [threading.Thread(target=write, args=(range(at, at + 100),)) for at in (0, 100, 200)]
    for thread in threads:
        thread.start()
    seen = []
    while any(thread.is_alive() for thread in threads):
        seen += read_all("reader", limit=7)
    wait_until_readable()
    seen += read_all("reader")

    assert sorted(seen) == list(range(300))


def test_the_cursor_never_goes_back(transactional_db):
    for number in range(3):
        record_change(kind="order.placed", object_id=number)
    wait_until_readable()
    first, _second, third = read_changes("reader", 10)

    advance("reader", third)
    advance("reader", first)

    assert read_changes("reader", 10) == []


def test_a_reaction_that_fails_is_done_again(transactional_db):
    record_change(kind="order.placed", object_id=1)
    wait_until_readable()

    with transaction.atomic():
        advance("reader", read_changes("reader", 10)[-1])
        transaction.set_rollback(True)

    assert read_all("reader") == [1]


def test_a_feed_from_another_server_is_read_again_from_the_start(transactional_db):
    record_change(kind="order.placed", object_id=1)
    wait_until_readable()
    read_all("reader")
    with connection.cursor() as cursor:  # as after a restore: numbers that this server has not reached
        cursor.execute("UPDATE crm_change SET xid = '9000000000'")
        cursor.execute("UPDATE crm_feedcursor SET xid = '9000000000'")
    record_change(kind="order.placed", object_id=2)

    assert read_all("reader") == []
    assert mend_after_restore() is True
    wait_until_readable()
    assert sorted(read_all("reader")) == [1, 2]
    assert mend_after_restore() is False
    assert read_all("reader") == []


def test_several_rows_are_written_at_once(transactional_db):
    account = AccountFactory()

    written = record_changes(kind="order.placed", pairs=[(7, account.pk), (8, None)])

    assert written == 2
    assert list(Change.objects.order_by("id").values_list("object_id", "account_id")) == [
        (7, account.pk),
        (8, None),
    ]


def partitions_of(table: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [table]
        )
        return {name for (name,) in cursor.fetchall()}


def test_partitions_are_made_ahead_and_rows_that_came_first_move_in(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_char(now() + interval '1 month', 'YYYY_MM')")
        next_month = f"crm_change_{cursor.fetchone()[0]}"
        cursor.execute(f"DROP TABLE {next_month}")
        cursor.execute(
            "INSERT INTO crm_change (kind, object_id, at, data) "
            "VALUES ('order.placed', 1, date_trunc('month', now()) + interval '1 month 1 day', '{}')"
        )
    job = JobFactory()

    run_job(job.pk, partitions.make)

    job.refresh_from_db()
    assert job.state == "done", job.error
    assert next_month in partitions_of("crm_change")
    for table in ("crm_event", "crm_change", "analytics_prediction"):
        assert len(partitions_of(table)) >= 5
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT object_id FROM {next_month}")
        assert cursor.fetchall() == [(1,)]


def test_changes_older_than_90_days_go_with_their_partition(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT sextant_make_partitions('crm_change', '2020-01-15', '2020-02-15')")
        cursor.execute(
            "INSERT INTO crm_change (kind, at, data) VALUES "
            "('order.placed', '2020-01-20', '{}'), ('order.placed', '2019-01-20', '{}')"
        )
    record_change(kind="order.placed", object_id=1)
    job = JobFactory()

    run_job(job.pk, partitions.make)

    assert not {"crm_change_2020_01", "crm_change_2020_02"} & partitions_of("crm_change")
    assert list(Change.objects.values_list("object_id")) == [(1,)]
