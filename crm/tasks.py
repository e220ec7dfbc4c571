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


@shared_task(name="crm.import_book")
def import_book(*, job_id: int) -> None:
    from crm.pipelines.imports import books
    from crm.services.jobs import run_job

    run_job(job_id, books.run)


@shared_task(name="crm.read_import")
def read_import(*, job_id: int) -> None:
    from crm.pipelines.imports import read_file
    from crm.services.jobs import run_job

    run_job(job_id, read_file.run)


@shared_task(name="crm.check_import")
def check_import(*, job_id: int) -> None:
    from crm.pipelines.imports import check_file
    from crm.services.jobs import run_job

    run_job(job_id, check_file.run)


@shared_task(name="crm.commit_import")
def commit_import(*, job_id: int) -> None:
    from crm.pipelines.imports import commit_file
    from crm.services.jobs import run_job

    run_job(job_id, commit_file.run)


@shared_task(name="crm.undo_change_set")
def undo_change_set(*, job_id: int) -> None:
    from crm.pipelines import undo_change_set as pipeline
    from crm.services.jobs import run_job

    run_job(job_id, pipeline.run)


@shared_task(name="crm.assign_accounts")
def assign_accounts(*, job_id: int) -> None:
    from crm.pipelines import assign_accounts as pipeline
    from crm.services.jobs import run_job

    run_job(job_id, pipeline.run)


@shared_task(name="crm.erase_account")
def erase_account(*, job_id: int) -> None:
    from crm.pipelines import erasing
    from crm.services.jobs import run_job

    run_job(job_id, erasing.run)


@shared_task(name="crm.export_accounts")
def export_accounts(*, job_id: int) -> None:
    from crm.pipelines import export_accounts as pipeline
    from crm.services.jobs import run_job

    run_job(job_id, pipeline.run)


@shared_task(name="crm.simulate_people")
def simulate_people(*, job_id: int) -> None:
    from crm.pipelines.simulated import people
    from crm.services.jobs import run_job

    run_job(job_id, people.run)


@shared_task(name="crm.sessionise")
def sessionise(*, job_id: int) -> None:
    from crm.pipelines import sessions
    from crm.services.jobs import run_job

    run_job(job_id, sessions.run)


@shared_task(name="crm.drop_old_events")
def drop_old_events(*, job_id: int) -> None:
    from crm.pipelines import event_retention
    from crm.services.jobs import run_job

    run_job(job_id, event_retention.run)


@shared_task(name="crm.find_duplicates")
def find_duplicates(*, job_id: int) -> None:
    from crm.pipelines import identity
    from crm.services.jobs import run_job

    run_job(job_id, identity.find)


@shared_task(name="crm.fetch_feeds")
def fetch_feeds(*, job_id: int) -> None:
    from crm.pipelines import data_feeds
    from crm.services.jobs import run_job

    run_job(job_id, data_feeds.fetch_due)


@shared_task(name="crm.fetch_feed")
def fetch_feed(*, job_id: int) -> None:
    from crm.pipelines import data_feeds
    from crm.services.jobs import run_job

    run_job(job_id, data_feeds.fetch_one)


@shared_task(name="crm.check_quality")
def check_quality(*, job_id: int) -> None:
    from crm.pipelines import quality
    from crm.services.jobs import run_job

    run_job(job_id, quality.run)


@shared_task(name="crm.withdraw_scores")
def withdraw_scores(*, job_id: int) -> None:
    from crm.pipelines import withdraw_scores as pipeline
    from crm.services.jobs import run_job

    run_job(job_id, pipeline.run)


@shared_task(name="crm.clean_rows")
def clean_rows(*, job_id: int) -> None:
    from crm.pipelines import quality_cleaning
    from crm.services.jobs import run_job

    run_job(job_id, quality_cleaning.run)
