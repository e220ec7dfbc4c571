"""/healthz and /readyz, and the refusal to work as a role that ignores row policies."""

from datetime import timedelta

import pytest
import redis
from django.core.checks import run_checks
from django.db import connection, connections
from django.db.models.functions import Now
from django.db.utils import ConnectionHandler

from config import checks
from config.health import broker_problem, role_problem, worker_problem
from crm.models.jobs import WorkerHeartbeat


@pytest.fixture
def superuser_connection(db):
    """The same database, reached as the superuser that made it."""
    there = connections.settings["default"]
    if "host" not in there["OPTIONS"]:
        pytest.skip("a superuser is at hand only in the embedded PostgreSQL")
    handler = ConnectionHandler({"default": there | {"USER": "postgres", "NAME": "postgres"}})
    yield handler["default"]
    handler["default"].close()


@pytest.fixture
def heartbeat(db):
    """Report a worker as seen some seconds ago, by the database's clock."""

    def report(*, seconds_ago):
        seen = Now() - timedelta(seconds=seconds_ago)
        WorkerHeartbeat.objects.create(name="worker@test", heartbeat_at=seen)

    return report


def test_the_process_answers_without_its_services(client):
    response = client.get("/healthz")

    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


def test_readiness_names_what_is_missing(client, db):
    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {
        "status": "failing",
        "checks": {"database": "ok", "broker": "ok", "worker": "no_worker_seen"},
    }
    assert response["Cache-Control"].startswith("max-age=0")


def test_an_installation_with_a_working_worker_is_ready(client, heartbeat):
    heartbeat(seconds_ago=5)

    assert client.get("/readyz").json()["status"] == "ok"


def test_a_worker_that_fell_silent_is_noticed(heartbeat):
    heartbeat(seconds_ago=600)

    assert worker_problem() == "no_worker_seen"


def test_superusers_and_those_who_bypass_policies_are_refused(superuser_connection, monkeypatch):
    assert role_problem(connection) is None
    assert role_problem(superuser_connection) == "role_is_superuser"
    with superuser_connection.cursor() as cursor:
        cursor.execute("CREATE ROLE bypasser BYPASSRLS")
        cursor.execute("SET ROLE bypasser")
        found = role_problem(superuser_connection)
        cursor.execute("RESET ROLE")
        cursor.execute("DROP ROLE bypasser")
    assert found == "role_bypasses_row_security"

    monkeypatch.setattr(checks, "database_problem", lambda: role_problem(superuser_connection))
    errors = run_checks(tags=["database"], databases=["default"])
    assert [error.id for error in errors if error.id == "config.E001"] == ["config.E001"]


def test_a_redis_that_may_forget_messages_is_refused(installation, settings):

    _, settings.CELERY_BROKER_URL = installation.urls(installation.user())
    assert broker_problem() is None

    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    assert broker_problem() == "evicts_messages"

    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    assert broker_problem() == "unreachable"
