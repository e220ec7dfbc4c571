"""PostgreSQL and Redis out of wheels, for machines on which neither is installed.

`ensure()` is called by the settings when `DATABASE_URL` or `REDIS_URL` is not set. Every process
that called it holds a shared lock on `users.lock` for as long as it lives, which ends even with
`kill -9`. One detached guardian (`config/guardian.py`) owns both servers and stops them a few
seconds after nobody holds that lock any more.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
START_SECONDS = 180  # crash recovery of a large database is slow, but it is progress
STOP_SECONDS = 60


class EmbeddedServiceError(RuntimeError):
    """The services could not be started. The message is meant for the person at the terminal."""


@dataclass(frozen=True)
class Services:
    database_url: str
    redis_url: str


@dataclass(frozen=True)
class Home:
    """The folder that holds data, logs and locks of one set of services."""

    root: Path

    @property
    def users_lock(self) -> Path:
        return self.root / "users.lock"

    @property
    def guard_lock(self) -> Path:
        return self.root / "guard.lock"

    @property
    def start_lock(self) -> Path:
        return self.root / "start.lock"

    @property
    def state(self) -> Path:
        return self.root / "services.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def read_state(self) -> Services | None:
        try:
            return Services(**json.loads(self.state.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write_state(self, services: Services) -> None:
        fresh = self.state.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(services)))
        fresh.chmod(0o600)  # it holds the Redis password
        fresh.replace(self.state)


def home_path() -> Path:
    return Path(os.environ.get("SEXTANT_HOME") or REPOSITORY / ".sextant").expanduser().resolve()


class _Held:
    """What this process holds: the open lock file and the answer, so that a second call is free."""

    lock: int | None = None
    services: Services | None = None


def ensure() -> Services:
    """Return the addresses of both servers, starting them first when they are down.

    Safe to call from many processes at once. Servers of an earlier command are taken over.

    :raises EmbeddedServiceError: when they cannot be started; the message says why.
    """
    if _Held.services is not None:
        return _Held.services
    home = Home(home_path())
    try:
        home.logs.mkdir(parents=True, exist_ok=True)
        _Held.lock = os.open(home.users_lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(_Held.lock, fcntl.LOCK_SH)  # waits while a guardian is shutting down
        _Held.services = _running(home) or _start(home)
    except BaseException as error:
        release()
        if isinstance(error, OSError):
            raise EmbeddedServiceError(_explain(home, error)) from error
        raise
    return _Held.services


def release() -> None:
    """Stop counting as a user of the services."""
    if _Held.lock is not None:
        os.close(_Held.lock)
    _Held.lock = _Held.services = None


def stop_if_unused() -> bool:
    """Stop the servers at once unless another process uses them; return whether they are down."""
    home = Home(home_path())
    if not home.users_lock.exists():
        return True
    with home.users_lock.open("r+") as lock:
        if not try_lock(lock.fileno()):
            return False
    return stop()


def stop() -> bool:
    """Ask the guardian to stop both servers and wait for it. Return whether they are down."""
    home = Home(home_path())
    deadline = time.monotonic() + STOP_SECONDS
    asked = False
    while guardian_pid(home) is not None and time.monotonic() < deadline:
        pid = guardian_pid(home)
        if pid and not asked:
            os.kill(pid, signal.SIGTERM)
            asked = True
        time.sleep(0.05)
    return guardian_pid(home) is None


def guardian_pid(home: Home) -> int | None:
    """Return the living guardian's process id (0 while it writes it down), or None."""
    try:
        with home.guard_lock.open("r+") as lock:
            if try_lock(lock.fileno(), fcntl.LOCK_SH):
                return None
            return int(lock.read().strip() or 0)
    except FileNotFoundError:
        return None


def try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def tail(log: Path, lines: int = 12) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _explain(home: Home, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return (
            f"{error.filename or home.root} is not ours: another user (root perhaps) has used this folder. "
            "Be that user, delete the folder, or set SEXTANT_HOME to one of your own."
        )
    return f"{home.root} cannot be used: {error.strerror}."


def _running(home: Home) -> Services | None:
    return home.read_state() if guardian_pid(home) is not None else None


def _start(home: Home) -> Services:
    with _exclusive(home.start_lock):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if services := _running(home):
                return services
            if guardian_pid(home) is None:
                _spawn_guardian(home)
            time.sleep(0.02)
    raise EmbeddedServiceError(
        f"PostgreSQL and Redis were not ready after {START_SECONDS} s; see {home.logs}."
    )


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _spawn_guardian(home: Home) -> None:
    """Start the guardian and wait for its verdict; it detaches itself once it has begun."""
    log = home.logs / "embedded.log"
    reader, writer = os.pipe()
    environment = os.environ | {"SEXTANT_HOME": str(home.root)}
    with log.open("a") as output:
        launcher = subprocess.Popen(
            [sys.executable, "-m", "config.embedded", "guard", str(writer)],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[writer],
            start_new_session=True,
        )
    os.close(writer)
    launcher.wait()
    with os.fdopen(reader) as verdict:
        answer = verdict.read()
    if not answer:
        raise EmbeddedServiceError(f"The services did not start. Last lines of {log}:\n{tail(log)}")
    if answer != "ready":
        raise EmbeddedServiceError(answer)


def _print_status() -> int:
    home = Home(home_path())
    services = _running(home)
    if services is None:
        print(f"down ({home.root})")
        return 1
    print(f"up, guardian {guardian_pid(home)} ({home.root})")
    print(f"DATABASE_URL={services.database_url}\nREDIS_URL={services.redis_url}")
    return 0


def main(arguments: list[str]) -> int:
    match arguments:
        case ["status"]:
            return _print_status()
        case ["stop"]:
            return 0 if stop() else 1
        case ["guard", writer]:
            from config.guardian import guard  # needs psutil and psycopg, nobody else does

            return guard(Home(home_path()), int(writer))
    print("usage: python -m config.embedded status|stop", file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except PermissionError as failure:
        sys.exit(_explain(Home(home_path()), failure))
