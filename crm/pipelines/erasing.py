"""Erasing an account or a contact: first what files hold, found by its marks, then its rows and the marks.

An attempt that was cut off is begun again: until the rows go, the marks are there.
"""

from __future__ import annotations

from typing import Any

import pghistory
from django.db import transaction

from crm.models import Account, Bin, Contact, Import, User
from crm.pipelines.imports.reading import BadRow, FileRefusedError, open_rows
from crm.services.contact_erasure import erase_contact
from crm.services.erasure import erase_account, erase_standing
from crm.services.erasure_marks import (
    Finder,
    Marks,
    marks_of_account,
    marks_of_bin,
    marks_of_contact,
)
from crm.services.erasure_traces import (
    erase_exports,
    erase_file,
    erase_refused_rows,
    erase_rule_hits,
    erase_samples,
    stored_files,
)
from crm.services.file_imports import path_of
from crm.services.jobs import RunningJob
from crm.services.merges import merged_into
from crm.services.sweep import forget_staging_tables

ROWS_BETWEEN_LOOKS = 5_000


def run(job: RunningJob) -> dict[str, Any]:
    """Erase the account or contact of the job, wherever it is by now. A second run finds nothing."""
    by = User.objects.filter(pk=job.owner_id or 0).first()
    return _erase_contact(job, by) if "contact" in job.params else _erase_account(job, by)


def _erase_account(job: RunningJob, by: User | None) -> dict[str, Any]:
    pk = job.params["account"]
    account = Account.objects.filter(pk=pk).first()
    entry = Bin.objects.filter(kind="crm.account", object_id=pk).order_by("-pk").first()
    if account is not None:
        marks = marks_of_account([pk, *merged_into(pk)])
        counts = _erase_traces(job, marks, account.name, by)
    elif entry is not None:
        counts = _erase_traces(job, marks_of_bin(entry), entry.label, by)
    else:
        return {"unchanged": True}  # merged into another one meanwhile, or erased
    job.progress("erasing")
    with pghistory.context(user=by.pk if by else None), transaction.atomic():
        if account is not None:
            counts |= erase_standing(account=account, by=by, traces=counts)
        elif entry is not None:
            erase_account(entry=entry, by=by, traces=counts)
        job.fence()
    return counts


def _erase_contact(job: RunningJob, by: User | None) -> dict[str, Any]:
    found = Contact.objects.select_related("account").filter(pk=job.params["contact"])
    contact = found.first()
    if contact is None:
        return {"unchanged": True}
    counts = _erase_traces(job, marks_of_contact(contact), contact.name, by)
    job.progress("erasing")
    with pghistory.context(user=by.pk if by else None), transaction.atomic():
        if locked := found.select_for_update(of=("self",)).first():
            counts |= erase_contact(contact=locked, by=by, traces=counts)
        job.fence()
    return counts


def _erase_traces(job: RunningJob, marks: Marks, name: str, by: User | None) -> dict[str, int]:
    """Empty what imports and exports keep; return how much of what."""
    files = stored_files()
    job.progress("searching", done=0, total=len(files))
    deleted = 0
    for number, source in enumerate(files, start=1):
        if _is_in_file(job, marks, source):
            erase_file(source_import=source, by=by)
            deleted += 1
        job.progress(done=number)
    if deleted:
        forget_staging_tables()  # of the imports that were cancelled with their files
    return {
        "files": deleted,
        "exports": erase_exports([name]),
        "refused_rows": erase_refused_rows(marks),
        "caught_rows": erase_rule_hits(marks),
        "samples": erase_samples(marks),
    }


def _is_in_file(job: RunningJob, marks: Marks, source: Import) -> bool:
    """Say whether a file is about the account. One that can't be read is not kept on trust."""
    finder = Finder(marks, source)
    try:
        rows = open_rows(path_of(source), reading=source.reading)
        for count, row in enumerate(rows):
            if count % ROWS_BETWEEN_LOOKS == 0:
                job.progress()
            if isinstance(row, BadRow):
                if finder.is_in_text(row.text):
                    return True
            elif finder.is_in(zip(rows.columns, row[1], strict=False)):
                return True
    except FileRefusedError:
        return True
    return False
