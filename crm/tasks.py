"""The background work of crm, by name. Each task is one call; the rest is in the job's row."""

from celery import shared_task


@shared_task(name="crm.tick")
def tick() -> None:
    from crm.services.sweep import tick

    tick()


@shared_task(name="crm.make_partitions")
def make_partitions(*, job_id: int) -> None:
    from crm.pipelines import partitions
    from crm.services.jobs import run_job

    run_job(job_id, partitions.make)
