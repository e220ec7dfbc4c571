"""Workers as they run in production, and what they are at, how long, and with how much memory."""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from django.db import connection

from config.children import Child, end_all
from crm.models import Job
from crm.services.sweep import send_waiting_jobs

EVERY = 0.2  # seconds between two looks
QUICK = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING")


@dataclass
class Watched:
    """What was seen of a job and of all that it handed out."""

    seconds: float = 0.0
    peak: float = 0.0  # MB, all workers together
    by_phase: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # worker-seconds
    peak_by_phase: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    states: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "seconds": self.seconds,
            "peak_mb": self.peak,
            "phase_seconds": dict(self.by_phase),
            "phase_peak_mb": dict(self.peak_by_phase),
            "jobs": self.states,
        }


@contextmanager
def workers(number: int, folder: Path) -> Iterator[list[Child]]:
    """Start worker processes that share nothing but the database, the broker and `FILES_ROOT`."""
    children = [start_worker(f"worker-{n}", folder) for n in range(number)]
    try:
        yield children
    finally:
        end_all(children)


def start_worker(name: str, folder: Path) -> Child:
    """Start one worker with a working directory and a `HOME` of its own."""
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    variables = [f"HOME={home}", f"PYTHONPATH={Path.cwd()}", "OPENBLAS_NUM_THREADS=1"]
    program = [sys.executable, "-m", "celery", "--quiet", "-A", "config", "--workdir", str(home)]
    options = ["worker", "--concurrency=1", f"--hostname={name}@bench", *QUICK]
    return Child(name=name, command=["env", *variables, *program, *options], log=folder / f"{name}.log")


def start_beat(folder: Path) -> Child:
    """Start what makes due schedules, and news for those that follow the feed, into jobs."""
    program = [sys.executable, "-m", "celery", "--quiet", "-A", "config"]
    options = ["beat", "--loglevel=WARNING", "-s", str(folder / "beat"), "--pidfile="]
    return Child(name="beat", command=[*program, *options], log=folder / "beat.log")


def watch(job: Job, children: list[Child], *, patience: float = 7_200.0) -> Watched:
    """Look on until the job and everything that it handed out has ended."""
    seen, started = Watched(), time.monotonic()
    before = started
    while True:
        rows = _family(job)
        memory = sum(_pss(child) for child in children)
        now = time.monotonic()
        seen.peak = max(seen.peak, memory)
        for phase in (row["phase"] for row in rows if row["state"] == "running"):
            seen.by_phase[phase] += now - before
            seen.peak_by_phase[phase] = max(seen.peak_by_phase[phase], memory)
        before = now
        if not any(row["state"] in {"queued", "running"} for row in rows):
            break
        if now - started > patience:
            raise TimeoutError(rows)
        send_waiting_jobs()  # as beat does
        time.sleep(EVERY)
    seen.seconds = time.monotonic() - started
    for row in rows:
        key = f"{row['task']} {row['state']}"
        seen.states[key] = seen.states.get(key, 0) + 1
    return seen


def _family(job: Job) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH RECURSIVE family AS (
                   SELECT * FROM crm_job WHERE id = %s
                   UNION ALL SELECT child.* FROM crm_job child JOIN family ON child.parent_id = family.id
               ) SELECT task, state, phase FROM family""",
            [job.pk],
        )
        return [dict(zip(("task", "state", "phase"), row, strict=True)) for row in cursor.fetchall()]


def _pss(child: Child) -> float:
    try:
        process = psutil.Process(child.process.pid)
        family = [process, *process.children(recursive=True)]
        return sum(float(each.memory_full_info().pss) for each in family) / 2**20
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0.0


def load() -> str:
    return ", ".join(f"{each:.1f}" for each in os.getloadavg())
