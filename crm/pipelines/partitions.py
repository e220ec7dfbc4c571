"""Partitions by month: made ahead for what comes, dropped with what the feed need not keep."""

from typing import Any

from django.db import connection, transaction

from crm.services.change_sets import forget_expired_steps
from crm.services.file_imports import forget_old_files
from crm.services.import_leftovers import cancel_forgotten_imports, forget_orphaned_files
from crm.services.jobs import RunningJob, forget_scheduled_jobs
from crm.services.notifications import forget_old_notifications

MONTHS_AHEAD = 3
KEEP_CHANGES_DAYS = 90

PARTITIONED_TABLES = """
SELECT relname FROM pg_class WHERE oid IN (SELECT partrelid FROM pg_partitioned_table)
AND relnamespace = current_schema()::regnamespace ORDER BY relname
"""
# The name tells the month, and the month's last moment tells the age.
OLD_CHANGE_PARTITIONS = """
SELECT child.relname FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = 'crm_change'::regclass AND child.relname ~ '_[0-9]{4}_[0-9]{2}$'
AND to_date(right(child.relname, 7), 'YYYY_MM') + interval '1 month' < now() - make_interval(days => %s)
ORDER BY child.relname
"""


def make(job: RunningJob) -> dict[str, Any]:
    """Make the partitions of this month and the next three, and let go of old changes and jobs."""
    job.progress("partitions")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(PARTITIONED_TABLES)
        made = sum(_make_for(table) for (table,) in cursor.fetchall())
        cursor.execute(OLD_CHANGE_PARTITIONS, [KEEP_CHANGES_DAYS])
        old = [name for (name,) in cursor.fetchall()]
        for name in old:
            cursor.execute(f"DROP TABLE {connection.ops.quote_name(name)}")
        cursor.execute(
            "DELETE FROM crm_change_other WHERE at < now() - make_interval(days => %s)", [KEEP_CHANGES_DAYS]
        )
        forgotten = {
            "forgotten_jobs": forget_scheduled_jobs(),
            "forgotten_notifications": forget_old_notifications(),
            "forgotten_steps": forget_expired_steps(),
            "cancelled_imports": cancel_forgotten_imports(),
            "forgotten_files": forget_old_files() + forget_orphaned_files(),
        }
        job.fence()
    return {"made": made, "dropped": len(old), **forgotten}


def _make_for(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sextant_make_partitions(%s, now()::date, (now() + make_interval(months => %s))::date)",
            [table, MONTHS_AHEAD],
        )
        return int(cursor.fetchone()[0])
