"""Cleaning what a rule caught, batch by batch, and counting again. Stopped, the next attempt goes on."""

from __future__ import annotations

from typing import Any

import pghistory
from django.db import transaction

from crm.models import User
from crm.pipelines.quality import check_table
from crm.services.job_runs import RunningJob
from crm.services.quality_cleaning import change_set_of, clean_batch, find_cleaning


def run(job: RunningJob) -> dict[str, Any]:
    """Clean until the rule catches nothing that can be cleaned, then check the rule again."""
    table_code, code = job.params["table"], job.params["code"]
    found = find_cleaning(table_code, code)
    if found is None:
        return {"cleaned": 0}
    table, rule, cleaning = found
    by = User.objects.filter(pk=job.owner_id or 0).first()
    change_set = change_set_of(job_id=job.id, table=table_code, code=code, by=by)
    job.progress("cleaning")
    cleaned = 0
    while batch := _clean(job, change_set=change_set, table=table, rule=rule, cleaning=cleaning):
        cleaned += batch
        job.progress(done=cleaned)
    with transaction.atomic():
        left = check_table(table, [rule])
        if not change_set.steps.exists():
            change_set.delete()
        job.fence()
    return {"cleaned": cleaned, "left": left}


def _clean(job: RunningJob, **what: Any) -> int:
    with pghistory.context(user=job.owner_id), transaction.atomic():
        cleaned = clean_batch(**what)
        job.fence()
    return cleaned
