"""Where the lake lies, and where its engines put what does not fit into their memory."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import connection


def lake_folder() -> Path:
    """Return the folder of this database's lake: a test database has its own."""
    name = str(connection.settings_dict["NAME"])
    return Path(settings.FILES_ROOT) / "lake" / name


def spill_folder(folder: Path) -> Path:
    """Return where engines put what does not fit into memory, each in a folder of its own."""
    return folder / "spill"


@contextmanager
def engine_limits(*, memory_limit: str = "2GB", threads: int = 2) -> Iterator[dict[str, Any]]:
    """Give the settings of one engine, with a folder of its own to spill into while it works.

    Without them DuckDB takes most of the machine's memory, and spills where the process stands. Two
    processes must never spill into one folder: the names of their files are the same.
    """
    folder = spill_folder(lake_folder()) / uuid4().hex
    folder.mkdir(parents=True)  # DuckDB makes the last folder of a path when it needs it, and no other
    try:
        yield {"memory_limit": memory_limit, "threads": threads, "temp_directory": str(folder)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
