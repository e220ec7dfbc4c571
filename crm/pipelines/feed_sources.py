"""Where the files of feeds come from: a folder of this installation, or an HTTPS address."""

from __future__ import annotations

import hashlib
import os
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from django.conf import settings

from crm.models import DataFeed
from crm.services.data_feeds import TOKEN_PREFIX, NewFile, folder_of, is_known, is_unchanged, last_file

PIECE = 1024 * 1024
SETTLED_SECONDS = 10  # a younger file may still be written
UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart", ".swp")
TIMEOUT_SECONDS = 30  # for the connection, and between two pieces
LONGEST_SECONDS = 1_800  # for the whole file
# What an address calls the state of its file, and how it is asked whether there is another one.
LONGEST_STATE = {"ETag": 300, "Last-Modified": 60}
CONDITIONS = {"etag": "If-none-match", "last_modified": "If-modified-since"}  # as `Request` keeps them


class FetchError(Exception):
    """Nothing could be fetched: a code and its data. The next attempt may succeed."""

    def __init__(self, code: str, **data: Any) -> None:
        super().__init__(code)
        self.problem = {"code": code, "data": data}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file as it was copied into a folder of ours."""

    about: NewFile
    path: Path
    is_last: bool = True  # or another one waits in the folder

    @property
    def name(self) -> str:
        return self.about.name

    def chunks(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            yield from _pieces(file)


def fetch(feed: DataFeed, *, into: Path, now: datetime, tell: Callable[[int], None]) -> Fetched | None:
    """Copy the feed's next file that is new, or return None when there is none.

    :raises FetchError: when the folder or the address can't be read, or the file is too big.
    """
    if feed.via == DataFeed.Via.FOLDER:
        return _next_of_folder(feed, into=into, now=now, tell=tell)
    fetched = _download(feed, into=into, tell=tell)
    return None if fetched is None or is_unchanged(feed=feed, file=fetched.about) else fetched


def _next_of_folder(
    feed: DataFeed, *, into: Path, now: datetime, tell: Callable[[int], None]
) -> Fetched | None:
    folder = folder_of(feed.address)
    if folder is None:
        raise FetchError("folder_not_allowed")
    try:
        waiting = _new_files(feed, folder, now)
    except OSError as error:
        raise FetchError("folder_unreadable", reason=type(error).__name__) from error
    for place, path in enumerate(waiting):
        try:
            changed_at = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
            with path.open("rb") as file:
                sha256 = _copy(_pieces(file), into / "file", tell)
        except OSError as error:
            raise FetchError("folder_unreadable", reason=type(error).__name__) from error
        about = NewFile(_kept_name(path.name), sha256, changed_at)
        if not is_known(feed=feed, file=about):
            return Fetched(about, into / "file", is_last=place == len(waiting) - 1)
    return None


def _new_files(feed: DataFeed, folder: Path, now: datetime) -> list[Path]:
    """Return the files to look into, the oldest first: not those that are as they were when they came."""
    came = feed.files.order_by("pk").values_list("name", "fetched_at", "source_import__size_bytes")
    known = {name: (fetched_at, size) for name, fetched_at, size in came}
    found = []
    for path in folder.iterdir():
        is_ours = not path.name.startswith(".") and not path.name.endswith(UNFINISHED)
        if not is_ours or not path.is_file() or folder_of(str(path)) is None:
            continue
        stat = path.stat()
        fetched_at, size = known.get(_kept_name(path.name), (None, None))
        # A copy can keep the file's own time of change, but not that of its entry in the folder.
        is_known = fetched_at is not None and stat.st_ctime <= fetched_at.timestamp() and size == stat.st_size
        if not is_known and stat.st_mtime <= now.timestamp() - SETTLED_SECONDS:
            found.append((stat.st_mtime, path.name, path))
    return [path for _changed, _name, path in sorted(found)]


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    return iter(partial(file.read, PIECE), b"")


def _copy(pieces: Iterable[bytes], path: Path, tell: Callable[[int], None]) -> str:
    """Write the pieces and return their digest.

    :raises FetchError: when there are more than a file may have, or it takes too long.
    """
    digest, size = hashlib.sha256(), 0
    until = time.monotonic() + LONGEST_SECONDS
    with path.open("wb") as file:
        for piece in pieces:
            size += len(piece)
            if size > settings.IMPORT_MAX_BYTES:
                raise FetchError("too_big", size=size, limit=settings.IMPORT_MAX_BYTES)
            if time.monotonic() > until:
                raise FetchError("took_too_long", seconds=LONGEST_SECONDS)
            digest.update(piece)
            file.write(piece)
            tell(size)
    return digest.hexdigest()


class _SafeRedirects(HTTPRedirectHandler):
    """Follow redirects to HTTPS only, and tell the token to nobody but the host that it is for."""

    max_redirections = 5

    def redirect_request(self, req: Request, *about: Any) -> Request | None:
        newurl: str = about[-1]
        if urlsplit(newurl).scheme != "https":
            raise FetchError("redirect_not_https")
        request = super().redirect_request(req, *about)
        if request is not None and urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
            request.remove_header("Authorization")
        return request


def _download(feed: DataFeed, *, into: Path, tell: Callable[[int], None]) -> Fetched | None:
    """Fetch what the address has, or nothing when it says that this is what it had last time."""
    if urlsplit(feed.address).scheme != "https":
        raise FetchError("not_https")
    request = Request(feed.address, headers=_headers(feed))  # noqa: S310 (https, as was just checked)
    context = ssl.create_default_context(cafile=settings.FEEDS_CA_FILE or None)
    opener = build_opener(ProxyHandler(), HTTPSHandler(context=context), _SafeRedirects())
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            _check_length(response)
            sha256 = _copy(_pieces_of(response), into / "file", tell)
            etag, last_modified = (_said(response, header) for header in LONGEST_STATE)
    except HTTPError as error:
        if error.code == HTTPStatus.NOT_MODIFIED and set(CONDITIONS.values()) & request.headers.keys():
            return None
        raise FetchError("http_status", status=error.code) from error
    except URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            raise FetchError("certificate_refused", reason=_short(error.reason)) from error
        raise FetchError("unreachable", reason=_short(error.reason)) from error
    except (OSError, HTTPException) as error:
        raise FetchError("unreachable", reason=_short(error)) from error
    name = unquote(urlsplit(feed.address).path).rpartition("/")[2]
    about = NewFile(_kept_name(name) or "feed", sha256, etag=etag, last_modified=last_modified)
    return Fetched(about, into / "file")


def _said(response: HTTPResponse, header: str) -> str:
    """Return what a header says of the file's state, if it can be kept and sent back as it is."""
    value = response.headers.get(header, "").strip()
    return value if value.isascii() and value.isprintable() and len(value) <= LONGEST_STATE[header] else ""


def _kept_name(name: str) -> str:
    """Return a file's name in characters that can be kept: a name may be of any bytes."""
    readable = os.fsencode(name).decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in readable)[-255:]


def _headers(feed: DataFeed) -> dict[str, str]:
    headers = {"User-Agent": "Sextant", "Accept-Encoding": "identity"}
    if last := last_file(feed):
        said = {header: getattr(last, name) for name, header in CONDITIONS.items()}
        headers |= {header: value for header, value in said.items() if value}
    if not feed.token_variable:
        return headers
    token = os.environ.get(feed.token_variable, "") if feed.token_variable.startswith(TOKEN_PREFIX) else ""
    if not token or not token.isprintable():
        raise FetchError("token_missing", variable=feed.token_variable)
    return {**headers, "Authorization": f"Bearer {token}"}


def _check_length(response: HTTPResponse) -> None:
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) > settings.IMPORT_MAX_BYTES:
        raise FetchError("too_big", size=int(announced), limit=settings.IMPORT_MAX_BYTES)


def _pieces_of(response: HTTPResponse) -> Iterator[bytes]:
    """Yield what comes, and refuse what breaks off before its announced end."""
    announced = response.headers.get("Content-Length", "")
    size = 0
    while piece := response.read1(PIECE):  # what has come: waiting for a full piece has no end
        size += len(piece)
        yield piece
    if announced.isdecimal() and size != int(announced):
        raise FetchError("broke_off", size=size, announced=int(announced))


def _short(reason: object) -> str:
    return " ".join(str(reason).split())[:200]
