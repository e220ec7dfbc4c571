"""The job that loads one demo book; its scope names the book."""

from typing import Any

from crm.pipelines.imports.layout import Layout, import_file
from crm.pipelines.imports.online_retail import ONLINE_RETAIL
from crm.pipelines.imports.taiwan_default import TAIWAN_DEFAULT
from crm.services.jobs import RunningJob

LAYOUTS: dict[str, Layout] = {"book:wholesale": ONLINE_RETAIL, "book:bank": TAIWAN_DEFAULT}


def run(job: RunningJob) -> dict[str, Any]:
    return import_file(job, LAYOUTS[job.scope])
