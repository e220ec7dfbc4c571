"""Files that people hand in, kept under `FILES_ROOT`: never more of them than is allowed."""

from __future__ import annotations

import hashlib
import re
import shutil
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from django.conf import settings


class FileTooBigError(Exception):
    """The file is larger than this installation takes."""


class StoredFile(NamedTuple):
    name: str  # in its folder: "<uuid>/<file>"
    size: int
    sha256: str


def folder_of(kind: str) -> Path:
    return Path(settings.FILES_ROOT) / kind


def store_file(*, kind: str, name: str, chunks: Iterable[bytes]) -> StoredFile:
    """Write the chunks as they come, into a folder of the file's own.

    :raises FileTooBigError: when there is more of it than `IMPORT_MAX_BYTES`; nothing is kept.
    """
    stored = f"{uuid4()}/{_safe(name)}"
    path = folder_of(kind) / stored
    path.parent.mkdir(parents=True)
    size, digest = 0, hashlib.sha256()
    try:
        with path.open("wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > settings.IMPORT_MAX_BYTES:
                    raise FileTooBigError(size)
                digest.update(chunk)
                file.write(chunk)
    except BaseException:
        shutil.rmtree(path.parent)
        raise
    return StoredFile(stored, size, digest.hexdigest())


def remove_file(*, kind: str, name: str) -> None:
    """Remove a stored file and what was written beside it; one that is gone already is no error."""
    if name:
        shutil.rmtree((folder_of(kind) / name).parent, ignore_errors=True)


def _safe(name: str) -> str:
    """Return a file name that no system takes amiss, with its ending."""
    ascii_name = unicodedata.normalize("NFKD", Path(name).name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "_", ascii_name).strip("._")[-60:] or "file"
