"""`load_demo` goes on where it stopped, and says what is wrong when it can't."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from crm.management.commands import load_demo
from crm.models import Job, WorkerHeartbeat

pytestmark = pytest.mark.django_db
BOTH = ("wholesale", "bank")


@pytest.fixture
def worker(monkeypatch):
    """A worker that is alive and ends every job at once, as `ends_with` says."""
    monkeypatch.setattr(load_demo, "LOOK_SECONDS", 0)
    WorkerHeartbeat.objects.create(name="worker")
    done = {"state": "done", "order": []}

    def enqueue(**job):
        done["order"].append((job["task"], job["scope"]))
        return Job.objects.create(**job, state=done["state"], error={"code": "unexpected"})

    monkeypatch.setattr(load_demo, "enqueue", enqueue)
    return done


def finish(steps):
    for step in steps:
        Job.objects.create(task=step.task, scope=step.scope, state="done")


def test_books_come_first_then_people_then_the_check_and_scores(worker, capsys):
    call_command("load_demo")

    assert [task for task, _ in worker["order"]] == [
        "crm.import_book",
        "crm.import_book",
        "crm.simulate_people",
        "crm.check_quality",
        "analytics.prepare_demo",
        "analytics.prepare_demo",
    ]
    assert "Wholesale book, import: done" in capsys.readouterr().out


def test_it_goes_on_where_it_stopped(worker):
    finish(load_demo._steps(BOTH, small=False)[:2])

    call_command("load_demo")

    assert worker["order"][0] == ("crm.simulate_people", "books:wholesale,bank")


def test_when_all_is_loaded_no_worker_is_needed(capsys):
    finish(load_demo._steps(BOTH, small=False))

    call_command("load_demo")

    assert "The demo books are loaded." in capsys.readouterr().out


def test_a_book_loaded_alone_is_followed_by_the_other_with_its_people(worker):
    call_command("load_demo", only="wholesale")
    call_command("load_demo")

    assert ("crm.simulate_people", "books:wholesale") in worker["order"]
    assert ("crm.simulate_people", "books:wholesale,bank") in worker["order"]
    assert worker["order"].count(("crm.import_book", "book:wholesale")) == 1


def test_a_small_demo_asks_for_fewer_accounts(worker):
    call_command("load_demo", small=True)

    limits = Job.objects.filter(task="crm.import_book").order_by("pk").values_list("params", flat=True)
    assert list(limits) == [{"limit": 400}, {"limit": 2_000}]


def test_a_failed_job_stops_it_with_its_name_and_reason(worker):
    worker["state"] = "failed"

    with pytest.raises(CommandError, match=r"Wholesale book, import failed.*unexpected"):
        call_command("load_demo")


def test_without_a_worker_it_says_how_to_start_one(monkeypatch):
    monkeypatch.setattr(load_demo, "WORKER_SECONDS", 0.1)
    monkeypatch.setattr(load_demo, "LOOK_SECONDS", 0.01)
    WorkerHeartbeat.objects.create(name="gone", heartbeat_at=Now() - timedelta(minutes=5))

    with pytest.raises(CommandError, match="celery -A config worker"):
        call_command("load_demo")
