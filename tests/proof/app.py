"""The product's own Celery application with one task more: `celery -A tests.proof.app worker`."""

from celery.signals import worker_init

from config.celery import app
from tests.proof import killing

__all__ = ["app"]

app.autodiscover_tasks(["tests.proof"])
worker_init.connect(lambda **_: killing.arm(), weak=False)  # when Django is set up
