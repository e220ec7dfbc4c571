"""The real web server, with two workers, and what it occupies."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from config.children import Child, end_all

WORKERS = 2
START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    pid: int

    def memory(self) -> dict[str, float]:
        """Return the PSS of the master and of each worker in MB: shared pages are counted once in all."""
        master = psutil.Process(self.pid)
        workers = [_pss(worker) for worker in master.children()]
        return {"master": _pss(master), "workers": sum(workers), "all": _pss(master) + sum(workers)}


@contextmanager
def web_server(log: Path) -> Iterator[Server]:
    port = _free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn"]
    # Without an end after so many requests: a new worker would be measured among the warm ones.
    command += ["--bind", f"127.0.0.1:{port}", "--workers", str(WORKERS), "--max-requests", "0"]
    child = Child(name="web", command=[*command, "config.wsgi"], log=log)
    try:
        _wait(child, port, log)
        yield Server(port, child.process.pid)
    finally:
        end_all([child])


def _wait(child: Child, port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if child.exit_code is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"The web server did not start; see {log}.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _pss(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss) / 2**20
