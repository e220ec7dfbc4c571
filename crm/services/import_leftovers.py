"""What imports leave behind that nobody finished, and files that belong to none.

A file is stored before the transaction that makes its import: should that not come to its end, the
file is nobody's. Everything here may run twice at once.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from crm.models import ChangeSet, Import, Job
from crm.services.file_imports import forget_file

FINISH_WITHIN_DAYS = 30
ORPHANED_AFTER = timedelta(days=1)  # an upload or a fetch takes far less
State = Import.State
UNFINISHED = (State.UPLOADED, State.MAPPED, State.VALIDATED, State.COMMITTING, State.FAILED)
LIVE = (Job.State.QUEUED, Job.State.RUNNING)


@transaction.atomic
def cancel_forgotten_imports() -> int:
    """Cancel imports that nobody has gone on with for a month; return how many there were.

    Of those that wrote nothing the file goes at once, and with it the rows that were refused: they
    could not be sent again. What others wrote stands, and their files go as those of any that ended.
    """
    past = Now() - timedelta(days=FINISH_WITHIN_DAYS)
    forgotten = (
        Import.objects.filter(state__in=UNFINISHED, reads_once=False, created_at__lt=past)
        .exclude(job__state__in=LIVE)
        .exclude(job__finished_at__gte=past)
        .exclude(change_set__state=ChangeSet.State.UNDOING)
    )
    imports = list(forgotten.select_for_update(of=("self",), skip_locked=True))
    for source_import in imports:
        problem = {"code": "abandoned", "data": {"days": FINISH_WITHIN_DAYS}}
        ended = {"state": State.CANCELLED, "problem": problem, "finished_at": Now()}
        Import.objects.filter(pk=source_import.pk).update(**ended)
        if not source_import.through_row:
            source_import.quarantined.all().delete()
            forget_file(source_import)
    return len(imports)


def forget_orphaned_files() -> int:
    """Delete what was stored for an import that was never made, and fetches that were cut short."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (now,) = cursor.fetchone()
    root = Path(settings.FILES_ROOT)
    old = [path for path in _folders(root / "imports") if _is_id(path.name) and _is_old(path, now)]
    old += [path for path in _folders(root / "feeds-at-work") if _is_old(path, now)]
    known = Import.objects.exclude(stored_name="").values_list("stored_name", flat=True)
    kept = {name.partition("/")[0] for name in known} if old else set()
    orphans = [path for path in old if path.name not in kept]
    for path in orphans:
        shutil.rmtree(path, ignore_errors=True)  # somebody else may be at it too
    return len(orphans)


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def _is_old(folder: Path, now: datetime) -> bool:
    try:
        newest = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except FileNotFoundError:
        return False
    return newest < (now - ORPHANED_AFTER).timestamp()
