"""The product's own Celery application with one task more: `celery -A tests.proof.app worker`."""

from config.celery import app

__all__ = ["app"]

app.autodiscover_tasks(["tests.proof"])
