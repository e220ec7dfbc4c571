"""Take accounts that were erased out of the files of the lake, at once."""

from __future__ import annotations

from typing import Any

from analytics.lake import forget
from crm.services.job_runs import RunningJob


def run(job: RunningJob) -> dict[str, Any]:
    """Write the files that speak of `params["accounts"]` anew. Running it twice changes nothing."""
    job.progress("erasing", total=1)
    forget(job.params["accounts"])
    job.progress("erasing", done=1)
    return {"accounts": len(job.params["accounts"])}
