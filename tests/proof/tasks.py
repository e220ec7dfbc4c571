"""A job whose every effect can be counted."""

import time
from typing import Any

from celery import shared_task
from django.db import connection, transaction

from crm.services.jobs import RunningJob, run_job

EFFECTS = """
DROP TABLE IF EXISTS proof_effect;
CREATE TABLE proof_effect (
    job_id bigint NOT NULL,
    batch integer NOT NULL,
    attempt integer NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""  # nothing is unique: whatever is written twice stands there twice


@shared_task(name="proof.write_batches")
def write_batches(*, job_id: int) -> None:
    run_job(job_id, write)


def write(job: RunningJob) -> dict[str, Any]:
    """Write batches 0, 1, 2 … once each, going on after those that an earlier attempt committed.

    The pauses say where the work is slow: `before_fence` and `after_fence` inside the transaction,
    `between` outside of it.
    """
    total = job.params["batches"]
    pause = {"before_fence": 0.0, "after_fence": 0.0, "between": 0.0} | job.params["pause"]
    first = _committed(job)
    for batch in range(first, total):
        with transaction.atomic():
            _write_effect(job, batch)
            time.sleep(pause["before_fence"])
            job.fence()
            time.sleep(pause["after_fence"])
        job.progress("batches", done=batch + 1, total=total)
        time.sleep(pause["between"])
    return {"first": first, "attempt": job.attempt}


def _committed(job: RunningJob) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM proof_effect WHERE job_id = %s", [job.id])
        return int(cursor.fetchone()[0])


def _write_effect(job: RunningJob, batch: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO proof_effect (job_id, batch, attempt) VALUES (%s, %s, %s)",
            [job.id, batch, job.attempt],
        )
