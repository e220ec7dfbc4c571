"""Giving everything that a list's filters match to one person. Stopped, the next attempt goes on."""

from __future__ import annotations

from typing import Any

import pghistory
from django.db import transaction

from crm.models import Account, User
from crm.selectors.account_criteria import matching
from crm.selectors.account_list import account_sort, sorted_accounts
from crm.selectors.change_sets import count_changed
from crm.services.bulk_edits import assign_in, change_set_of_job
from crm.services.jobs import RunningJob

BATCH = 500


def run(job: RunningJob) -> dict[str, Any]:
    """Assign what the owner of the job may see and the filters match now."""
    by = User.objects.get(pk=job.owner_id or 0)
    owner = User.objects.get(pk=job.params["owner"])
    visible = matching(Account.objects.visible_to(by), job.params["criteria"])
    found = (
        sorted_accounts(visible, account_sort(job.params["sort"])).order_by("pk").values_list("pk", flat=True)
    )
    change_set = change_set_of_job(job_id=job.id, owner=owner, by=by)
    job.progress("assigning", done=0, total=found.count())
    last = done = 0
    while batch := list(found.filter(pk__gt=last)[:BATCH]):
        with pghistory.context(user=by.pk), transaction.atomic():
            assign_in(change_set=change_set, account_ids=batch, owner=owner)
            job.fence()
        last, done = batch[-1], done + len(batch)
        job.progress(done=done)
    return {"change_set": str(change_set.public_id), "assigned": count_changed(change_set)}
