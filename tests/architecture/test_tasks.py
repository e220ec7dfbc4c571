"""Tasks are sent by name: every name that is sent must be one that a worker knows."""

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

from config.celery import app
from crm.templatetags.jobs import PHASES, TASKS

ROOT = Path(__file__).resolve().parents[2]
APPS = ("crm", "campaigns", "analytics")
WITHOUT_A_JOB = {"crm.tick"}  # it makes and sends jobs, so it cannot be one
SENDING = {"delay", "apply_async", "send_task"}
DELAYING = {"eta", "countdown"}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def called_name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


@pytest.fixture(scope="module")
def registered() -> set[str]:
    app.loader.import_default_modules()
    # Other tests of the same process may have brought tasks of their own along.
    foreign = ("celery", "tests")
    return {name for name, task in app.tasks.items() if not task.__module__.startswith(foreign)}


def test_every_name_that_is_enqueued_is_registered(registered):
    names = {
        (keyword.value.value, str(path.relative_to(ROOT)))
        for path in sources(*APPS, "config")
        for call in calls(path)
        if called_name(call) == "enqueue"
        for keyword in call.keywords
        if keyword.arg == "task" and isinstance(keyword.value, ast.Constant)
    }

    assert {(name, where) for name, where in names if name not in registered} == set()


def test_every_default_schedule_names_a_registered_task(registered):
    migration = import_module("crm.migrations.0007_schedules_and_partitions")
    names = set(re.findall(r"'((?:crm|campaigns|analytics)\.\w+)'", migration.ADD_SCHEDULES))

    renamed = import_module("analytics.migrations.0005_model_checks").MONITOR
    assert len(names) >= 5
    assert names - {"analytics.hold_against_outcomes"} <= registered
    assert "'analytics.monitor'" in renamed
    assert "analytics.monitor" in registered


def test_beat_only_ticks():
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} == {"crm.tick"}


def test_every_task_takes_the_id_of_its_job_and_nothing_else(registered):
    for name in registered - WITHOUT_A_JOB:
        assert list(inspect.signature(app.tasks[name].run).parameters) == ["job_id"], name


def test_every_task_is_named_after_its_app(registered):
    for name in registered:
        assert name.partition(".")[0] in APPS


def test_every_task_has_words_for_the_jobs_page(registered):
    assert registered - WITHOUT_A_JOB - set(TASKS) == set()


def test_every_phase_has_words_for_the_jobs_page():
    phases = {
        argument.value
        for path in sources(*APPS)
        for call in calls(path)
        if called_name(call) == "progress"
        for argument in [*call.args, *(k.value for k in call.keywords if k.arg == "phase")]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }

    assert phases - set(PHASES) == set()


def test_nothing_else_sends_a_message():
    senders = {
        str(path.relative_to(ROOT))
        for path in sources(*APPS)
        for call in calls(path)
        if called_name(call) in SENDING or DELAYING & {keyword.arg for keyword in call.keywords}
    }

    assert senders == {"crm/services/jobs.py"}


def test_messages_are_acknowledged_early_and_results_are_not_kept():
    assert app.conf.task_acks_late is False
    assert app.conf.task_ignore_result is True
    assert app.conf.result_backend is None
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.accept_content == ["json"]
