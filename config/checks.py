"""System checks: what must be true before the product touches its database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from config.health import database_problem

HINTS = {
    "role_is_superuser": "DATABASE_URL connects as a superuser, whom row policies do not bind.",
    "role_bypasses_row_security": "DATABASE_URL connects as a role with BYPASSRLS.",
}


@register(Tags.database)
def ordinary_database_role(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Refuse a role that ignores row policies: partners would see each other's accounts."""
    problem = database_problem() if databases else None
    if problem not in HINTS:
        return []
    return [
        Error(HINTS[problem], hint="Connect as the role sextant; see the operator guide.", id="config.E001")
    ]
