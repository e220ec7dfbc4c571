"""The background work of campaigns, by name. Each task is one call; the rest is in the job's row."""

from celery import shared_task

from crm.services.job_runs import run_job


@shared_task(name="campaigns.check_import")
def check_import(*, job_id: int) -> None:
    from campaigns.pipelines import imports

    run_job(job_id, imports.check)


@shared_task(name="campaigns.commit_import")
def commit_import(*, job_id: int) -> None:
    from campaigns.pipelines import imports

    run_job(job_id, imports.commit)
