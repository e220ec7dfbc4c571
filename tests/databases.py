"""The databases of the test processes: migrated once, copied for each process, and emptied after a test."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.test import TransactionTestCase
from psycopg import sql

from crm.models.base import Fact

KEPT = {"django_content_type", "auth_permission"}
MADE_BY_MIGRATIONS = ("crm_schedule", "crm_eventretention")
FEW_ROWS = 300


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


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Put aside what migrations made, which every test finds and some change for good."""
    if connection.settings_dict["NAME"] != connection.settings_dict["TEST"]["NAME"]:
        return  # no test of this run asks for it
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS made")
        for name in map(sql.Identifier, MADE_BY_MIGRATIONS):
            cursor.execute(sql.SQL("CREATE TABLE IF NOT EXISTS made.{} AS TABLE {}").format(name, name))


@pytest.fixture(scope="session", autouse=True)
def _empty_tables_alone() -> Iterator[None]:
    """Let Django empty the database after a test that committed as `empty_tables` does it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _test: empty_tables())
        yield


def empty_tables() -> None:
    """Leave what migrations made, and the content types and permissions, which no test changes.

    TRUNCATE gives every table and index a new file, eight hundred in all, which takes longer than most
    tests; a few rows are deleted sooner. Triggers write down what was deleted, hence the second look.
    """
    past = {f"{model._meta.db_table}_past" for model in Fact.__subclasses__()}  # no model speaks of them
    tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False))
    names = sorted((tables | past) - KEPT)
    with transaction.atomic(), connection.cursor() as cursor:
        found = _rows(cursor, names)
        if max(found.values(), default=0) > FEW_ROWS:
            cursor.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, names))))
            found = {}
        while found:
            for name in found:
                cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
            found = _rows(cursor, names)
        for made in map(sql.Identifier, MADE_BY_MIGRATIONS):
            cursor.execute(sql.SQL("INSERT INTO {} OVERRIDING SYSTEM VALUE TABLE made.{}").format(made, made))


def _rows(cursor: Any, names: list[str]) -> dict[str, int]:
    """Count the rows of the tables that have any, each up to one more than a few."""
    few = sql.SQL("(SELECT count(*) FROM (SELECT FROM {} LIMIT {}) AS found)")
    counts = sql.SQL(", ").join(few.format(sql.Identifier(name), FEW_ROWS + 1) for name in names)
    cursor.execute(sql.SQL("SELECT {}").format(counts))
    return {name: count for name, count in zip(names, cursor.fetchone(), strict=True) if count}
