"""The Celery application. Tasks carry a job's id and nothing else; the rest is in its row."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("sextant")
