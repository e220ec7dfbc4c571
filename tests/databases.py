"""The databases of the test processes: migrated once, copied for each process, and emptied after a test."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import TransactionTestCase
from psycopg import sql

KEPT = {"django_content_type", "auth_permission"}


@pytest.fixture(scope="session")
def django_db_createdb(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    django_test_environment: None,
    django_db_blocker: Any,
    django_db_modify_db_settings: None,
) -> bool:
    """Say whether this process makes its database anew by migrations; beside others it copies one.

    Migrations take most of half a minute of a core, which a copy does not.
    """
    is_anew = bool(request.config.getoption("create_db"))
    worker = getattr(request.config, "workerinput", None)
    if not is_anew or worker is None:
        return is_anew
    shared = tmp_path_factory.getbasetemp().parent  # of all processes of this run, and of no other run
    with django_db_blocker.unblock(), _alone(shared / "database.lock"):
        original = _original(shared / "database.migrated", worker["workerid"])
        _copy(original, str(connection.settings_dict["TEST"]["NAME"]))
    return False


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _original(migrated: Path, worker: str) -> str:
    """Return the name of the database that nobody works in; the first process migrates it."""
    settings = connection.settings_dict
    mine, usual = settings["TEST"]["NAME"], settings["NAME"]
    name = f"{str(mine).removesuffix(worker)}original"
    if not migrated.exists():
        settings["TEST"]["NAME"] = name
        try:
            connection.creation.create_test_db(verbosity=0, autoclobber=True)
        finally:
            connection.close()
            settings["TEST"]["NAME"], settings["NAME"] = mine, usual
        migrated.touch()
    return name


def _copy(original: str, name: str) -> None:
    known = connection.get_connection_params()
    address = {key: known[key] for key in ("host", "port", "user", "password") if key in known}
    with psycopg.connect(**address, dbname="postgres", autocommit=True) as link:
        link.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        link.execute(make.format(sql.Identifier(name), sql.Identifier(original)))


@pytest.fixture(scope="session", autouse=True)
def _empty_tables_alone() -> Iterator[None]:
    """Let a test that committed leave content types and permissions, which no test changes.

    Django empties them too and makes them anew, which takes longer than emptying all the others.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", _empty_tables)
        yield


def _empty_tables(_test: TransactionTestCase) -> None:
    tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False))
    names = sql.SQL(", ").join(sql.Identifier(name) for name in sorted(tables - KEPT))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("TRUNCATE {}").format(names))
