"""Is this process alive, and is the installation around it fit to serve?"""

from __future__ import annotations

from collections.abc import Callable

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error as DatabaseError
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.connection import ConnectionProxy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

HEARTBEAT_SECONDS = 120


@login_not_required
@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer without touching anything: the process runs."""
    return JsonResponse({"status": "ok"})


@login_not_required
@never_cache
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Say what keeps this installation from serving well, as codes; 503 if anything does."""
    found = {name: problem() for name, problem in CHECKS.items()}
    ready = not any(found.values())
    body = {"status": "ok" if ready else "failing", "checks": {n: p or "ok" for n, p in found.items()}}
    return JsonResponse(body, status=200 if ready else 503)


def database_problem() -> str | None:
    return role_problem(connection)


def role_problem(database: BaseDatabaseWrapper | ConnectionProxy[BaseDatabaseWrapper]) -> str | None:
    """Return why a connection must not be used: row policies do not bind these roles."""
    try:
        with database.cursor() as cursor:
            cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
            superuser, bypasses = cursor.fetchone() or (True, True)
    except DatabaseError:
        return "unreachable"
    if superuser:
        return "role_is_superuser"
    return "role_bypasses_row_security" if bypasses else None


def broker_problem() -> str | None:
    """Return why Redis may not carry messages: any policy but noeviction drops them when full."""
    try:
        with redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_timeout=2) as client:
            policy = client.info("memory").get("maxmemory_policy")
    except redis.RedisError:
        return "unreachable"
    return None if policy == "noeviction" else "evicts_messages"


def worker_problem() -> str | None:
    """Return whether no worker has been seen lately, by the database's clock."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT max(heartbeat_at) > now() - make_interval(secs => %s) FROM crm_workerheartbeat",
                [HEARTBEAT_SECONDS],
            )
            (recent,) = cursor.fetchone()
    except DatabaseError:
        return "unknown"
    return None if recent else "no_worker_seen"


CHECKS: dict[str, Callable[[], str | None]] = {
    "database": database_problem,
    "broker": broker_problem,
    "worker": worker_problem,
}
