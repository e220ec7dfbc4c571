"""Names under which jobs run. Each takes a job's id; the rest stands in the job's row.

Pipelines are imported inside the bodies, which keeps numpy and its kin out of web workers.
"""

from celery import shared_task

from crm.services.job_runs import run_job


@shared_task(name="analytics.nightly")
def nightly(*, job_id: int) -> None:
    from analytics.pipelines import nightly as pipeline

    run_job(job_id, pipeline.run)


@shared_task(name="analytics.train_all")
def train_all(*, job_id: int) -> None:
    from analytics.pipelines import nightly as pipeline

    run_job(job_id, pipeline.train_all)


@shared_task(name="analytics.train")
def train(*, job_id: int) -> None:
    from analytics.pipelines import training

    run_job(job_id, training.run)


@shared_task(name="analytics.score_book")
def score_book(*, job_id: int) -> None:
    from analytics.pipelines import scoring

    run_job(job_id, scoring.run)


@shared_task(name="analytics.rescore_changed")
def rescore_changed(*, job_id: int) -> None:
    from analytics.pipelines import rescoring

    run_job(job_id, rescoring.run)


@shared_task(name="analytics.forget")
def forget(*, job_id: int) -> None:
    from analytics.pipelines import forgetting

    run_job(job_id, forgetting.run)


@shared_task(name="analytics.score_range")
def score_range(*, job_id: int) -> None:
    from analytics.pipelines import ranges

    run_job(job_id, ranges.run)


@shared_task(name="analytics.monitor")
def monitor(*, job_id: int) -> None:
    from analytics.pipelines import monitoring

    run_job(job_id, monitoring.run)


@shared_task(name="analytics.recalibrate")
def recalibrate(*, job_id: int) -> None:
    from analytics.pipelines import recalibrating

    run_job(job_id, recalibrating.run)


@shared_task(name="analytics.measure_lift")
def measure_lift(*, job_id: int) -> None:
    from analytics.pipelines import lift

    run_job(job_id, lift.run)


@shared_task(name="analytics.prepare_demo")
def prepare_demo(*, job_id: int) -> None:
    from analytics.pipelines import demo

    run_job(job_id, demo.run)


@shared_task(name="analytics.evaluate")
def evaluate(*, job_id: int) -> None:
    from analytics.pipelines import evaluations

    run_job(job_id, evaluations.run)
