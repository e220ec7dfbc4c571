"""Which files make up the lake now. Replaced in one rename, so that a reader sees all or nothing."""

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from analytics.lake.layers import Layer

MANIFEST = "manifest.json"


class LakeMissingError(RuntimeError):
    """There is no lake yet. `refresh()` builds it."""


@dataclass(frozen=True)
class TableFiles:
    """The files of one table by range of ids, and the tables on disk that they were read from."""

    files: dict[str, str]  # number of the range -> file name
    rows: dict[str, int]  # number of the range -> rows in it
    storage: dict[str, int]  # table or partition -> file node, which TRUNCATE changes
    layers: list[Layer] = field(default_factory=list)  # on top of the files, the newest last
    folded: dict[str, int] = field(default_factory=dict)  # number of the range -> last layer in its file

    def names(self) -> set[str]:
        return {*self.files.values(), *(layer.file for layer in self.layers)}

    @classmethod
    def parse(cls, data: dict[str, Any]) -> "TableFiles":
        return cls(**data | {"layers": [Layer(**layer) for layer in data["layers"]]})


@dataclass(frozen=True)
class Manifest:
    """One consistent state of the lake."""

    layout: str  # of the extract's queries; another one means starting over
    database: str  # where the rows came from; another one means starting over
    bound: int  # every transaction below it is in; the next refresh begins here
    refreshed_at: datetime  # by the database's clock
    # Whatever is written from now on carries a later `known_at` than this, for no older
    # transaction is still open. Scores of the present are computed as of this moment, so that
    # computing them again gives the same.
    complete_until: datetime
    version: int = 0  # counts the refreshes; readers say by it what they hold
    tables: dict[str, TableFiles] = field(default_factory=dict)
    retired: dict[str, str] = field(default_factory=dict)  # file -> since when, for late readers

    def files(self) -> set[str]:
        return {name for table in self.tables.values() for name in table.names()}

    @classmethod
    def parse(cls, text: str) -> "Manifest":
        data: dict[str, Any] = json.loads(text)
        data["refreshed_at"] = datetime.fromisoformat(data["refreshed_at"])
        data["complete_until"] = datetime.fromisoformat(data["complete_until"])
        data["tables"] = {name: TableFiles.parse(table) for name, table in data["tables"].items()}
        return cls(**data)

    def dump(self) -> str:
        return json.dumps(asdict(self), default=datetime.isoformat, indent=1)


def read_manifest(folder: Path) -> Manifest | None:
    """Return the current manifest, or None if there is none or it can't be read."""
    try:
        return Manifest.parse((folder / MANIFEST).read_text())
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None  # a cache that can't be read is built again


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Make these files current. A crash before the rename leaves the old lake as it was."""
    fresh = folder / f"{MANIFEST}.new"
    with fresh.open("w") as file:
        file.write(manifest.dump())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / MANIFEST)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
