"""Feeds: files that come by themselves. What is decided about them stands here; a job fetches them.

A feed stops when its files no longer keep the contract, and says which column broke it. An address
that can't be reached stops nothing: the next fetch tries again, and the feed says so meanwhile.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from crm.models import DataFeed, DataFeedFile, Import, Job, User
from crm.services.jobs import enqueue
from crm.services.notifications import tell

# Only variables of this name are sent to an address: an address can be anybody's.
TOKEN_PREFIX = "SEXTANT_FEED_"  # noqa: S105 (a name, not a token)
EDITED = ("name", "layout", "source", "via", "address", "token_variable", "every_minutes")
READING_OPTIONS = ("decimal", "date_order")
FORGOTTEN: dict[str, Any] = {"mapping": {}, "contract": {}}
State = DataFeed.State
AT_WORK = (
    Import.State.UPLOADED, Import.State.MAPPED, Import.State.VALIDATED, Import.State.COMMITTING,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewFile:
    """What is known of a file that was fetched; the fields are those of `DataFeedFile`."""

    name: str
    sha256: str
    changed_at: datetime | None = None
    etag: str = ""
    last_modified: str = ""


class FeedChangedError(Exception):
    """Somebody else saved the feed first; nothing was written."""


def feeds_root() -> Path:
    """Return the folder below which every folder of a feed lies."""
    return Path(settings.FEEDS_ROOT).resolve()


def folder_of(address: str) -> Path | None:
    """Return the folder that an address names, or None when it lies outside of `FEEDS_ROOT`."""
    root = feeds_root()
    folder = (root / address).resolve()
    return folder if folder.is_relative_to(root) else None


def create_feed(*, details: Mapping[str, Any]) -> DataFeed:
    feed = DataFeed(**details)
    feed.save(force_insert=True)
    feed.refresh_from_db()
    return feed


def version_of(feed: DataFeed) -> str:
    """Return what changes when somebody edits the feed, but not with every fetch as its revision does."""
    edited = [getattr(feed, name) for name in EDITED] + [feed.reading.get(name) for name in READING_OPTIONS]
    return hashlib.sha256(json.dumps(edited).encode()).hexdigest()[:16]


@transaction.atomic
def edit_feed(*, feed: DataFeed, version: str, changes: Mapping[str, Any]) -> None:
    """Store the changes. Files of other rows keep another contract: it is then learnt again.

    :raises FeedChangedError: when somebody saved it since it was at `version`.
    """
    kept = DataFeed.objects.select_for_update(of=("self",)).get(pk=feed.pk)
    if version_of(kept) != version:
        raise FeedChangedError
    forgets = FORGOTTEN if changes.get("layout", kept.layout) != kept.layout else {}
    if changes.get("address", kept.address) != kept.address:
        kept.files.update(etag="", last_modified="")  # another address calls its files by itself
    DataFeed.objects.filter(pk=feed.pk).update(**changes, **forgets)


@transaction.atomic
def start_feed(*, feed: DataFeed, learns_again: bool = False) -> None:
    """Switch a feed on, or on again after a problem. It is fetched within a minute.

    A file whose import failed, even if nobody cared for a month, is taken again. With `learns_again`
    the next file decides anew which columns there are and where they go.
    """
    failed = Q(source_import__state=Import.State.FAILED) | Q(source_import__problem__code="abandoned")
    feed.files.filter(failed).delete()
    forgets = FORGOTTEN if learns_again else {}
    state = State.RUNNING if feed.files.exists() else State.WAITING
    DataFeed.objects.filter(pk=feed.pk).update(
        is_enabled=True, state=state, problem=None, next_due_at=Now(), **forgets
    )


def switch_off_feed(*, feed: DataFeed) -> None:
    DataFeed.objects.filter(pk=feed.pk).update(is_enabled=False)


def fetch_now(*, feed: DataFeed, by: User | None) -> Job:
    """Start a fetch without waiting for its time, or join the one that is at work."""
    return _fetch(feed, owner=by)


@transaction.atomic
def start_due_feeds() -> list[Job]:
    """Start a fetch of every feed that is due, and set when it is due next.

    Two of these at a time are harmless: each takes the feeds that the other has not locked.
    """
    due = DataFeed.objects.filter(is_enabled=True, next_due_at__lte=Now()).exclude(state=State.STOPPED)
    jobs = []
    for feed in due.select_for_update(skip_locked=True, of=("self",)).order_by("next_due_at", "pk"):
        next_due = Now() + timedelta(minutes=feed.every_minutes)
        DataFeed.objects.filter(pk=feed.pk).update(next_due_at=next_due)
        jobs.append(_fetch(feed, owner=None))
    return jobs


def is_to_be_fetched(feed: DataFeed) -> bool:
    return feed.is_enabled and feed.state != State.STOPPED


def last_file(feed: DataFeed) -> DataFeedFile | None:
    return feed.files.select_related("source_import").order_by("-pk").first()


def is_at_work(file: DataFeedFile | None) -> bool:
    """Say whether the import of a file is not over: the next one waits, so that their order counts."""
    return file is not None and file.source_import is not None and file.source_import.state in AT_WORK


def has_broken_off(file: DataFeedFile | None) -> bool:
    """Say whether the import of a file failed, or nobody works on it any more though it isn't over."""
    if file is None or file.source_import is None:
        return False
    if file.source_import.state == Import.State.FAILED:
        return True
    jobs = Job.objects.live().filter(scope=f"import:{file.source_import.pk}")
    return is_at_work(file) and not jobs.exists()


def note_unreachable(*, feed: DataFeed, problem: Mapping[str, Any]) -> None:
    """Remember why nothing could be fetched. The feed goes on trying."""
    DataFeed.objects.filter(pk=feed.pk).update(problem=dict(problem), fetched_at=Now())


def note_fetched(*, feed: DataFeed, is_due_again: bool = False, **learnt: Any) -> None:
    """Remember that the feed was fetched; with `is_due_again` there is more to fetch at once."""
    due = {"next_due_at": Now()} if is_due_again else {}
    DataFeed.objects.filter(pk=feed.pk).update(problem=None, fetched_at=Now(), **due, **learnt)


@transaction.atomic
def stop_feed(*, feed: DataFeed, problem: Mapping[str, Any]) -> None:
    """Stop a feed whose file can't be taken, say why, and tell those who can do something about it."""
    running = DataFeed.objects.filter(pk=feed.pk).exclude(state=State.STOPPED)
    if running.update(state=State.STOPPED, problem=dict(problem), fetched_at=Now()):
        told = User.objects.filter(role="administrator", is_active=True)
        tell(users=told, kind="feed.stopped", data={"feed": feed.name}, url=feed.get_absolute_url())


def remember_file(*, feed: DataFeed, file: NewFile, source_import: Import) -> None:
    """Note which import a file became, in the transaction that made the import."""
    DataFeedFile.objects.create(feed=feed, source_import=source_import, **asdict(file))
    DataFeed.objects.filter(pk=feed.pk, state=State.WAITING).update(state=State.RUNNING)


def is_known(*, feed: DataFeed, file: NewFile) -> bool:
    """Say whether a file of a folder brings nothing new: under its name, or as the newest of all.

    What was there before something else came is new again, for it is what holds now; but not when
    the file only got another name.
    """
    named = feed.files.filter(name=file.name).order_by("-pk").first()
    if named is not None:
        return named.sha256 == file.sha256
    same = feed.files.filter(sha256=file.sha256)
    if same.filter(changed_at=file.changed_at).exists():
        return True
    last = last_file(feed)
    if last is None or last.sha256 != file.sha256:
        return False
    # Later it would no longer be the newest, and look as if it brought the old content back.
    DataFeedFile.objects.create(feed=feed, source_import=last.source_import, **asdict(file))
    return True


def is_unchanged(*, feed: DataFeed, file: NewFile) -> bool:
    """Say whether an address still has what it had last, and remember what it calls that now."""
    last = last_file(feed)
    if last is None or last.sha256 != file.sha256:
        return False
    feed.files.filter(pk=last.pk).update(etag=file.etag, last_modified=file.last_modified)
    return True


def _fetch(feed: DataFeed, *, owner: User | None) -> Job:
    return enqueue(
        task="crm.fetch_feed", scope=f"feed:{feed.pk}", params={"feed": feed.pk}, owner=owner, coalesces=True
    )
