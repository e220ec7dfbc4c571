"""Large files on their way in: refused by their header, else streamed to disk as they come."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

FORM_BYTES = 64 * 1024  # what a form needs beside its file


def declared_size(request: HttpRequest) -> int:
    """Return how many bytes the header announces; a server lets none through that is no number."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0


def is_too_big(request: HttpRequest) -> bool:
    """Say by the header alone whether a form's file is over the cap: nothing of it is read."""
    return declared_size(request) > int(settings.IMPORT_MAX_BYTES) + FORM_BYTES


class StreamedFileHandler(FileUploadHandler):
    """Writes a file to where files are kept, in pieces, and stops when it is over the cap."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.size = 0
        self.is_over = False
        self.file: IO[bytes] | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        folder = Path(settings.FILES_ROOT) / "imports"
        folder.mkdir(parents=True, exist_ok=True)
        self.file = tempfile.TemporaryFile(dir=folder, prefix="incoming-")  # noqa: SIM115 - the request owns it

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.size = start + len(raw_data)
        if self.size > settings.IMPORT_MAX_BYTES:
            self.is_over = True
            raise StopUpload(connection_reset=False)
        if self.file is not None:
            self.file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile[Any] | None:
        if self.file is None:
            return None
        self.file.seek(0)
        return UploadedFile(
            file=self.file,
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )

    def upload_interrupted(self) -> None:
        if self.file is not None:
            self.file.close()
