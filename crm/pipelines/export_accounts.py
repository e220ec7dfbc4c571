"""A list of accounts too long for a click, as a CSV file to download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import translation

from crm.models import Account, User
from crm.selectors.account_columns import every_column
from crm.selectors.account_criteria import matching
from crm.selectors.account_list import account_sort, sorted_accounts
from crm.selectors.directory import get_directory
from crm.services.csv_export import csv_lines
from crm.services.jobs import RunningJob


def run(job: RunningJob) -> dict[str, Any]:
    """Write what the owner of the job may see now. Another attempt writes a file of its own."""
    owner = User.objects.get(pk=job.owner_id or 0)
    accounts = matching(Account.objects.visible_to(owner), job.params["criteria"])
    sort = account_sort(job.params["sort"])
    names = get_directory()
    known = every_column(names)
    columns = [known[key] for key in job.params["columns"] if key in known]
    total = sorted_accounts(accounts, sort).order_by().count()
    job.progress("writing", done=0, total=total)
    written = 0

    def tell(done: int) -> None:
        nonlocal written
        written = done
        job.progress(done=done)

    path = export_folder() / f"accounts-{job.id}-{job.attempt}.csv"
    unfinished = path.with_suffix(".part")
    with translation.override(job.params.get("language") or "en"), unfinished.open("w", newline="") as file:
        file.writelines(csv_lines(accounts, sort=sort, columns=columns, names=names, progress=tell))
    unfinished.replace(path)
    return {"file": path.name, "rows": written}


def export_folder() -> Path:
    folder: Path = settings.FILES_ROOT / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
