"""Real workers, beats and brokers beside the test's own database, to be stopped, cut and killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import celery
import pytest
import redis
from celery import Celery
from django.conf import settings as django_settings
from django.db import connection

from config.children import Child
from crm.models import Job, Schedule
from crm.services.jobs import enqueue
from tests.proof.tasks import EFFECTS

T = TypeVar("T")


@dataclass(frozen=True)
class Size:
    """How long everything takes. Full is what production is set to."""

    heartbeat: float
    dead_after: float
    resend: float
    tick: float
    asleep: float  # how long a worker is stopped, at least
    pause: float  # so slow that a job outlasts that sleep
    patience: float  # how long a test waits for anything


SMALL = Size(heartbeat=0.3, dead_after=2.5, resend=2, tick=0.4, asleep=0, pause=0.8, patience=90)
FULL = Size(heartbeat=10, dead_after=60, resend=60, tick=15, asleep=180, pause=45, patience=900)


@pytest.fixture(scope="session")
def size() -> Size:
    return FULL if os.environ.get("SEXTANT_PROOF") == "full" else SMALL


class Broker:
    """A Redis of the test's own, so that its death disturbs nobody else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.child: Child | None = None

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        binary = Path(sys.executable).with_name("redis-server")
        command = [str(binary) if binary.exists() else "redis-server", "--port", str(self.port)]
        command += ["--dir", str(self.folder), "--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        self.child = Child(name="redis", command=command, log=self.folder.with_suffix(".log"))
        wait_for(self._answers)

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def kill(self, *, losing_everything: bool = False) -> None:
        assert self.child is not None
        self.child.kill_group()
        if losing_everything:
            shutil.rmtree(self.folder)


class Plant:
    """The processes of one test and the jobs that they work on."""

    def __init__(self, folder: Path, size: Size) -> None:
        self.folder, self.size = folder, size
        self.queue = f"proof-{uuid.uuid4().hex[:8]}"
        self.broker = Broker(folder / "redis")
        self.children: list[Child] = []
        self.broker.start()
        self.sender = Celery("proof", broker=self.broker.url, set_as_current=False)
        self.sender.conf.update(task_default_queue=self.queue, broker_connection_timeout=1)

    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": database_url(),
            "REDIS_URL": self.broker.url,
            "CELERY_QUEUE": self.queue,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SECRET_KEY": "only-for-the-processes-of-a-proof",
            "JOB_HEARTBEAT_SECONDS": str(self.size.heartbeat),
            "JOB_DEAD_AFTER_SECONDS": str(self.size.dead_after),
            "JOB_RESEND_SECONDS": str(self.size.resend),
            "JOB_TICK_SECONDS": str(self.size.tick),
            "PYTHONWARNINGS": "ignore",
        }

    def start(self, name: str, *arguments: str) -> Child:
        variables = [f"{key}={value}" for key, value in self.environment().items()]
        program = [sys.executable, "-m", "celery", "-A", "tests.proof.app", *arguments]
        log = self.folder / f"{name}.log"
        child = Child(name=name, command=["env", *variables, *program], log=log, end_with=signal.SIGKILL)
        self.children.append(child)
        return child

    def start_worker(self, name: str) -> Child:
        quick = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        worker = self.start(
            name, "worker", "--concurrency=1", "--loglevel=INFO", f"--hostname={name}@proof", *quick
        )
        wait_for(lambda: self.is_ready(worker), seconds=self.size.patience)
        return worker

    def is_ready(self, worker: Child) -> bool:
        assert worker.exit_code is None, self.log(worker)
        return " ready." in self.log(worker)

    def start_beat(self, name: str = "beat") -> Child:
        return self.start(name, "beat", "--loglevel=INFO", "-s", str(self.folder / name), "--pidfile=")

    def log(self, child: Child) -> str:
        assert child.log is not None
        return child.log.read_text(errors="replace") if child.log.exists() else ""

    def add_job(self, *, batches: int = 8, due_at: Any = None, **pause: float) -> Job:
        return enqueue(task="proof.write_batches", params={"batches": batches, "pause": pause}, due_at=due_at)

    def wait_for_state(self, job: Job, *states: str) -> None:
        wait_for(lambda: Job.objects.get(pk=job.pk).state in states, seconds=self.size.patience)
        job.refresh_from_db()

    def wait_for_effects(self, job: Job, number: int, *, attempt: int | None = None) -> None:
        wait_for(lambda: len(effects(job, attempt=attempt)) >= number, seconds=self.size.patience)

    def end(self) -> None:
        for child in self.children:
            child.send(signal.SIGCONT)
            child.kill_group()
        self.sender.close()
        self.broker.kill()


def database_url() -> str:
    """Return the address of the test's own database."""
    found = connection.get_connection_params()
    names = {"host", "port", "password"} & found.keys()
    query = urlencode({name: found[name] for name in sorted(names)})
    return f"postgresql://{quote(found['user'])}@/{quote(found['dbname'])}?{query}"


def effects(job: Job, *, attempt: int | None = None) -> list[int]:
    """Return the numbers of the batches that were committed, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT batch FROM proof_effect "
            "WHERE job_id = %s AND coalesce(attempt = %s, true) ORDER BY batch",
            [job.pk, attempt],
        )
        return [batch for (batch,) in cursor.fetchall()]


def runner(job: Job) -> int:
    """Return the process that runs the job now."""
    job.refresh_from_db()
    return int(job.worker.rpartition(":")[2])


def wait_for(condition: Callable[[], T], *, seconds: float = 60) -> T:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


@pytest.fixture
def plant(
    transactional_db: None, tmp_path: Path, size: Size, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Plant]:
    Schedule.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(EFFECTS)
    made = Plant(tmp_path, size)
    monkeypatch.setattr(celery, "current_app", made.sender)
    monkeypatch.setattr(django_settings, "JOB_DEAD_AFTER_SECONDS", size.dead_after)
    yield made
    made.end()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE proof_effect")
