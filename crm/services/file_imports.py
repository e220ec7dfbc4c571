"""The life of an uploaded file: received, mapped, checked, committed, and taken back.

Every step that takes time is a job; what stands here moves the import from one state to the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from crm.models import Book, ChangeSet, Import, Job, QuarantinedRow, RememberedMapping, User
from crm.selectors.import_kinds import KINDS, Kind
from crm.selectors.import_mapping import guess_mapping, mapping_problems, offered_attributes
from crm.services.imports import ImportStateError
from crm.services.jobs import JobNotCancellableError, cancel_job, enqueue
from crm.services.stored_files import FileTooBigError, folder_of, remove_file, store_file

__all__ = [
    "FileTooBigError", "ImportStateError", "MappingError", "attributes_to_offer", "cancel_import",
    "guess_mapping", "kind_of", "path_of", "read_again", "receive_file", "remembered_mapping", "save_mapping",
    "start_commit", "start_undo",
]  # fmt: skip

State = Import.State
KEEP_FILES_DAYS = 30
LIVE = (Job.State.QUEUED, Job.State.RUNNING)
# What a reader of files does not need to know of them, but the parsing of their cells does.
OPTIONS = ("decimal", "date_order", "is_history")
SAMPLED = ("sample", "sample_numbers")  # the file's own rows among what is known of its reading


class MappingError(Exception):
    """Columns and fields don't fit. `problems` are codes with the field or column concerned."""

    def __init__(self, problems: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(problems)
        self.problems = problems


def kind_of(source_import: Import) -> Kind:
    return KINDS[source_import.layout]


def path_of(source_import: Import) -> Path:
    return folder_of("imports") / source_import.stored_name


def receive_file(
    *,
    book: Book,
    kind: str,
    source: str,
    owner: User | None,
    name: str,
    chunks: Iterable[bytes],
    goes_on: bool = False,
    mapping: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Import:
    """Store a file and start reading it. The same file may come again: it then changes nothing.

    With `goes_on` it is mapped, checked and committed without anybody looking: `mapping` decides,
    or else what is remembered or guessed. `options` are those of the reading.

    :raises FileTooBigError: when there is more of it than `IMPORT_MAX_BYTES`; nothing is kept.
    """
    stored = store_file(kind="imports", name=name, chunks=chunks)
    with transaction.atomic():
        made = Import.objects.create(
            book=book,
            layout=KINDS[kind].code,
            owner=owner,
            source=source.strip()[:60] or "file",
            file_name=name[-255:],
            stored_name=stored.name,
            size_bytes=stored.size,
            sha256=stored.sha256,
            reads_once=False,
            mapping=dict(mapping or {}),
            reading=dict(options or {}),
        )
        params = {"goes_on": goes_on, "is_mapped": mapping is not None}
        _start(made, task="crm.read_import", owner=owner, params=params)
    return made


def remembered_mapping(*, kind: str, columns: Sequence[str]) -> RememberedMapping | None:
    """Return how a file of this kind with this very header was mapped last time."""
    return RememberedMapping.objects.filter(layout=kind, header=header_of(columns)).first()


def header_of(columns: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(columns).encode()).hexdigest()


def attributes_to_offer(source_import: Import) -> dict[str, dict[str, str]]:
    """Return what the columns without a place could be as custom attributes, by column."""
    if not kind_of(source_import).takes_attributes:
        return {}
    types = source_import.reading.get("types", {})
    return offered_attributes(source_import.columns, types, source_import.mapping)


@transaction.atomic
def save_mapping(
    *,
    source_import: Import,
    mapping: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    by: User | None,
    goes_on: bool = False,
) -> Job:
    """Store where the columns go, remember it for the next such file, and start the check.

    `options` may say `decimal` ("." or ","), `date_order` ("ymd", "dmy", "mdy") and `is_history`:
    that what the file tells was known when it happened.

    :raises MappingError: when a required field has no column, or a column no sensible place.
    :raises ImportStateError: when the file isn't read yet, or rows of it are already committed.
    """
    kept = Import.objects.select_for_update(of=("self",)).get(pk=source_import.pk)
    if not is_mappable(kept) or _is_at_work(kept, task=kind_of(kept).check_task):
        raise ImportStateError(f"Import {kept.pk} cannot be mapped now.")
    kind = kind_of(kept)
    if problems := mapping_problems(kind, kept.columns, mapping):
        raise MappingError(problems)
    chosen = {name: value for name, value in (options or {}).items() if name in OPTIONS}
    kept.mapping, kept.reading = dict(mapping), {**kept.reading, **chosen}
    kept.state, kept.problem, kept.counts = State.MAPPED, None, {}
    kept.save(update_fields=["mapping", "reading", "state", "problem", "counts"])
    RememberedMapping.objects.update_or_create(
        layout=kept.layout,
        header=header_of(kept.columns),
        defaults={"source": kept.source, "reading": chosen, "mapping": kept.mapping, "used_at": Now()},
    )
    return _start(kept, task=kind.check_task, owner=by, params={"goes_on": goes_on})


@transaction.atomic
def read_again(*, source_import: Import, options: Mapping[str, Any], by: User | None) -> Job:
    """Look into the file once more, as `options` say, which take the place of what was found.

    They may say `encoding`, `delimiter` and `sheet` beside those of `save_mapping`; what they leave
    out is found out again, and the mapping is guessed anew.

    :raises ImportStateError: when its job is still at work, or rows of it are already committed.
    """
    kept = Import.objects.select_for_update(of=("self",)).get(pk=source_import.pk)
    readable = (State.UPLOADED, State.MAPPED, State.VALIDATED, State.FAILED)
    if kept.state not in readable or kept.through_row or _is_at_work(kept):
        raise ImportStateError(f"Import {kept.pk} cannot be read again now.")
    kept.reading, kept.state, kept.problem = dict(options), State.UPLOADED, None
    kept.columns, kept.mapping, kept.counts = [], {}, {}
    kept.save(update_fields=["reading", "state", "problem", "columns", "mapping", "counts"])
    return _start(kept, task="crm.read_import", owner=by)


def is_mappable(source_import: Import) -> bool:
    states = (State.UPLOADED, State.MAPPED, State.VALIDATED, State.FAILED)
    return bool(source_import.columns) and source_import.state in states and not source_import.through_row


@transaction.atomic
def start_commit(*, source_import: Import, by: User | None) -> Job:
    """Start writing what the check let through, or go on after what is already written.

    :raises ImportStateError: when it was not checked, its job is still at work, or it is being undone.
    """
    kept = Import.objects.select_for_update(of=("self",)).get(pk=source_import.pk)
    undoing = ChangeSet.objects.filter(source_import=kept, state=ChangeSet.State.UNDOING)
    if not is_committable(kept) or undoing.exists():
        raise ImportStateError(f"Import {kept.pk} cannot be committed now.")
    Import.objects.filter(pk=kept.pk).update(
        state=State.COMMITTING, started_at=Now(), finished_at=None, problem=None
    )
    return _start(kept, task=kind_of(kept).commit_task, owner=by)


def is_committable(source_import: Import) -> bool:
    """Say whether it was checked, or broke off while it was written and nobody works on it."""
    if source_import.state == State.VALIDATED:
        return True
    broken_off = source_import.state in (State.COMMITTING, State.FAILED) and bool(source_import.counts)
    return broken_off and not _is_at_work(source_import)


@transaction.atomic
def cancel_import(*, source_import: Import, by: User | None) -> None:
    """Stop it where it is. What is already committed stands, and is offered for undo.

    :raises ImportStateError: when it has ended.
    """
    ended = (State.DONE, State.CANCELLED, State.UNDONE)
    open_ones = Import.objects.filter(pk=source_import.pk).exclude(state__in=ended)
    if not open_ones.update(state=State.CANCELLED, finished_at=Now()):
        raise ImportStateError(f"Import {source_import.pk} has ended.")
    source_import.refresh_from_db()
    if source_import.job is not None:
        try:
            cancel_job(job=source_import.job, by=by)
        except JobNotCancellableError:
            return  # it ended just now; its import is cancelled all the same


@transaction.atomic
def start_undo(*, change_set: ChangeSet, by: User | None) -> Job:
    """Start taking back what an import wrote; a broken-off undo goes on.

    :raises ImportStateError: when it is undone, past its time, or its import is at work.
    """
    may = ChangeSet.objects.select_for_update(of=("self",)).filter(pk=change_set.pk, undo_until__gt=Now())
    kept = may.exclude(state=ChangeSet.State.UNDONE).first()
    if kept is None or not _may_be_undone(kept):
        raise ImportStateError(f"Change set {change_set.pk} cannot be undone now.")
    job = enqueue(
        task="crm.undo_change_set",
        scope=f"change_set:{kept.pk}",
        params={"change_set": kept.pk},
        owner=by,
        coalesces=True,
    )
    ChangeSet.objects.filter(pk=kept.pk).update(state=ChangeSet.State.UNDOING, job=job)
    return job


def _may_be_undone(change_set: ChangeSet) -> bool:
    """Say so with the import locked: it must not go on while it is taken back."""
    source = Import.objects.select_for_update(of=("self",)).filter(change_set=change_set).first()
    return source is None or source.state in (State.DONE, State.CANCELLED, State.FAILED)


def forget_old_files() -> int:
    """Remove the files of imports that ended a month ago, and the rows of them that were looked at.

    What came of them stays, and so do refused rows that wait. Return how many there were.
    """
    old = Import.objects.filter(
        state__in=[State.DONE, State.CANCELLED, State.UNDONE],
        finished_at__lt=Now() - timedelta(days=KEEP_FILES_DAYS),
    ).exclude(stored_name="")
    for source_import in old:
        forget_file(source_import)
        settled = source_import.quarantined.exclude(state=QuarantinedRow.State.WAITING)
        settled.update(cells={}, errors=[])
    return len(old)


def forget_file(source_import: Import) -> None:
    """Remove the file of an import that has ended, and the rows of it that were shown."""
    remove_file(kind="imports", name=source_import.stored_name)
    seen = {name: value for name, value in source_import.reading.items() if name not in SAMPLED}
    Import.objects.filter(pk=source_import.pk).update(stored_name="", reading=seen)


def _is_at_work(source_import: Import, *, task: str = "") -> bool:
    job = source_import.job
    return job is not None and job.state in LIVE and task in ("", job.task)


def _start(
    source_import: Import, *, task: str, owner: User | None, params: dict[str, Any] | None = None
) -> Job:
    job = enqueue(
        task=task,
        scope=f"import:{source_import.pk}",
        params={"import": source_import.pk, **(params or {})},
        owner=owner,
        coalesces=True,
    )
    Import.objects.filter(pk=source_import.pk).update(job=job)
    source_import.job = job
    return job
