"""The change feed: what happened, written in the transaction in which it did.

Readers take rows below the oldest transaction that still runs, in the order (xid, id). A row with a
smaller number can therefore not appear any more behind a reader's back, however late its
transaction commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, transaction

from crm.models import Change


def record_change(
    *,
    kind: str,
    object_id: int | None = None,
    account_id: int | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """Write one row of the feed into the running transaction.

    :param kind: noun and past participle, such as "order.placed" or "scores.published".
    :param data: codes and ids only, for the feed outlives what it speaks of.
    """
    Change.objects.create(kind=kind, object_id=object_id, account_id=account_id, data=data or {})


def record_changes(*, kind: str, pairs: Iterable[tuple[int | None, int | None]]) -> int:
    """Write one row for each pair of object and account; return how many."""
    rows = [Change(kind=kind, object_id=pk, account_id=account, data={}) for pk, account in pairs]
    return len(Change.objects.bulk_create(rows, batch_size=5_000))


def read_changes(reader: str, limit: int) -> list[Change]:
    """Return what this reader has not seen yet, oldest first, and nothing that could come before it."""
    return list(
        Change.objects.raw(
            """
            SELECT * FROM crm_change
            WHERE (xid, id) > (
                coalesce((SELECT xid FROM crm_feedcursor WHERE reader = %(reader)s), '0'),
                coalesce((SELECT change_id FROM crm_feedcursor WHERE reader = %(reader)s), 0)
            ) AND xid < pg_snapshot_xmin(pg_current_snapshot())
            ORDER BY xid, id
            LIMIT %(limit)s
            """,
            {"reader": reader, "limit": limit},
        )
    )


def has_changes(reader: str, kinds: Sequence[str]) -> bool:
    """Say whether there is anything of these kinds that this reader has not seen yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT FROM crm_change
                WHERE (xid, id) > (
                    coalesce((SELECT xid FROM crm_feedcursor WHERE reader = %(reader)s), '0'),
                    coalesce((SELECT change_id FROM crm_feedcursor WHERE reader = %(reader)s), 0)
                ) AND xid < pg_snapshot_xmin(pg_current_snapshot()) AND kind = ANY(%(kinds)s)
            )
            """,
            {"reader": reader, "kinds": list(kinds)},
        )
        return bool(cursor.fetchone()[0])


def advance(reader: str, change: Change) -> None:
    """Remember that this reader is done with everything up to `change`. It never goes back.

    Called in the transaction of the reaction, both happen or neither.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_feedcursor AS kept (reader, xid, change_id) VALUES (%s, %s, %s)
            ON CONFLICT (reader) DO UPDATE SET xid = excluded.xid, change_id = excluded.change_id
            WHERE (kept.xid, kept.change_id) < (excluded.xid, excluded.change_id)
            """,
            [reader, str(change.xid), change.pk],
        )


@transaction.atomic
def mend_after_restore() -> bool:
    """Renumber a feed out of a dump of another server, where transactions had higher numbers.

    Such rows would look unfinished, and their readers would skip what comes now. Everybody reads
    from the start again, which does nothing twice. Return whether there was anything to mend.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE crm_change SET xid = pg_current_xact_id() "
            "WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())"
        )
        strange = cursor.rowcount
        cursor.execute(
            "UPDATE crm_feedcursor SET xid = '0', change_id = 0 "
            "WHERE %s OR xid >= pg_snapshot_xmax(pg_current_snapshot())",
            [strange > 0],
        )
        return bool(strange or cursor.rowcount)
