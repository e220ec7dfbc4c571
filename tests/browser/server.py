"""The product as people meet it: gunicorn with its own database, cloned from the test database."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql

from config.embedded import REPOSITORY

START_SECONDS = 60
# Threads of earlier tests may have left sessions behind, and a database in use can't be copied.
# PostgreSQL itself asks its own processes to leave; nobody else may.
LEAVE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = %s AND backend_type = 'client backend'
"""


@dataclass(frozen=True)
class Site:
    url: str
    log: Path

    def log_tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8").splitlines()[-lines:])


@contextmanager
def cloned_database(suffix: str = "browser") -> Iterator[str]:
    """Copy the migrated, empty test database; what browsers do there disturbs no other test."""
    if connection.settings_dict["NAME"] != connection.settings_dict["TEST"]["NAME"]:
        # pytest-django makes it only for tests that ask for `db`; these have a database of their own.
        connection.creation.create_test_db(verbosity=0, autoclobber=True, keepdb=True)
    connection.close()
    source = connection.settings_dict["NAME"]
    clone = f"{source}_{suffix}"
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(clone))
    with psycopg.connect(**_maintenance(), autocommit=True) as maintenance:
        maintenance.execute(drop)
        maintenance.execute(LEAVE, [source])
        maintenance.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(clone), sql.Identifier(source))
        )
    try:
        yield clone
    finally:
        with psycopg.connect(**_maintenance(), autocommit=True) as maintenance:
            maintenance.execute(drop)


def _maintenance() -> dict[str, Any]:
    wanted = connection.get_connection_params()
    return {key: wanted[key] for key in ("host", "port", "user", "password") if key in wanted} | {
        "dbname": "postgres"
    }


@contextmanager
def connected_to(database: str) -> Iterator[None]:
    """Let the test's own queries go to this database."""
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = database
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual


@contextmanager
def running_site(database: str, folder: Path) -> Iterator[Site]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        port = listener.getsockname()[1]
        log = folder / "site.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn", "--workers", "1",
                 "--bind", f"fd://{listener.fileno()}", "config.wsgi"],
                cwd=REPOSITORY, env=_environment(database), stdout=output, stderr=output,
                pass_fds=[listener.fileno()],
            )  # fmt: skip
    site = Site(f"http://127.0.0.1:{port}", log)
    try:
        _wait_for(site, process)
        yield site
    finally:
        process.terminate()
        process.wait(timeout=30)


def _environment(database: str) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings_test",
        "DATABASE_URL": urlsplit(settings.DATABASE_URL)._replace(path=f"/{database}").geturl(),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,  # sessions that the tests make are good there
        "CACHE_KEY_PREFIX": database,
        "CELERY_QUEUE": database,
        "ALLOWED_HOSTS": "127.0.0.1",
        "HTTPS": "0",
        "LOG_LEVEL": "WARNING",
    }


def _wait_for(site: Site, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{site.url}/healthz", timeout=5):
                return
        except OSError:  # not there yet, or too busy to answer
            time.sleep(0.1)
    raise AssertionError(f"The site did not start:\n{site.log_tail()}")
