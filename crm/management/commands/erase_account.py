"""Erase what is personal of an account, for good. No worker is needed."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

import celery
from django.core.management.base import BaseCommand, CommandError

from crm.models import Account, Bin, Job
from crm.services.erasure import start_erasure

LOOK_SECONDS = 0.2


class Command(BaseCommand):
    """Erase what is personal of an account, standing or in the bin. It can't be undone."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("public_id", help="the account's id, as in its address")
        parser.add_argument("--yes", action="store_true", help="do not ask for the account's name")

    def handle(self, *args: Any, **options: Any) -> None:
        account_id, name = _find(options["public_id"])
        if not options["yes"] and input("This can't be undone. The account's name: ").strip() != name.strip():
            raise CommandError("This is not its name. Nothing was erased.")
        job = start_erasure(account_id=account_id, by=None)
        celery.current_app.loader.import_default_modules()
        celery.current_app.tasks[job.task].run(job_id=job.pk)
        job.refresh_from_db()
        while job.is_live:  # a worker was faster
            time.sleep(LOOK_SECONDS)
            job.refresh_from_db()
        if job.state != Job.State.DONE:
            raise CommandError(f"{job.state}: {job.error}")
        self.stdout.write(f"erased: {json.dumps(job.result)}")


def _find(text: str) -> tuple[int, str]:
    """Return number and name of the account, from its own row or from the bin."""
    try:
        public_id = UUID(text)
    except ValueError as error:
        raise CommandError(f"There is no account {text!r}.") from error
    account = Account.objects.filter(public_id=public_id).first()
    if account is not None:
        return account.pk, account.name
    row = {"table": Account._meta.db_table, "row": {"public_id": str(public_id)}}
    entry = Bin.objects.filter(kind="crm.account", rows__contains=[row]).defer("rows").first()
    if entry is None:
        raise CommandError(f"There is no account {text!r}.")
    return entry.object_id, entry.label
