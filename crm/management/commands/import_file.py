from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import celery
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from crm.models import Book, ChangeSet, Import, Job, QuarantinedRow, Score
from crm.selectors.import_kinds import KINDS
from crm.selectors.import_words import refusal_words
from crm.services.books import DEFAULT_SCORE_KINDS, UnknownScoreKindError, make_book
from crm.services.file_imports import (
    FileTooBigError,
    MappingError,
    attributes_to_offer,
    receive_file,
    save_mapping,
    start_commit,
    start_undo,
)

CHUNK = 1 << 20
SHOWN_REFUSALS = 10
LOOK_SECONDS = 0.2
# With another code a script can tell what happened.
REFUSED_ROWS, REFUSED_FILE = 2, 3


class Command(BaseCommand):
    """Import a file of customers' data: CSV, NDJSON, XLSX or Parquet. No worker is needed.

    Ends with 0 when every row went well, 2 when some were refused, and 3 when the file was.
    """

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, nargs="?")
        parser.add_argument("--book", help="code of the book")
        parser.add_argument("--new-book", metavar="NAME,CURRENCY", help="make the book if it isn't there")
        parser.add_argument(
            "--scores", metavar="KIND,…", default=",".join(DEFAULT_SCORE_KINDS),
            help=f"what a new book is scored for, of {', '.join(Score.Kind.values)}",
        )  # fmt: skip
        parser.add_argument("--kind", choices=sorted(KINDS))
        parser.add_argument("--source", default="file", help="the system whose numbers the file bears")
        parser.add_argument("--map", action="append", default=[], metavar="COLUMN=FIELD")
        parser.add_argument("--attributes", action="store_true", help="take unknown columns as attributes")
        parser.add_argument("--decimal", choices=[".", ","])
        parser.add_argument("--date-order", choices=["ymd", "dmy", "mdy"])
        parser.add_argument("--history", action="store_true", help="it was known when it happened")
        parser.add_argument("--dry-run", action="store_true", help="only check")
        parser.add_argument("--undo", metavar="IMPORT", help="take an import back, by its id")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["undo"]:
            self._undo(options["undo"])
            return
        if not (options["path"] and options["book"] and options["kind"]):
            raise CommandError("Give a path, --book and --kind, or --undo.")
        source_import = self._receive(options)
        self._check(source_import, options)
        counts = source_import.counts["rows"]
        self._say(source_import, counts)
        if not options["dry_run"]:
            self._run(start_commit(source_import=source_import, by=None))
            source_import.refresh_from_db()
            self.stdout.write(f"committed: {json.dumps(source_import.counts)}")
            counts = source_import.counts["rows"]
        if counts["refuse"]:
            raise CommandError(f"{counts['refuse']} rows were refused.", returncode=REFUSED_ROWS)

    def _receive(self, options: dict[str, Any]) -> Import:
        chosen = {"decimal": options["decimal"], "date_order": options["date_order"]}
        reading = {name: value for name, value in chosen.items() if value}
        try:
            made = receive_file(
                book=_book(options["book"], options["new_book"], options["scores"]),
                kind=options["kind"],
                source=options["source"],
                owner=None,
                name=options["path"].name,
                chunks=_chunks(options["path"]),
                options={**reading, "is_history": options["history"]},
            )
        except FileTooBigError as error:
            raise CommandError("The file is too big.", returncode=REFUSED_FILE) from error
        except OSError as error:
            raise CommandError(str(error), returncode=REFUSED_FILE) from error
        self.stdout.write(f"import {made.public_id}")
        self._run(made.job)
        made.refresh_from_db()
        self._refuse_problem(made)
        return made

    def _check(self, source_import: Import, options: dict[str, Any]) -> None:
        mapping = {**source_import.mapping, **_given(options["map"])}
        if options["attributes"]:
            offered = attributes_to_offer(source_import)
            mapping |= {column: {"attribute": one} for column, one in offered.items()}
        try:
            job = save_mapping(source_import=source_import, mapping=mapping, by=None)
        except MappingError as error:
            raise CommandError(
                f"The columns don't fit: {json.dumps(list(error.problems))}", returncode=REFUSED_FILE
            ) from error
        self._run(job)
        source_import.refresh_from_db()
        self._refuse_problem(source_import)

    def _refuse_problem(self, source_import: Import) -> None:
        if source_import.problem:
            raise CommandError(
                f"The file was refused: {json.dumps(source_import.problem)}", returncode=REFUSED_FILE
            )

    def _say(self, source_import: Import, counts: dict[str, int]) -> None:
        self.stdout.write(f"checked {source_import.rows_read} rows: {json.dumps(counts)}")
        rows = QuarantinedRow.objects.filter(source_import=source_import).order_by("row_number")
        for row in rows[:SHOWN_REFUSALS]:
            for error in row.errors:
                where = f"row {row.row_number}, {error['column']} {error['value']!r}"
                self.stdout.write(f"  {where}: {refusal_words(error)}")

    def _undo(self, public_id: str) -> None:
        change_set = ChangeSet.objects.filter(source_import__public_id=public_id).first()
        if change_set is None:
            raise CommandError("No such import has written anything.")
        self._run(start_undo(change_set=change_set, by=None))
        change_set.refresh_from_db()
        done, refused = (change_set.data.get(name, 0) for name in ("undone_rows", "refused_rows"))
        self.stdout.write(f"undone: {done} rows taken back, {refused} left because they changed since")
        if refused:
            raise CommandError(f"{refused} rows were left.", returncode=REFUSED_ROWS)

    def _run(self, job: Job | None) -> None:
        """Do the job here and now. A worker may have been faster, which is as good."""
        if job is None:
            return
        celery.current_app.loader.import_default_modules()
        celery.current_app.tasks[job.task].run(job_id=job.pk)
        job.refresh_from_db()
        while job.is_live:
            time.sleep(LOOK_SECONDS)
            job.refresh_from_db()
        if job.state in (Job.State.FAILED, Job.State.CANCELLED):
            raise CommandError(f"{job.task} {job.state}: {job.error}", returncode=REFUSED_FILE)


def _book(code: str, new: str | None, scores: str) -> Book:
    found = Book.objects.filter(code=code).first()
    if found is not None:
        return found
    if new is None:
        raise CommandError(f"There is no book {code!r}. Make one with --new-book NAME,CURRENCY.")
    name, _, currency = new.rpartition(",")
    kinds = [kind for kind in map(str.strip, scores.split(",")) if kind]
    try:
        return make_book(code=code, name=name, currency=currency, score_kinds=kinds)
    except UnknownScoreKindError as error:
        raise CommandError(f"There is no score {error}; choose of {', '.join(Score.Kind.values)}.") from error


def _given(pairs: list[str]) -> dict[str, Any]:
    """Return what --map says: `Column=field`, and `Column=` for one that goes nowhere."""
    split = (pair.rpartition("=") for pair in pairs)
    return {column: {"field": field} if field else None for column, _, field in split}


def _chunks(path: Path) -> Iterator[bytes]:
    if path.stat().st_size > settings.IMPORT_MAX_BYTES:
        raise FileTooBigError(path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
