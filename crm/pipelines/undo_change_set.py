"""Taking back an import, one of its batches at a time. Stopped, the next attempt goes on."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from crm.models import ChangeSet
from crm.services.jobs import RunningJob
from crm.services.undo import mark_undone, next_group, undo_group


def run(job: RunningJob) -> dict[str, Any]:
    change_set = ChangeSet.objects.select_related("source_import__book").get(pk=job.params["change_set"])
    if change_set.state != ChangeSet.State.UNDOING:
        return {"change_set": change_set.pk, "unchanged": True}
    job.progress("undoing")
    while group := next_group(change_set):
        undo_group(change_set=change_set, group=group, fence=job.fence)
        job.progress(done=change_set.data["undone_rows"], errors=change_set.data["refused_rows"])
    with transaction.atomic():
        mark_undone(change_set)
        job.fence()
    found = {
        "undone": change_set.data.get("undone_rows", 0),
        "refused": change_set.data.get("refused_rows", 0),
    }
    return {"change_set": change_set.pk, **found}
