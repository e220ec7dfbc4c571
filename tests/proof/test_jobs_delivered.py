"""Messages lost and doubled, brokers restarted, beats doubled: each job is done once."""

import pytest
from django.db import connection

from crm.models import Job, Schedule, WorkerHeartbeat
from tests.proof.conftest import Plant, effects, wait_for

pytestmark = pytest.mark.proof


def assert_each_done_once(jobs: list[Job], batches: int) -> None:
    for job in jobs:
        job.refresh_from_db()
        assert (job.state, job.attempt) == (Job.State.DONE, 1)
        assert effects(job) == list(range(batches))


@pytest.mark.parametrize(
    "memory", [pytest.param("keeps its queue", marks=pytest.mark.long), "has lost its queue"]
)
def test_redis_restarted_in_mid_queue(plant: Plant, memory: str) -> None:
    plant.start_worker("first")
    plant.start_beat()
    jobs = [plant.add_job(batches=2, between=0.2) for _ in range(5)]
    plant.wait_for_state(jobs[0], Job.State.DONE)

    plant.broker.kill(losing_everything=memory == "has lost its queue")
    jobs.append(plant.add_job(batches=2))  # while nobody can be told of it
    plant.broker.start()
    for job in jobs:
        plant.wait_for_state(job, Job.State.DONE)

    assert_each_done_once(jobs, 2)


def test_a_message_delivered_many_times(plant: Plant) -> None:
    first, second = plant.start_worker("first"), plant.start_worker("second")
    job = plant.add_job(batches=4, between=0.1)

    for _copy in range(9):
        plant.sender.send_task(job.task, kwargs={"job_id": job.pk})
    plant.wait_for_state(job, Job.State.DONE)
    refused = lambda: (plant.log(first) + plant.log(second)).count("job_not_claimed")  # noqa: E731 (too short for a name of its own)
    wait_for(lambda: refused() == 9, seconds=plant.size.patience)

    assert_each_done_once([job], 4)


def test_two_beats_at_once(plant: Plant) -> None:
    for number in range(10):
        Schedule.objects.create(
            name=f"s{number}",
            task="proof.write_batches",
            scope=f"s{number}",
            params={"batches": 2, "pause": {}},
            every_minutes=60,
        )
    plant.start_worker("first")
    plant.start_worker("second")
    beats = [plant.start_beat("one"), plant.start_beat("other")]

    wait_for(lambda: Job.objects.filter(state=Job.State.DONE).count() >= 10, seconds=plant.size.patience)
    wait_for(
        lambda: all(plant.log(beat).count("crm.tick") >= 3 for beat in beats), seconds=plant.size.patience
    )

    jobs = list(Job.objects.order_by("pk"))
    assert len(jobs) == 10
    assert len({(job.schedule_id, job.due_at) for job in jobs}) == 10
    assert_each_done_once(jobs, 2)


def test_what_is_due_later_begins_when_it_is_due(plant: Plant) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp() + interval '3 seconds'")
        (due_at,) = cursor.fetchone()
    plant.start_worker("first")
    plant.start_beat()

    job = plant.add_job(batches=1, due_at=due_at)
    plant.wait_for_state(job, Job.State.DONE)

    assert job.started_at >= due_at
    assert_each_done_once([job], 1)


def test_a_worker_says_that_it_is_there(plant: Plant) -> None:
    plant.start_worker("first")

    wait_for(lambda: WorkerHeartbeat.objects.filter(name="first@proof").exists())
