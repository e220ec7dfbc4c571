"""The sweep: the only recovery there is. Messages and workers may vanish, rows don't.

Everything goes by the database's clock and may run twice at once.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from crm.models import Import, Job
from crm.services.feed import mend_after_restore
from crm.services.jobs import send_jobs
from crm.services.notifications import tell_jobs_ended
from crm.services.schedules import run_due_schedules
from crm.services.workers import is_known_to_be_dead

log = structlog.get_logger(__name__)

SEND_AT_MOST = 1_000
# Tables of an import are named after it; one without an import is nobody's.
_STAGED = """
    SELECT relname::text FROM (
        SELECT relname,
            substring(relname FROM '^crm_(?:read|staged|verdict)_([0-9]{1,18})$')::bigint AS import_id
        FROM pg_class WHERE relkind = 'r'
    ) AS staged LEFT JOIN crm_import ON crm_import.id = import_id
    WHERE import_id IS NOT NULL AND (crm_import.id IS NULL OR crm_import.state = ANY(%s))
"""


def tick() -> None:
    """Mend, requeue what died, make jobs of schedules that are due, send what waits."""
    if mend_after_restore():
        log.warning("feed_renumbered")
    requeue_dead_jobs()
    run_due_schedules()
    send_waiting_jobs()
    forget_staging_tables()


def take_over_from_the_dead() -> int:
    """Hand on what ended processes of this machine were doing; return how many jobs.

    For a worker that starts: after a restart nobody should wait for the heartbeat of a process that is
    known to be gone. Whatever else was lost is the sweep's.
    """
    running = Job.objects.filter(state=Job.State.RUNNING).values_list("pk", "attempt", "worker")
    silent_since = Now() - timedelta(seconds=2 * settings.JOB_DEAD_AFTER_SECONDS)
    dead = 0
    for pk, attempt, worker in running:
        if is_known_to_be_dead(worker):
            same_run = Job.objects.filter(pk=pk, attempt=attempt, state=Job.State.RUNNING)
            dead += same_run.update(heartbeat_at=silent_since)
    if dead:
        requeue_dead_jobs()
        send_waiting_jobs()
    return dead


def take_over_when_starting() -> None:
    """Do so in the thread of a starting worker, which leaves no connection to processes that fork."""
    try:
        if taken := take_over_from_the_dead():
            log.info("jobs_taken_over", jobs=taken)
    except DatabaseError as error:
        log.warning("jobs_not_taken_over", type=type(error).__name__)
    finally:
        connection.close()


@transaction.atomic
def requeue_dead_jobs() -> int:
    """Take running jobs away from attempts without a heartbeat; return how many.

    A locked row belongs to an attempt that is committing a batch, so it is skipped. The last
    allowed attempt is not followed by another one: the job has failed.
    """
    silent_since = Now() - timedelta(seconds=settings.JOB_DEAD_AFTER_SECONDS)
    running = Job.objects.filter(state=Job.State.RUNNING, heartbeat_at__lt=silent_since)
    dead = list(running.select_for_update(skip_locked=True).values_list("pk", "attempt"))
    again = [pk for pk, attempt in dead if attempt < Job.MAX_ATTEMPTS]
    given_up = [pk for pk, attempt in dead if attempt >= Job.MAX_ATTEMPTS]
    Job.objects.filter(pk__in=again).update(state=Job.State.QUEUED, sent_at=None)
    Job.objects.filter(pk__in=given_up).update(
        state=Job.State.FAILED,
        finished_at=Now(),
        error={"code": "worker_lost", "type": "", "where": ""},
    )
    tell_jobs_ended(job_ids=given_up)
    if dead:
        log.warning("dead_jobs_found", requeued=len(again), given_up=len(given_up))
    return len(dead)


def forget_staging_tables() -> int:
    """Drop what imports staged that have ended since; return how many tables that were."""
    with connection.cursor() as cursor:
        cursor.execute(_STAGED, [[Import.State.DONE, Import.State.CANCELLED, Import.State.UNDONE]])
        names = [name for (name,) in cursor.fetchall()]
        for name in names:
            cursor.execute(f"DROP TABLE IF EXISTS {connection.ops.quote_name(name)}")
    return len(names)


def send_waiting_jobs() -> int:
    """Send queued jobs whose time has come or whose message seems lost; return how many.

    A job may well wait longer than that in a full queue, so the patience doubles with each
    message. A message too many is harmless: it finds nothing to claim.
    """
    patience = timedelta(seconds=settings.JOB_RESEND_SECONDS)
    waited = F("sent_at") - F("due_at")
    unsent = Q(sent_at__isnull=True) | Q(sent_at__lt=Now() - patience - waited)
    waiting = Job.objects.filter(unsent, state=Job.State.QUEUED, due_at__lte=Now())
    return send_jobs(job_ids=waiting.order_by("due_at", "pk").values_list("pk", flat=True)[:SEND_AT_MOST])
