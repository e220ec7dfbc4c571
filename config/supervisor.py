"""`make run`: everything on one machine, from the empty folder to the address to open.

Children write into log files and die with this process, so that neither Ctrl-C nor `kill -9`
leaves anything behind.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from config.children import Child, end_all
from config.embedded import (
    REPOSITORY,
    EmbeddedServiceError,
    Home,
    ensure,
    guardian_pid,
    home_path,
    release,
    stop_if_unused,
    tail,
    try_lock,
)


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) < 2**16):
        sys.exit(f"PORT={text} is no port: a number from 1 to 65535 is one.")
    return int(text)


FREE_BYTES_NEEDED = 1024**3
HOST = os.environ.get("HOST", "127.0.0.1")
PORT = _port(os.environ.get("PORT") or "8000")
WEB_SECONDS = 180  # a busy machine may take its time; a dead server is noticed at once


class StartError(Exception):
    """Why the product cannot run, in words for the person at the terminal."""


class Supervisor:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.logs = home / "logs"
        self.children: list[Child] = []
        self.began = time.monotonic()
        self.uses_embedded = False

    def run(self) -> NoReturn:
        self.start_services()
        self.finish("Preparing the database", "migrate", "migrate", "--noinput")
        self.collect_static()
        self.start_worker()
        self.start_beat()  # its sweep hands on what a start that was cut short had left running
        self.start_web()
        self.finish("Loading the demo books", None, "load_demo")
        self.wait_for_web()
        say(f"\nSextant is ready after {time.monotonic() - self.began:.0f} s: http://{HOST}:{PORT}/\n")
        self.finish(None, None, "demo_signins")
        say(f"\nLogs are in {self.logs}. Ctrl-C ends everything.")
        self.watch()

    def start_services(self) -> None:
        if os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL"):
            say("Using the PostgreSQL and Redis of DATABASE_URL and REDIS_URL")
        else:
            say("Starting PostgreSQL and Redis")
            self.uses_embedded = True
            ensure()

    def collect_static(self) -> None:
        """Collect again only when a file changed: hashing and compressing takes seconds."""
        stamp, now = self.home / "static.stamp", _static_fingerprint()
        if stamp.exists() and stamp.read_text() == now:
            return
        self.finish("Collecting static files", "collectstatic", "collectstatic", "--noinput", "-v0")
        stamp.write_text(now)

    def start_worker(self) -> None:
        celery = [sys.executable, "-m", "celery", "--quiet", "-A", "config"]
        worker = [*celery, "worker", "--concurrency=2", "--loglevel=INFO", "--without-mingle"]
        self.start("worker", worker, end_with=signal.SIGQUIT)

    def start_beat(self) -> None:
        schedule = str(self.home / "celerybeat-schedule")
        celery = [sys.executable, "-m", "celery", "--quiet", "-A", "config"]
        beat = [*celery, "beat", "--schedule", schedule, "--pidfile="]
        self.start("beat", beat)

    def start_web(self) -> None:
        server = [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn"]
        self.start("web", [*server, "--bind", f"{HOST}:{PORT}", "config.wsgi"])

    def start(self, name: str, command: list[str], end_with: signal.Signals = signal.SIGTERM) -> None:
        self.children.append(
            Child(name=name, command=command, log=self.logs / f"{name}.log", end_with=end_with)
        )

    def finish(self, title: str | None, log: str | None, *arguments: str) -> None:
        """Run one management command to its end, watching over the others meanwhile."""
        if title:
            say(title)
        step = Child(
            name=arguments[0],
            command=[sys.executable, "manage.py", *arguments],
            log=self.logs / f"{log}.log" if log else None,
        )
        try:
            self.wait_until(lambda: step.exit_code is not None)
        finally:
            end_all([step])
        if step.exit_code:
            raise StartError(_last_words(f"`manage.py {arguments[0]}` failed", step))

    def wait_for_web(self) -> None:
        deadline = time.monotonic() + WEB_SECONDS
        self.wait_until(lambda: _answers() or time.monotonic() > deadline)
        if not _answers():
            raise StartError(f"The web server did not answer; see {self.logs / 'web.log'}.")

    def watch(self) -> NoReturn:
        self.wait_until(lambda: False)
        raise AssertionError("unreachable")

    def wait_until(self, done: Callable[[], bool]) -> None:
        while not done():
            for child in self.children:
                for line in child.new_errors():
                    say(f"[{child.name}] {line}")
                if child.exit_code is not None:
                    raise StartError(_last_words(f"{child.name} ended by itself", child))
            if self.uses_embedded and guardian_pid(Home(self.home)) is None:
                log = self.logs / "embedded.log"
                raise StartError(
                    f"PostgreSQL and Redis ended by themselves. Last lines of {log}:\n{tail(log)}"
                )
            time.sleep(0.1)

    def end(self) -> None:
        end_all(self.children)
        release()
        if self.uses_embedded and not stop_if_unused():
            say("PostgreSQL and Redis stay up: another Sextant command still uses them.")


def say(line: str) -> None:
    print(line, flush=True)


def _last_words(what: str, child: Child) -> str:
    code = child.exit_code or 0
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    end = f" Last lines of {child.log}:\n{tail(child.log)}" if child.log else ""
    return f"{what} ({how}).{end}"


def _answers() -> bool:
    host = "127.0.0.1" if HOST == "0.0.0.0" else HOST  # noqa: S104 - compared, not bound
    try:
        with urllib.request.urlopen(f"http://{host}:{PORT}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _static_fingerprint() -> str:
    """Tell whether any static file or installed package may have changed, without reading them."""
    digest = hashlib.sha256((REPOSITORY / "requirements.txt").read_bytes())
    for folder in sorted(REPOSITORY.glob("*/static")):
        for file in sorted(folder.rglob("*")):
            found = file.stat()
            digest.update(f"{file}{found.st_size}{found.st_mtime_ns}".encode())
    return digest.hexdigest()


def _check_port() -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, PORT))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            way_out = "Something else listens there; stop it, or choose" if taken else "Choose"
            raise StartError(
                f"Port {PORT} of {HOST} cannot be used ({error.strerror}). "
                f"{way_out} another port: make run PORT={PORT + 1 if taken else 8000}"
            ) from error


def _check_disk(home: Path) -> None:
    free = shutil.disk_usage(home).free
    if free < FREE_BYTES_NEEDED:
        raise StartError(
            f"The disk is nearly full: {free // 2**20} MB are free in {home}, "
            f"{FREE_BYTES_NEEDED // 2**20} MB are needed. Free some space and start again."
        )


def _only_one(home: Path) -> int:
    """Hold the lock of `make run` for as long as this process lives, however it ends."""
    lock = os.open(home / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    if not try_lock(lock):
        owner = os.read(lock, 32).decode().strip()
        raise StartError(f"Sextant is already running in {home} (process {owner}). End that one first.")
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


def reset() -> int:
    """Delete the data of `make run`; the next start begins with an empty folder."""
    home = home_path()
    if not home.exists():
        say("There is nothing to delete.")
        return 0
    try:
        _only_one(home)
    except StartError as error:
        say(str(error))
        return 1
    if not stop_if_unused():
        say(f"Another process still uses the services in {home}; end it first.")
        return 1
    shutil.rmtree(home)
    say(f"Deleted {home}. `make run` starts over.")
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt  # whichever signal it was, the end is the same


def main(make_supervisor: Callable[[Path], Supervisor] = Supervisor) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    os.chdir(REPOSITORY)
    home = home_path()
    supervisor = make_supervisor(home)
    try:
        supervisor.logs.mkdir(parents=True, exist_ok=True)
        _only_one(home)
        _check_port()
        _check_disk(home)
        supervisor.run()
    except KeyboardInterrupt:
        say("\nEnding.")
        return 0
    except (StartError, EmbeddedServiceError) as error:
        say(f"\nSextant stopped: {error}")
        return 1
    except OSError as error:
        say(f"\nSextant stopped: {error.strerror}: {error.filename or home}")
        return 1
    finally:
        # A second Ctrl-C must not leave half of them running.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        supervisor.end()


if __name__ == "__main__":
    sys.exit(reset() if sys.argv[1:] == ["reset"] else main())
