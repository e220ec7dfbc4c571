"""Which workers there are, by the database's clock, for `/readyz` and the jobs page."""

import os
import socket
from pathlib import Path

import structlog
from django.db import DatabaseError, connection

log = structlog.get_logger(__name__)

FORGET_AFTER_HOURS = 24


def process_name() -> str:
    """Return what a job notes of the process that runs it."""
    return f"{_host()}:{os.getpid()}"


def is_known_to_be_dead(process: str) -> bool:
    """Say whether that process ran on this machine and is no more.

    Of other machines nothing is known, and a number may meanwhile belong to another program.
    """
    host, _colon, number = process.rpartition(":")
    if host != _host() or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return _has_ended(int(number))


def _has_ended(number: int) -> bool:
    """Say whether a process has ended, though nobody has asked for its exit code yet. Linux tells."""
    try:
        status = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] == "Z"


def _host() -> str:
    return socket.gethostname()[:80]


def say_worker_is_there(*, name: str) -> None:
    """Stamp the worker's row and forget those not seen for a day.

    The connection is closed each time: this runs in the parent of processes that fork.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO crm_workerheartbeat (name, heartbeat_at) VALUES (%s, now()) "
                "ON CONFLICT (name) DO UPDATE SET heartbeat_at = excluded.heartbeat_at",
                [name[:100]],
            )
            cursor.execute(
                "DELETE FROM crm_workerheartbeat WHERE heartbeat_at < now() - make_interval(hours => %s)",
                [FORGET_AFTER_HOURS],
            )
    except DatabaseError as error:
        log.warning("worker_heartbeat_failed", type=type(error).__name__)
    finally:
        connection.close()
