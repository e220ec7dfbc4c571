"""Sets of embedded services of their own, so that killing them disturbs no other test."""

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from config.embedded import REPOSITORY, Home, guardian_pid

T = TypeVar("T")
SERVER_NAMES = ("postgres", "redis-server")


class Installation:
    """One SEXTANT_HOME and the processes that a test starts on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = Home(root)
        # Not the addresses of the test session: these processes find their own.
        self.environment = {
            name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")
        } | {"SEXTANT_HOME": str(root), "SEXTANT_FAST_UNSAFE": "1", "SEXTANT_IDLE_SECONDS": "0.5"}
        self.started: list[subprocess.Popen[str]] = []

    def spawn(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=REPOSITORY,
            env=self.environment | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def user(self, code: str = "") -> subprocess.Popen[str]:
        """Start a process that uses the services until its standard input is closed."""
        before = "import sys, json; from config.embedded import ensure; services = ensure()"
        ready = "print(json.dumps([services.database_url, services.redis_url]), flush=True); sys.stdin.read()"
        return self.spawn("-c", "\n".join([before, textwrap.dedent(code), ready]))

    def urls(self, user: subprocess.Popen[str]) -> tuple[str, str]:
        assert user.stdout is not None
        line = user.stdout.readline()
        assert line.startswith("["), line + user.stdout.read()
        database_url, redis_url = json.loads(line)
        return database_url, redis_url

    def servers(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter(["name"]) if self._is_server(process)]

    def _is_server(self, process: psutil.Process) -> bool:
        try:
            return process.info["name"] in SERVER_NAMES and Path(process.cwd()).is_relative_to(self.root)
        except psutil.Error:
            return False

    def server(self, name: str) -> psutil.Process:
        """Return the process that the guardian started, not one of its own children."""
        return next(p for p in self.servers() if p.name() == name and p.ppid() == guardian_pid(self.home))

    def is_down(self) -> bool:
        return guardian_pid(self.home) is None and not self.servers()


def wait_for(condition: Callable[[], T], *, seconds: float = 15) -> T:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path.resolve() / "home")
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()
    made.spawn("-m", "config.embedded", "stop").communicate(timeout=60)
    wait_for(made.is_down)
