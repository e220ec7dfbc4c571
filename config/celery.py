"""The Celery application. Tasks carry a job's id and nothing else; the rest is in its row.

Messages are acknowledged as soon as a worker takes them and results are not kept: a job that its
worker could not finish is found and sent again by the sweep (`crm.tick`), never by the broker.
"""

import os
import threading
from typing import Any

from celery import Celery, bootsteps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

TICK_SECONDS = 15


def options() -> dict[str, Any]:
    """Read the settings when Celery first needs them, for they may import this module."""
    from django.conf import settings  # noqa: PLC0415 (settings import the package `config`)

    return {
        "broker_url": settings.CELERY_BROKER_URL,
        "broker_connection_retry_on_startup": True,
        "task_default_queue": settings.CELERY_QUEUE,
        "task_ignore_result": True,
        "task_acks_late": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "worker_concurrency": 2,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,  # the log lines are config.logging's
        "worker_redirect_stdouts": False,
        "beat_schedule": {
            # An expired tick is dropped: when all workers are busy, one waiting tick is enough.
            "tick": {
                "task": "crm.tick",
                "schedule": settings.JOB_TICK_SECONDS,
                "options": {"expires": 2 * settings.JOB_TICK_SECONDS},
            }
        },
    }


class SeenStep(bootsteps.StartStopStep):
    """Take over from workers that ended here, then write down every few seconds that this one is there."""

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self.stopped = threading.Event()

    def start(self, parent: Any) -> None:
        threading.Thread(target=self.keep_saying, args=(parent.hostname,), daemon=True).start()

    def stop(self, _parent: Any) -> None:
        self.stopped.set()

    def keep_saying(self, name: str) -> None:
        from crm.services.sweep import take_over_when_starting  # noqa: PLC0415 (needs the app registry)
        from crm.services.workers import say_worker_is_there  # noqa: PLC0415 (needs the app registry)

        take_over_when_starting()
        say_worker_is_there(name=name)
        while not self.stopped.wait(TICK_SECONDS):
            say_worker_is_there(name=name)


app = Celery("sextant")
app.add_defaults(options)
app.set_default()  # threads of the web server send through it too
app.autodiscover_tasks(["crm", "campaigns", "analytics"])
app.steps["worker"].add(SeenStep)
