"""One night of one size, in a process of its own.

`python -m benchmarks.night ACCOUNTS ORDERS WORKERS FILE` writes the figures as JSON.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import django

django.setup()

from analytics.lake.folders import lake_folder  # noqa: E402 - models can be imported from here on
from analytics.models import Prediction  # noqa: E402 (needs Django)
from benchmarks.database import prepare_database  # noqa: E402 (needs Django)
from benchmarks.live_models import make_models_live  # noqa: E402 (needs Django)
from benchmarks.workers import load, watch, workers  # noqa: E402 (needs Django)
from crm.models import Book, Job, OrderLine, Schedule  # noqa: E402 (needs Django)
from crm.services.jobs import enqueue  # noqa: E402 (needs Django)


def main(accounts: int, orders: int, number: int, answer: Path) -> None:
    prepare_database(accounts, orders=accounts * orders)
    Schedule.objects.update(is_enabled=False)
    make_models_live(Book.objects.get(code="generated"))
    shutil.rmtree(lake_folder(), ignore_errors=True)
    Job.objects.all().delete()
    with tempfile.TemporaryDirectory() as folder, workers(number, Path(folder)) as children:
        before = load()
        job = enqueue(task="analytics.nightly")
        seen = watch(job, children)
    figures = {
        **seen.as_json(),
        "load": before,
        "lines": OrderLine.objects.count(),
        "predictions": Prediction.objects.count(),
        "published": Job.objects.filter(state="done").count(),
    }
    answer.write_text(json.dumps(figures))
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
