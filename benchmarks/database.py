"""One database for each size, kept between runs as long as it was filled by the same generator."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from crm.services import bare_tables, generated_sql, generation
from crm.services.generation import Size, generate

ORDERS_PER_ACCOUNT = 5
EVENTS_PER_ACCOUNT = 5


def prepare_database(
    accounts: int, *, orders: int | None = None, events: int | None = None
) -> dict[str, float]:
    """Make, migrate and fill the database of these settings; return what filling it took, if done."""
    size = Size(
        accounts,
        accounts * ORDERS_PER_ACCOUNT if orders is None else orders,
        accounts * EVENTS_PER_ACCOUNT if events is None else events,
    )
    made_by = _fingerprint(size)
    name = str(settings.DATABASES["default"]["NAME"])
    is_kept = _comment(name) == made_by
    if not is_kept:
        recreate_database(name)
    call_command("migrate", verbosity=0, interactive=False)
    if is_kept:
        return {}
    figures = generate(size=size, say=lambda line: print(f"  {line}", flush=True))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")  # as autovacuum leaves a database that has been up for a while
        cursor.execute("CHECKPOINT") if _may_checkpoint() else None
    _on_server(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(made_by)))
    return figures


def _fingerprint(size: Size) -> str:
    orders, events = size.orders / size.accounts, size.events / size.accounts
    digest = hashlib.sha256(f"{size.accounts} {orders:g} {events:g}".encode())
    for module in (generation, generated_sql, bare_tables):
        digest.update(Path(str(module.__file__)).read_bytes())
    return f"sextant benchmark {digest.hexdigest()[:16]}"


def _comment(name: str) -> str | None:
    asked = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    row = _on_server(sql.SQL(asked), [name])
    return row[0] if row else None


def recreate_database(name: str) -> None:
    _on_server(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    _on_server(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _may_checkpoint() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_has_role('pg_checkpoint', 'member')")
        return bool(cursor.fetchone()[0])


def _on_server(
    statement: sql.SQL | sql.Composed, parameters: list[Any] | None = None
) -> tuple[Any, ...] | None:
    """Run one statement beside the database, which it may create or drop."""
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as server:
        cursor = server.execute(statement, parameters)
        return cursor.fetchone() if cursor.description else None
