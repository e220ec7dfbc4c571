"""Feeds: fetch what is new, hold it against the contract, and hand it to the import."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from crm.models import DataFeed, Import
from crm.pipelines.feed_contracts import Checked, check_contract
from crm.pipelines.feed_sources import Fetched, FetchError, fetch
from crm.pipelines.imports.contracts import ContractBrokenError
from crm.pipelines.imports.reading import FileRefusedError
from crm.services.data_feeds import (
    has_broken_off,
    is_at_work,
    is_to_be_fetched,
    last_file,
    note_fetched,
    note_unreachable,
    remember_file,
    start_due_feeds,
    stop_feed,
)
from crm.services.file_imports import receive_file
from crm.services.jobs import RunningJob

CELLS = ("value", "found")  # of a problem: a cell, and what stands where the header should


def fetch_due(_job: RunningJob) -> dict[str, Any]:
    """Start a job for each feed that is due, so that a slow address holds up no other."""
    return {"started": len(start_due_feeds())}


def fetch_one(job: RunningJob) -> dict[str, Any]:
    """Fetch one feed's next file. What holds already becomes no import, however often it comes."""
    feed = DataFeed.objects.select_related("book").get(pk=job.params["feed"])
    last = last_file(feed)
    if not is_to_be_fetched(feed):
        return {"state": "off"}
    if last is not None and has_broken_off(last):
        stop_feed(feed=feed, problem={"code": "import_failed", "data": {"file": last.name}})
        return {"state": "import_failed"}
    if is_at_work(last):
        return {"state": "waiting_for_import"}
    job.progress("fetching", done=0)
    folder = Path(settings.FILES_ROOT) / "feeds-at-work"
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as into:
        return _fetch_and_hand_on(job, feed, Path(into))


def _fetch_and_hand_on(job: RunningJob, feed: DataFeed, into: Path) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (now,) = cursor.fetchone()
    try:
        fetched = fetch(feed, into=into, now=now, tell=lambda size: job.progress(done=size))
    except FetchError as error:
        note_unreachable(feed=feed, problem=error.problem)
        return {"state": "unreachable", **error.problem}
    if fetched is None:
        note_fetched(feed=feed)
        return {"state": "nothing_new"}
    job.progress("checking")
    try:
        checked = check_contract(feed, fetched.path)
    except (ContractBrokenError, FileRefusedError) as error:
        stop_feed(feed=feed, problem={**error.problem, "file": fetched.name})
        return {"state": "stopped", **_without_cells(error.problem)}
    return {"state": "imported", "import": _hand_on(job, feed, fetched, checked).pk}


def _without_cells(problem: dict[str, Any]) -> dict[str, Any]:
    """Leave out what stands in the file, which may name somebody: jobs are kept, and seen by more people."""
    data = {name: said for name, said in problem["data"].items() if name not in CELLS}
    return {"code": problem["code"], "data": data}


@transaction.atomic
def _hand_on(job: RunningJob, feed: DataFeed, fetched: Fetched, checked: Checked) -> Import:
    made = receive_file(
        book=feed.book,
        kind=feed.layout,
        source=feed.source,
        owner=None,
        name=fetched.name,
        chunks=fetched.chunks(),
        goes_on=True,
        mapping=checked.mapping,
        options=checked.options,
    )
    remember_file(feed=feed, file=fetched.about, source_import=made)
    note_fetched(
        feed=feed,
        is_due_again=not fetched.is_last,
        mapping=checked.mapping,
        contract=checked.contract,
        reading={**feed.reading, **checked.options},
    )
    job.fence()
    return made
