"""The servers of a benchmark: its own, because it drops and fills databases."""

from __future__ import annotations

import os
from pathlib import Path

from config import embedded

HOME = embedded.REPOSITORY / ".sextant-bench"


def own_services(home: Path, *, database: str | None = None) -> None:
    """Start a PostgreSQL and a Redis below `home`, whatever the environment names.

    Sets the process's environment, so call it before `django.setup()`. `database` is the one
    that `benchmarks.settings` will use.
    """
    for name in ("DATABASE_URL", "REDIS_URL", "DEBUG", "SEXTANT_TESTING", "SEXTANT_FAST_UNSAFE"):
        os.environ.pop(name, None)
    os.environ |= {
        "SEXTANT_HOME": str(home.resolve()),
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "LOG_LEVEL": "WARNING",
    }
    if database is not None:
        os.environ["BENCH_DATABASE"] = database
    embedded.ensure()
