"""System checks: what must be true before the product touches its database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection

from config.health import database_problem

HINT = "Connect as the role sextant; see the operator guide."
HINTS = {
    "role_is_superuser": "DATABASE_URL connects as a superuser, whom row policies do not bind.",
    "role_bypasses_row_security": "DATABASE_URL connects as a role with BYPASSRLS.",
}


class UnfitRoleError(RuntimeError):
    """The web server must not start. The message is meant for whoever starts it."""


def refuse_unfit_role() -> None:
    """Stop a start as a role that ignores row policies.

    A database that is away is no reason: the pages come back with it, and `/readyz` says so meanwhile.

    :raises UnfitRoleError: when the role is one of those.
    """
    try:
        problem = database_problem()
    finally:
        connection.close()  # the processes that serve are forked from this one
    if problem in HINTS:
        raise UnfitRoleError(f"{HINTS[problem]} {HINT}")


@register(Tags.database)
def ordinary_database_role(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Refuse a role that ignores row policies: partners would see each other's accounts."""
    problem = database_problem() if databases else None
    if problem not in HINTS:
        return []
    return [Error(HINTS[problem], hint=HINT, id="config.E001")]
