"""What a file may be at most, checked before anything of it is read."""

import zipfile
from pathlib import Path
from typing import Any

from django.conf import settings

LINE_CHARACTERS = 1_000_000  # a longer line is refused, and never whole in memory
RECORD_CHARACTERS = 4_000_000  # of a record whose quotes go over several lines
COLUMNS = 2_000
UNPACKED_BYTES = 200 * 1024 * 1024
# Deflate reaches about 1,030 at most; sheets of a spreadsheet reach some tens.
RATIO = 400
RATIO_FROM_BYTES = 1024 * 1024


class FileRefusedError(Exception):
    """The file as a whole can't be read: a code and what belongs to it, words are made elsewhere."""

    def __init__(self, code: str, **data: Any) -> None:
        super().__init__(f"{code} {data}" if data else code)
        self.code, self.data = code, data

    @property
    def problem(self) -> dict[str, Any]:
        """As `Import.problem` keeps it."""
        return {"code": self.code, "data": self.data}


def check_size(size: int) -> None:
    """Refuse what is over the cap, or nothing at all.

    :raises FileRefusedError: when it is.
    """
    if size > settings.IMPORT_MAX_BYTES:
        raise FileRefusedError("too_big", size=size, limit=settings.IMPORT_MAX_BYTES)
    if size == 0:
        raise FileRefusedError("empty")


def check_archive(path: Path) -> list[str]:
    """Refuse a ZIP that would unpack to too much, by its directory alone, and return its names.

    The directory can't lie downwards: nothing beyond the size it states is ever unpacked.

    :raises FileRefusedError: when it would, or when it is no ZIP.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FileRefusedError("unreadable") from error
    unpacked = sum(part.file_size for part in parts)
    if unpacked > UNPACKED_BYTES:
        raise FileRefusedError("unpacks_too_big", size=unpacked, limit=UNPACKED_BYTES)
    for part in parts:
        if part.file_size > RATIO_FROM_BYTES and part.file_size > RATIO * max(part.compress_size, 1):
            raise FileRefusedError("zip_bomb", size=part.file_size, packed=part.compress_size)
        if part.flag_bits & 0x1:
            raise FileRefusedError("encrypted")
    return [part.filename for part in parts]
