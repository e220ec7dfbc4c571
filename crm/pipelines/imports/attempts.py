"""What the jobs of an import have in common: finding it, and saying how it broke."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import InterfaceError, OperationalError

from crm.models import Import
from crm.pipelines.imports.kinds.spec import FileRun
from crm.pipelines.imports.reading import FileRefusedError
from crm.services.imports import mark_failed, mark_refused
from crm.services.jobs import JobLostError, RunningJob
from crm.services.organisation import ensure_organisation

# The import belongs to another attempt then, or will: its state is not for this one to say.
LEFT_TO_OTHERS = (JobLostError, OperationalError, InterfaceError)


def import_of(job: RunningJob) -> Import:
    return Import.objects.select_related("book", "owner").get(pk=job.params["import"])


def run_of(source_import: Import, *, change_set_id: int = 0) -> FileRun:
    organisation = ensure_organisation()
    return FileRun(
        source_import=source_import,
        book=source_import.book,
        reporting_currency=organisation.reporting_currency,
        zone=organisation.time_zone,
        columns={
            target["field"]: column
            for column, target in source_import.mapping.items()
            if target and "field" in target
        },
        change_set_id=change_set_id,
    )


@contextmanager
def reporting_failure(source_import: Import) -> Iterator[dict[str, Any]]:
    """Say at the import why it broke. A file that is refused as a whole is no failure of the job."""
    outcome: dict[str, Any] = {}
    try:
        yield outcome
    except LEFT_TO_OTHERS:
        raise
    except FileRefusedError as error:
        mark_refused(source_import, problem=error.problem)
        outcome["refused"] = error.code
    except Exception:
        mark_failed(source_import)
        raise
