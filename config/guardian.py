"""The detached process that owns the embedded servers: starts, restarts and stops them."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
import traceback
from types import FrameType

from config.embedded import EmbeddedServiceError, Home, Services, try_lock
from config.embedded_servers import PostgresServer, RedisServer, Server

IDLE_SECONDS = float(os.environ.get("SEXTANT_IDLE_SECONDS") or 5)
POLL_SECONDS = 0.25
RESTARTS_PER_MINUTE = 5


class _Stop:
    asked = False


def guard(home: Home, verdict: int) -> int:
    """Run both servers until nobody uses them; tell `verdict` once how the start went."""
    if os.fork():
        os._exit(0)  # the caller waits for this, and inherits no zombie
    os.setsid()
    lock = os.open(home.guard_lock, os.O_RDWR | os.O_CREAT, 0o600)
    if not try_lock(lock):
        return _report(verdict, "ready")  # another guardian is quicker; the caller waits for it
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _ask_to_stop)
    home.state.unlink(missing_ok=True)
    servers: list[Server] = []
    is_told = False
    try:
        servers += [postgres := PostgresServer(home), redis := RedisServer(home)]
        _start_all(home, servers)
        home.write_state(Services(postgres.url, redis.url))
        is_told = _report(verdict, "ready") == 0
        _watch(home, servers)
    except EmbeddedServiceError as error:
        if not is_told:
            return _report(verdict, str(error))
        print(error, flush=True)  # into the log: who asked has had the answer and closed the line
        return 1
    finally:
        # Gone before any lock is: whoever waits for a lock must not find an old address.
        home.state.unlink(missing_ok=True)
        for server in reversed(servers):
            server.stop()
    return 0


def _ask_to_stop(_number: int, _frame: FrameType | None) -> None:
    _Stop.asked = True


def _start_all(home: Home, servers: list[Server]) -> None:
    try:
        for server in servers:
            server.prepare()
            server.launch()
        for server in servers:
            server.wait_until_ready()
    except OSError as error:
        traceback.print_exc()
        raise EmbeddedServiceError(f"The services could not be started in {home.root}: {error}.") from error


def _report(verdict: int, message: str) -> int:
    print(message, flush=True)
    try:
        os.write(verdict, message.encode())
        os.close(verdict)
    except OSError:
        print("whoever asked for the services has gone", file=sys.stderr)
    return 0 if message == "ready" else 1


def _watch(home: Home, servers: list[Server]) -> None:
    """Return when nobody has held the users' lock for a while, or when asked to stop."""
    users = os.open(home.users_lock, os.O_RDWR | os.O_CREAT, 0o600)
    inode = os.fstat(users).st_ino
    idle_since = time.monotonic()
    starts: list[float] = []
    while not _Stop.asked and _still_there(home, inode):
        if _nobody_holds(users):
            if time.monotonic() - idle_since >= IDLE_SECONDS and try_lock(users):
                return  # kept until this process ends: newcomers wait, then start afresh
        else:
            idle_since = time.monotonic()
        for server in servers:
            if not server.is_alive():
                _restart(server, starts)
        time.sleep(POLL_SECONDS)


def _still_there(home: Home, inode: int) -> bool:
    """Return False when the folder was deleted under the running servers."""
    try:
        return home.users_lock.stat().st_ino == inode
    except FileNotFoundError:
        return False


def _nobody_holds(users: int) -> bool:
    if not try_lock(users):
        return False
    fcntl.flock(users, fcntl.LOCK_UN)
    return True


def _restart(server: Server, starts: list[float]) -> None:
    now = time.monotonic()
    starts[:] = [*(at for at in starts if now - at < 60), now]
    if len(starts) > RESTARTS_PER_MINUTE:
        raise EmbeddedServiceError(f"{server.name} keeps ending by itself; giving up.")
    print(f"{server.name} ended by itself, starting it again", flush=True)
    server.prepare()
    server.launch()
    server.wait_until_ready()
